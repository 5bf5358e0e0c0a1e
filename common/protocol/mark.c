/* SPDX-License-Identifier: MIT */
#include "common/protocol/mark.h"

#include <endian.h>
#include <lzma.h>
#include <string.h>

enum { SEQ_BYTES = 8, CRC_BYTES = 4 };

/* liblzma takes eight bytes at a time from the first on; zlib only where there are
 * many. */
static uint32_t crc_32(const uint8_t *data, size_t size)
{
    return lzma_crc32(data, size, 0);
}

size_t mark_seal(uint8_t *mark, size_t size, uint64_t seq)
{
    uint64_t number = htobe64(seq);
    memcpy(mark + size, &number, SEQ_BYTES);
    uint32_t crc = htobe32(crc_32(mark, size + SEQ_BYTES));
    memcpy(mark + size + SEQ_BYTES, &crc, CRC_BYTES);
    return size + MARK_SEAL_BYTES;
}

struct slice mark_content(struct slice mark)
{
    if (mark.size < MARK_SEAL_BYTES)
        return (struct slice){.size = 0};
    return (struct slice){.data = mark.data, .size = mark.size - MARK_SEAL_BYTES};
}

enum mark_verdict mark_check(struct slice mark, uint64_t seq, uint64_t *ret_seq)
{
    uint64_t number;
    uint32_t crc;
    if (mark.size < MARK_SEAL_BYTES)
        return MARK_BROKEN;
    size_t size = mark.size - CRC_BYTES;
    memcpy(&crc, mark.data + size, CRC_BYTES);
    memcpy(&number, mark.data + size - SEQ_BYTES, SEQ_BYTES);
    if (be32toh(crc) != crc_32(mark.data, size))
        return MARK_BROKEN;
    *ret_seq = be64toh(number);
    return *ret_seq == seq ? MARK_RIGHT : MARK_OF_ANOTHER;
}

struct slice mark_input(struct slice mark)
{
    struct slice content = mark_content(mark);
    if (content.size == 0 || content.data[0] >= content.size)
        return (struct slice){.size = 0};
    return (struct slice){.data = content.data + 1, .size = content.data[0]};
}
