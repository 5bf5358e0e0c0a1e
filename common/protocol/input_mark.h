/* SPDX-License-Identifier: MIT */
/*
 * A place in the inputs, between two chunks, from which a run can resume; and its
 * bytes, which travel with the chunk's task and result and lie in the journal. Only the
 * ventilator goes by it; the sink tells a person how far the output is. Pure.
 */
#ifndef FANFOLD_COMMON_PROTOCOL_INPUT_MARK_H
#define FANFOLD_COMMON_PROTOCOL_INPUT_MARK_H

#include "common/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    INPUT_MARK_MAX = 200,                    /* bytes; below MARK_MAX, with its seal */
    CURSOR_MAX = 120,                        /* characters */
    INPUT_MARK_CURSOR_MAX = CURSOR_MAX + 21, /* with how many records follow it */
};

struct input_mark {
    uint64_t offset;      /* in the input */
    uint64_t record;      /* number of the record that starts there */
    uint64_t hash;        /* of all input before it, back to where the run began */
    uint64_t hash_before; /* of all before its input */
    uint64_t input;       /* which input that is */
    uint64_t bytes;       /* of all inputs before it, back to where the run began */
    char cursor[INPUT_MARK_CURSOR_MAX + 1]; /* of a connector; "": it has none */
};

/* Writes a mark in the input of this name; NULL: the run has only one. Returns how many
 * bytes. */
size_t input_mark_write(const struct input_mark *mark, const char *name,
                        uint8_t bytes[INPUT_MARK_MAX]);
/* Reads it without its seal. False: this version did not write it. */
bool input_mark_read(struct slice bytes, struct input_mark *ret_mark);

#endif
