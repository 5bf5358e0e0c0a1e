/* SPDX-License-Identifier: MIT */
/* Which compression some bytes begin with. Pure. */
#ifndef FANFOLD_VENTILATOR_SOURCE_DECOMPRESS_COMPRESSION_H
#define FANFOLD_VENTILATOR_SOURCE_DECOMPRESS_COMPRESSION_H

#include <stddef.h>
#include <stdint.h>

enum compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_BZIP2,
    COMPRESSION_XZ,
    COMPRESSION_ZSTD,
    COMPRESSION_LZ4,
    COMPRESSION_LZ4_LEGACY, /* lz4's first kind of frame */
    COMPRESSION_SKIPPABLE, /* a frame to skip: zstd's or lz4's, as the next one tells */
    COMPRESSION_COUNT,
    COMPRESSION_UNKNOWN = COMPRESSION_COUNT, /* more bytes will tell */
};

enum { COMPRESSION_BYTES_MAX = 10 }; /* so many tell */

/* The compression of an input that begins with these bytes. COMPRESSION_UNKNOWN: more
 * bytes will tell, if the input has more; never with COMPRESSION_BYTES_MAX of them. */
enum compression compression_of(const uint8_t *bytes, size_t size);
/* Of an input that has no more than these bytes, which may be cut short within those
 * that tell: never COMPRESSION_UNKNOWN. */
enum compression compression_of_all(const uint8_t *bytes, size_t size);

#endif
