/* SPDX-License-Identifier: MIT */
/* What the sink writes with --frames-out=tagged: before each result a head of 16 bytes,
 * its numbers big-endian: seq (8), kind (4), length (4). And the frame before a record,
 * as --format frames reads it. Pure. */
#ifndef FANFOLD_DEPLOY_LIB_TAGGED_H
#define FANFOLD_DEPLOY_LIB_TAGGED_H

#include <stddef.h>
#include <stdint.h>

enum { TAGGED_HEAD_BYTES = 16, FRAME_HEAD_BYTES = 4 };

enum tagged_kind { TAGGED_RESULT = 0, TAGGED_DEAD_LETTER = 1 };

struct tagged_head {
    uint64_t seq;
    uint32_t kind;
    uint32_t length;
};

struct tagged_head tagged_head_decode(const unsigned char bytes[TAGGED_HEAD_BYTES]);
void frame_head_encode(uint32_t length, unsigned char bytes[FRAME_HEAD_BYTES]);

#endif
