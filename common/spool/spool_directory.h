/* SPDX-License-Identifier: MIT */
/*
 * The directory of a spool: its segments, NNNNNNNN.spool, and "lock", by which one
 * process at a time writes. Sentences for a person begin with the directory's path.
 */
#ifndef FANFOLD_COMMON_SPOOL_SPOOL_DIRECTORY_H
#define FANFOLD_COMMON_SPOOL_SPOOL_DIRECTORY_H

#include "common/spool/spool_format.h"

struct spool_directory {
    const char *path; /* borrowed */
    int fd;           /* -1: closed */
    int lock;         /* -1: not ours */
    char error[512];  /* why the last call failed */
};

/* Waits a moment for a lock whose owner is about to end. `creates`: makes the directory
 * if it is not there. 0; -EAGAIN: another process has the lock; other -errno. */
int spool_directory_open(struct spool_directory *directory, const char *path,
                         bool locks, bool creates);
/* Also of one that was not opened, but is {.fd = -1, .lock = -1}. */
void spool_directory_close(struct spool_directory *directory);
/* Remembers the sentence; returns `result`. */
int spool_directory_fail(struct spool_directory *directory, int result,
                         const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The numbers of the segments, rising; the caller frees them. 0 or -errno. -ENOTEMPTY:
 * there are none, and the directory is something else's; -EBADMSG: they are gone. */
int spool_directory_list(struct spool_directory *directory, uint64_t **ret_numbers,
                         size_t *ret_count);
/* What a segment is that was not finished when its writer was killed: nothing. */
int spool_directory_tidy(struct spool_directory *directory);

/* Opens a segment and reads its header. Adds its producers unless they are NULL. 0;
 * -ENOENT: it is not there; -EBADMSG: it is damaged; other -errno. */
int spool_segment_open(struct spool_directory *directory, uint64_t number, int flags,
                       struct spool_header *ret_header, struct producers *producers,
                       int *ret_fd);
/* Makes a segment that has its whole header or is not there. Sets header->size. */
int spool_segment_create(struct spool_directory *directory, struct spool_header *header,
                         const struct producers *producers, int *ret_fd);
int spool_segment_remove(struct spool_directory *directory, uint64_t number);

#define SPOOL_POSITION           "position"
#define SPOOL_POSITION_TEMPORARY "position.tmp"

enum { SPOOL_NAME_SIZE = 32 };
const char *spool_segment_name(uint64_t number, char name[SPOOL_NAME_SIZE]);

#endif
