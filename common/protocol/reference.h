/* SPDX-License-Identifier: MIT */
/*
 * A chunk by reference, which TASK carries in place of its bytes (kind 1): the file
 * that has them, by a descriptor of the ventilator's or by its path below a directory
 * that both see, and the pieces that the chunk is made of: places in that file, and
 * bytes that are in none. PROTOCOL.md, *Chunks by reference*, is the normative text.
 */
#ifndef FANFOLD_COMMON_PROTOCOL_REFERENCE_H
#define FANFOLD_COMMON_PROTOCOL_REFERENCE_H

#include "common/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REFERENCE_PIECES_MAX = 16,
    REFERENCE_LITERAL_MAX = 1024,   /* bytes */
    REFERENCE_PATH_MAX = 4095,      /* bytes */
    REFERENCE_BYTES_MAX = 21 << 10, /* of what reference_write gives */
};

/* Which file, and in what state. */
struct reference_file {
    struct slice path; /* below the root; no data: by descriptor */
    uint32_t pid;      /* of the process that has it open, as descriptor; */
    uint32_t descriptor;
    uint64_t device; /* all three: 0 where there is a path */
    uint64_t inode;
    uint64_t size;     /* bytes */
    uint64_t mtime_ns; /* its last change, since 1970 */
};

struct reference_piece {
    uint64_t offset;      /* in the file; of a literal 0 */
    uint64_t length;      /* bytes, at least 1 */
    struct slice literal; /* these bytes; no data: they are in the file */
};

struct reference {
    struct reference_file file;
    uint64_t length; /* of the chunk: the sum of the pieces' */
    uint32_t count;  /* 1 .. REFERENCE_PIECES_MAX */
    struct reference_piece pieces[REFERENCE_PIECES_MAX];
};

/* How many bytes it takes. A reference beyond the bounds is a bug of the caller's. */
size_t reference_write(const struct reference *reference,
                       uint8_t bytes[REFERENCE_BYTES_MAX]);

/* False: these bytes are none, or one of a kind that only a later version has. Literals
 * borrow from them. Skips what a later version has added behind the fields. */
bool reference_read(struct slice bytes, struct reference *ret_reference);

#endif
