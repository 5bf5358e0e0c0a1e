/* SPDX-License-Identifier: MIT */
/* Which compression some bytes begin with. Pure. */
#ifndef FANFOLD_VENTILATOR_COMPRESSION_H
#define FANFOLD_VENTILATOR_COMPRESSION_H

#include <stddef.h>
#include <stdint.h>

enum compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_BZIP2,
    COMPRESSION_XZ,
    COMPRESSION_ZSTD,
    COMPRESSION_LZ4,
    COMPRESSION_COUNT,
    COMPRESSION_UNKNOWN = COMPRESSION_COUNT, /* more bytes will tell */
};

enum { COMPRESSION_BYTES_MAX = 10 }; /* are enough to tell */

/* What an input that begins with these bytes is; with so many as are enough, or at its
 * end, never COMPRESSION_UNKNOWN. */
enum compression compression_of(const uint8_t *bytes, size_t size);

/* "gzip" */
const char *compression_name(enum compression compression);

#endif
