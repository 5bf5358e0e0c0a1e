/* SPDX-License-Identifier: MIT */
/*
 * A place in the inputs, between two chunks, from which a run can resume; and its
 * bytes, which travel with the chunk's task and result and lie in the journal. Pure.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_MARK_H
#define FANFOLD_VENTILATOR_SOURCE_MARK_H

#include "common/slice.h"
#include "ventilator/source/chunk.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mark {
    uint64_t offset;      /* in the input */
    uint64_t record;      /* number of the record that starts there */
    uint64_t hash;        /* of all input before it, back to where the run began */
    uint64_t hash_before; /* of all before its input */
    uint64_t input;       /* which input that is */
};

/* Writes a mark in the input of this name; NULL: the run has only one. Returns how many
 * bytes. */
size_t mark_write(const struct mark *mark, const char *name,
                  uint8_t bytes[CHUNK_MARK_MAX]);
/* Reads it without its seal. False: this version did not write it. */
bool mark_read(struct slice bytes, struct mark *ret_mark);

#endif
