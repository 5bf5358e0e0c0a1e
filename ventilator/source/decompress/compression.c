/* SPDX-License-Identifier: MIT */
/* Compares with the first bytes of each format, as its specification has them: with so
 * many that no text begins so by chance, as one may with "BZh". */
#include "ventilator/source/decompress/compression.h"

#include <stdbool.h>
#include <string.h>

struct beginning {
    enum compression compression;
    uint8_t size;
    uint8_t sure; /* so many bytes tell, if there are no more */
    uint8_t bytes[COMPRESSION_BYTES_MAX];
    uint8_t mask[COMPRESSION_BYTES_MAX]; /* bits that count; all where it is 0 */
};

/* bzip2: a digit, and the beginning of a block or of the end. Frames to skip: pzstd and
 * others write one first. */
static const struct beginning beginnings[] = {
    {COMPRESSION_GZIP, 3, 2, {0x1f, 0x8b, 0x08}, {0}},
    {COMPRESSION_BZIP2,
     10,
     7,
     {'B', 'Z', 'h', '0', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59},
     {0, 0, 0, 0xf0}},
    {COMPRESSION_BZIP2,
     10,
     7,
     {'B', 'Z', 'h', '0', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90},
     {0, 0, 0, 0xf0}},
    {COMPRESSION_XZ, 6, 3, {0xfd, '7', 'z', 'X', 'Z', 0x00}, {0}},
    {COMPRESSION_ZSTD, 4, 3, {0x28, 0xb5, 0x2f, 0xfd}, {0}},
    {COMPRESSION_SKIPPABLE, 4, 3, {0x50, 0x2a, 0x4d, 0x18}, {0xf0}},
    {COMPRESSION_LZ4, 4, 3, {0x04, 0x22, 0x4d, 0x18}, {0}},
    {COMPRESSION_LZ4_LEGACY, 4, 3, {0x02, 0x21, 0x4c, 0x18}, {0}},
};

enum { BEGINNINGS = sizeof beginnings / sizeof *beginnings };

static bool begins(const struct beginning *beginning, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size && i < beginning->size; i++) {
        uint8_t mask = beginning->mask[i] ? beginning->mask[i] : 0xff;
        if ((bytes[i] & mask) != (beginning->bytes[i] & mask))
            return false;
    }
    return true;
}

enum compression compression_of(const uint8_t *bytes, size_t size)
{
    enum compression found = COMPRESSION_NONE;
    for (size_t i = 0; i < BEGINNINGS; i++) {
        if (!begins(&beginnings[i], bytes, size))
            continue;
        if (size >= beginnings[i].size)
            return beginnings[i].compression;
        found = COMPRESSION_UNKNOWN;
    }
    return found;
}

enum compression compression_of_all(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < BEGINNINGS; i++)
        if (size >= beginnings[i].sure && begins(&beginnings[i], bytes, size))
            return beginnings[i].compression;
    return COMPRESSION_NONE;
}
