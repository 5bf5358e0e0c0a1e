/* SPDX-License-Identifier: MIT */
#include "deploy/lib/tagged.h"

static uint32_t read_u32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
           (uint32_t)bytes[2] << 8 | bytes[3];
}

struct tagged_head tagged_head_decode(const unsigned char bytes[TAGGED_HEAD_BYTES])
{
    return (struct tagged_head){
        .seq = (uint64_t)read_u32(bytes) << 32 | read_u32(bytes + 4),
        .kind = read_u32(bytes + 8),
        .length = read_u32(bytes + 12),
    };
}

void frame_head_encode(uint32_t length, unsigned char bytes[FRAME_HEAD_BYTES])
{
    bytes[0] = (unsigned char)(length >> 24);
    bytes[1] = (unsigned char)(length >> 16);
    bytes[2] = (unsigned char)(length >> 8);
    bytes[3] = (unsigned char)length;
}
