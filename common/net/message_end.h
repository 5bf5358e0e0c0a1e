/* SPDX-License-Identifier: MIT */
/*
 * What -i and -o say where messages come from or go to, and not a file's bytes:
 *
 *     KIND:[@|>]ENDPOINT      KIND is pull, sub, push, pub or dealer
 *
 * "@" binds the endpoint; ">", or nothing, connects to it. Pure.
 */
#ifndef FANFOLD_COMMON_NET_MESSAGE_END_H
#define FANFOLD_COMMON_NET_MESSAGE_END_H

#include <stdbool.h>
#include <stddef.h>

/* X(NAME, word, it brings messages in, it takes them out) */
#define MESSAGE_KINDS(X)         \
    X(PULL, "pull", true, false) \
    X(SUB, "sub", true, false)   \
    X(PUSH, "push", false, true) \
    X(PUB, "pub", false, true)   \
    X(DEALER, "dealer", true, true)

enum message_kind {
#define X(name, word, in, out) MESSAGE_##name,
    MESSAGE_KINDS(X)
#undef X
        MESSAGE_KIND_COUNT
};

/* Of --hwm: messages. */
enum { HWM_MAX = 1000000 };

enum message_direction { MESSAGES_IN, MESSAGES_OUT };

struct message_end {
    enum message_kind kind;
    bool binds;
    const char *endpoint; /* within the text that was parsed */
};

const char *message_kind_word(enum message_kind kind);

/*
 * 1: it is one; 0: it is none, but the name of a file; -EINVAL: it looks like one and
 * is wrong, with a sentence in `error` that begins with the text. A file of such a name
 * is written "./pull:a".
 */
int message_end_parse(const char *text, enum message_direction direction,
                      struct message_end *ret_end, char *error, size_t error_size);

#endif
