/* SPDX-License-Identifier: MIT */
/* The first bytes of each format, as its specification has them. What a text may begin
 * with by chance ("BZh", for one) is asked for more. */
#include "ventilator/compression.h"

#include <stdbool.h>
#include <string.h>

struct beginning {
    enum compression compression;
    uint8_t size;
    uint8_t bytes[COMPRESSION_BYTES_MAX];
    uint8_t mask[COMPRESSION_BYTES_MAX]; /* bits that count; all where it is 0 */
};

/* bzip2: a digit, and the beginning of a block or of the end. zstd: a frame, or one of
 * those that a reader skips, as pzstd and others write first; lz4 has the same. */
static const struct beginning beginnings[] = {
    {COMPRESSION_GZIP, 3, {0x1f, 0x8b, 0x08}, {0}},
    {COMPRESSION_BZIP2,
     10,
     {'B', 'Z', 'h', '0', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59},
     {0, 0, 0, 0xf0}},
    {COMPRESSION_BZIP2,
     10,
     {'B', 'Z', 'h', '0', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90},
     {0, 0, 0, 0xf0}},
    {COMPRESSION_XZ, 6, {0xfd, '7', 'z', 'X', 'Z', 0x00}, {0}},
    {COMPRESSION_ZSTD, 4, {0x28, 0xb5, 0x2f, 0xfd}, {0}},
    {COMPRESSION_ZSTD, 4, {0x50, 0x2a, 0x4d, 0x18}, {0xf0}},
    {COMPRESSION_LZ4, 4, {0x04, 0x22, 0x4d, 0x18}, {0}},
};

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
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        if (!begins(&beginnings[i], bytes, size))
            continue;
        if (size >= beginnings[i].size)
            return beginnings[i].compression;
        found = COMPRESSION_UNKNOWN;
    }
    return found;
}

const char *compression_name(enum compression compression)
{
    static const char *const names[] = {
        [COMPRESSION_NONE] = "none",   [COMPRESSION_GZIP] = "gzip",
        [COMPRESSION_BZIP2] = "bzip2", [COMPRESSION_XZ] = "xz",
        [COMPRESSION_ZSTD] = "zstd",   [COMPRESSION_LZ4] = "lz4",
    };
    return compression < COMPRESSION_COUNT ? names[compression] : "?";
}
