/* SPDX-License-Identifier: MIT */
/*
 * A part: a result that is a file of its own, DIR/RUN/SEQ.EPOCH.ATTEMPT, and its line
 * in the manifest, "SEQ RUN/NAME BYTES HASH". The name is that of the attempt, so that
 * no two write to one file. A result without a byte is no file, and its name is "-".
 */
#ifndef FANFOLD_COMMON_PARTS_PART_H
#define FANFOLD_COMMON_PARTS_PART_H

#include "common/id.h"
#include "common/slice.h"
#include <stdbool.h>

enum {
    PART_NAME_MAX = 64, /* with the NUL */
    PART_PATH_MAX = ID_TEXT_SIZE + PART_NAME_MAX,
    PART_LINE_MAX = PART_PATH_MAX + 64,
};

struct part {
    uint64_t seq;
    char path[PART_PATH_MAX]; /* below DIR; "-": there is no file */
    uint64_t bytes;
    uint64_t hash; /* XXH64 of the bytes */
};

void part_name(uint64_t seq, uint64_t epoch, uint32_t attempt,
               char name[PART_NAME_MAX]);
/* It is the name of a part of that seq. */
bool part_name_is_of(const char *name, uint64_t seq);

/* Returns the size of the line, which ends with a newline. */
size_t part_line(const struct part *part, char line[PART_LINE_MAX]);
/* `line` is without its newline. False: it is no part's. */
bool part_line_read(struct slice line, struct part *ret_part);

/* What a RESULT says of a part, at most PART_MAX bytes: its name and its hash. */
size_t part_pack(const char *name, uint64_t hash, uint8_t *to);
bool part_unpack(struct slice packed, char name[PART_NAME_MAX], uint64_t *ret_hash);

/* Writes the file under NAME.tmp, brings it onto the disk, and gives it its name, which
 * the directory's own sync makes last. 0 or -errno, and then there is none. Makes
 * system calls alone: good after a fork. */
int part_write(int directory, const char name[PART_NAME_MAX], struct slice bytes);

#endif
