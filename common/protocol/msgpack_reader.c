/* SPDX-License-Identifier: MIT */
/*
 * The scanner is msgpack/unpack_template.h, instantiated with callbacks that note their
 * arguments. The scanner stops by itself after a scalar; at the head of an array or a
 * map the callback refuses, which leaves the offset on the head's last byte.
 */
#include "common/protocol/msgpack_reader.h"

#define MSGPACK_EMBED_STACK_SIZE 1
#include <msgpack/unpack.h>

#include <msgpack/unpack_define.h>

enum { SCAN_HEAD = -100 }; /* none of msgpack-c's own */

typedef struct token *token_user; /* the template wants one word */

#define msgpack_unpack_struct(name)    struct scan##name
#define msgpack_unpack_func(ret, name) static inline ret scan##name
#define msgpack_unpack_callback(name)  on##name
#define msgpack_unpack_object          int
#define msgpack_unpack_user            token_user

static inline int on_root(token_user *user)
{
    (void)user;
    return 0;
}

static inline int note(token_user *user, enum token_kind kind, uint64_t number)
{
    (*user)->kind = kind;
    (*user)->number = number;
    return 0;
}

static inline int note_slice(token_user *user, enum token_kind kind, const char *data,
                             unsigned int size)
{
    (*user)->kind = kind;
    (*user)->slice.data = (const uint8_t *)(size > 0 ? data : "");
    (*user)->slice.size = size;
    return 0;
}

#define ON_UNSIGNED(bits)                                                             \
    static inline int on_uint##bits(token_user *user, uint##bits##_t value, int *ret) \
    {                                                                                 \
        *ret = 0;                                                                     \
        return note(user, TOKEN_NUMBER, value);                                       \
    }
ON_UNSIGNED(8)
ON_UNSIGNED(16)
ON_UNSIGNED(32)
ON_UNSIGNED(64)

#define ON_SIGNED(bits)                                                                \
    static inline int on_int##bits(token_user *user, int##bits##_t value, int *ret)    \
    {                                                                                  \
        *ret = 0;                                                                      \
        return note(user, value < 0 ? TOKEN_NEGATIVE : TOKEN_NUMBER, (uint64_t)value); \
    }
ON_SIGNED(8)
ON_SIGNED(16)
ON_SIGNED(32)
ON_SIGNED(64)

#define ON_PLAIN(name, kind, number)                        \
    static inline int on_##name(token_user *user, int *ret) \
    {                                                       \
        *ret = 0;                                           \
        return note(user, kind, number);                    \
    }
ON_PLAIN(nil, TOKEN_OTHER, 0)
ON_PLAIN(true, TOKEN_FLAG, 1)
ON_PLAIN(false, TOKEN_FLAG, 0)

static inline int on_float(token_user *user, float value, int *ret)
{
    (void)value;
    *ret = 0;
    return note(user, TOKEN_OTHER, 0);
}

static inline int on_double(token_user *user, double value, int *ret)
{
    (void)value;
    *ret = 0;
    return note(user, TOKEN_OTHER, 0);
}

#define ON_BYTES(name, kind)                                                        \
    static inline int on_##name(token_user *user, const char *base, const char *at, \
                                unsigned int size, int *ret)                        \
    {                                                                               \
        (void)base;                                                                 \
        *ret = 0;                                                                   \
        return note_slice(user, kind, at, size);                                    \
    }
ON_BYTES(str, TOKEN_TEXT)
ON_BYTES(bin, TOKEN_BYTES)
ON_BYTES(ext, TOKEN_OTHER)

#define ON_CONTAINER(name, kind)                                                \
    static inline int on_##name(token_user *user, unsigned int count, int *ret) \
    {                                                                           \
        *ret = 0;                                                               \
        note(user, kind, count);                                                \
        return SCAN_HEAD;                                                       \
    }
ON_CONTAINER(array, TOKEN_ARRAY)
ON_CONTAINER(map, TOKEN_MAP)

/* The scanner stops at the head, so no item ever reaches these. */
static inline int on_array_item(token_user *user, int *array, int item)
{
    (void)user, (void)array, (void)item;
    return MSGPACK_UNPACK_PARSE_ERROR;
}

static inline int on_map_item(token_user *user, int *map, int key, int value)
{
    (void)user, (void)map, (void)key, (void)value;
    return MSGPACK_UNPACK_PARSE_ERROR;
}

#include <msgpack/unpack_template.h>

enum token_kind msgpack_read(struct msgpack_reader *reader, struct token *ret_token)
{
    struct scan_context context;
    context.user = ret_token;
    scan_init(&context);
    int ret = scan_execute(&context, (const char *)reader->data, reader->size,
                           &reader->offset);
    if (ret == SCAN_HEAD)
        reader->offset++;
    else if (ret != 1)
        ret_token->kind = TOKEN_BROKEN;
    return ret_token->kind;
}
