/* SPDX-License-Identifier: MIT */
/* The 128-bit random name of a run, a ventilator, a worker or an incarnation of a sink.
 * Pure; random_id.h makes one. */
#ifndef FANFOLD_COMMON_ID_H
#define FANFOLD_COMMON_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct id {
    uint8_t bytes[16];
};

enum { ID_TEXT_SIZE = 33 };

/* 32 digits of base 16. */
static inline void id_text(const struct id *id, char text[ID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof id->bytes; i++) {
        text[2 * i] = digits[id->bytes[i] >> 4];
        text[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    text[ID_TEXT_SIZE - 1] = '\0';
}

static inline bool id_equal(const struct id *a, const struct id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

#endif
