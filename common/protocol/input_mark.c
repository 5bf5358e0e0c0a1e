/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a mark: 1 byte, the length of the input's name; that name, as mark_input
 * reads it, empty where the run has one input; 1 byte, the form; then five
 * little-endian u64 in the order of the struct's fields. Form 4 is that; form 5, where
 * `bytes` is not `offset` or there is a cursor, has `bytes` and the cursor behind it.
 */
#include "common/protocol/input_mark.h"

#include "common/protocol/mark.h"
#include "common/protocol/message.h"
#include <assert.h>
#include <endian.h>
#include <string.h>

/* Sizes are without the name. */
enum {
    MARK_PLAIN = 4,
    MARK_WITH_CURSOR = 5,
    MARK_NUMBERS = 5,
    MARK_SIZE = 2 + 8 * MARK_NUMBERS,
    INPUT_NAME_MAX = 118,
};

static_assert(INPUT_MARK_MAX + MARK_SEAL_BYTES <= MARK_MAX, "a mark has room");
static_assert(MARK_SIZE + 8 + INPUT_NAME_MAX <= INPUT_MARK_MAX, "also with a name");
static_assert(MARK_SIZE + 8 + INPUT_MARK_CURSOR_MAX <= INPUT_MARK_MAX,
              "also with a cursor");

/* Keeps the end of a long name, which tells it from others. Returns how many bytes. */
static size_t put_name(const char *name, uint8_t *to)
{
    static const char more[] = "...";
    size_t size = name ? strlen(name) : 0, cut = strlen(more);
    if (size <= INPUT_NAME_MAX) {
        memcpy(to, name ? name : "", size);
        return size;
    }
    memcpy(to, more, cut);
    memcpy(to + cut, name + size - (INPUT_NAME_MAX - cut), INPUT_NAME_MAX - cut);
    return INPUT_NAME_MAX;
}

/* An input with cursors is the only one, and has no name. */
static size_t put_rest(const struct input_mark *mark, uint8_t *to)
{
    uint64_t bytes = htole64(mark->bytes);
    size_t size = strlen(mark->cursor);
    memcpy(to, &bytes, sizeof bytes);
    memcpy(to + sizeof bytes, mark->cursor, size);
    return sizeof bytes + size;
}

size_t input_mark_write(const struct input_mark *mark, const char *name,
                        uint8_t bytes[INPUT_MARK_MAX])
{
    uint64_t numbers[MARK_NUMBERS] = {
        htole64(mark->offset),      htole64(mark->record), htole64(mark->hash),
        htole64(mark->hash_before), htole64(mark->input),
    };
    bool plain = mark->bytes == mark->offset && *mark->cursor == '\0';
    assert(!name || *mark->cursor == '\0');
    size_t name_size = put_name(name, bytes + 1);
    uint8_t *own = bytes + 1 + name_size;
    bytes[0] = (uint8_t)name_size;
    own[0] = plain ? MARK_PLAIN : MARK_WITH_CURSOR;
    memcpy(own + 1, numbers, sizeof numbers);
    size_t size = MARK_SIZE + name_size;
    return plain ? size : size + put_rest(mark, bytes + size);
}

/* False: it is none. */
static bool read_rest(struct slice rest, struct input_mark *mark)
{
    uint64_t bytes;
    if (rest.size < sizeof bytes || rest.size > sizeof bytes + INPUT_MARK_CURSOR_MAX)
        return false;
    memcpy(&bytes, rest.data, sizeof bytes);
    mark->bytes = le64toh(bytes);
    memcpy(mark->cursor, rest.data + sizeof bytes, rest.size - sizeof bytes);
    return true;
}

bool input_mark_read(struct slice bytes, struct input_mark *ret_mark)
{
    uint64_t numbers[MARK_NUMBERS];
    if (bytes.size == 0)
        return false;
    size_t name_size = bytes.data[0], size = MARK_SIZE + name_size;
    const uint8_t *own = bytes.data + 1 + name_size;
    if (bytes.size < size || (own[0] != MARK_PLAIN && own[0] != MARK_WITH_CURSOR) ||
        (own[0] == MARK_PLAIN && bytes.size != size))
        return false;
    memcpy(numbers, own + 1, sizeof numbers);
    struct input_mark mark = {.offset = le64toh(numbers[0]),
                              .record = le64toh(numbers[1]),
                              .hash = le64toh(numbers[2]),
                              .hash_before = le64toh(numbers[3]),
                              .input = le64toh(numbers[4])};
    mark.bytes = mark.offset;
    struct slice rest = {bytes.data + size, bytes.size - size};
    if (own[0] == MARK_WITH_CURSOR && !read_rest(rest, &mark))
        return false;
    *ret_mark = mark;
    return true;
}
