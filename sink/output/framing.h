/* SPDX-License-Identifier: MIT */
/*
 * How the output tells where a result, or a record of one, ends: not at all, or by a
 * head before it. fanfold-sink(1) describes the heads. Pure.
 */
#ifndef FANFOLD_SINK_OUTPUT_FRAMING_H
#define FANFOLD_SINK_OUTPUT_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers are the journal's. */
enum framing {
    FRAMING_NONE,
    FRAMING_RESULT, /* a length before each result */
    FRAMING_RECORD, /* a length before each record of a result */
    FRAMING_TAGGED, /* seq, kind and length before each result and each dead letter */
};

enum { FRAME_HEAD_BYTES = 4, FRAME_HEAD_MAX = 16 };

/* The longest body that a head can announce. */
#define FRAME_BODY_MAX UINT64_C(0xffffffff)

/* Kinds of a tagged frame. */
enum { FRAME_OF_RESULT, FRAME_OF_DEAD_LETTER };

struct frame {
    uint64_t seq;
    uint64_t size; /* of the body, at most FRAME_BODY_MAX */
    bool dead_letter;
};

/* "result", "record", "tagged"; NULL: the first of them. False: it is none of them. */
bool framing_parse(const char *word, enum framing *ret_framing);
/* Fills in the head and returns its size. 0: nothing stands before this body. */
size_t framing_head(enum framing framing, const struct frame *frame,
                    uint8_t head[FRAME_HEAD_MAX]);

#endif
