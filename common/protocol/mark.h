/* SPDX-License-Identifier: MIT */
/*
 * The seal of a mark: its last bytes, which bind it to its task. A worker gives marks
 * back unchanged, but may mistake one for another, or change it; the seal shows that.
 * It is no secret and keeps nobody from forging one. Pure.
 */
#ifndef FANFOLD_COMMON_PROTOCOL_MARK_H
#define FANFOLD_COMMON_PROTOCOL_MARK_H

#include "common/slice.h"

/* The seq, and the CRC-32 of all before it, both big-endian. */
enum { MARK_SEAL_BYTES = 8 + 4 };

/* Appends the seal to the `size` bytes of the mark, which have room for it; returns the
 * new size. */
size_t mark_seal(uint8_t *mark, size_t size, uint64_t seq);

enum mark_verdict {
    MARK_RIGHT,
    MARK_OF_ANOTHER, /* whole, but of the task *ret_seq */
    MARK_BROKEN,     /* no ventilator has made these bytes */
};

/* Whether the mark is the one of the task `seq`. */
enum mark_verdict mark_check(struct slice mark, uint64_t seq, uint64_t *ret_seq);
/* What lies before the seal; empty if there is no room for a seal. */
struct slice mark_content(struct slice mark);
/* Where there are several inputs, the mark of a chunk names the one that it comes from.
 * The name lies in the mark; empty: there is none. */
struct slice mark_input(struct slice mark);

/* In the first byte of an input's name: the run keeps this input from its beginning,
 * though nothing may be written yet. */
enum { INPUT_PINNED = 0x80 };

#endif
