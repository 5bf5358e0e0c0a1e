/* SPDX-License-Identifier: MIT */
#include "sink/sender/sender_position.h"

#include "common/process/sync_directory.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <xxhash.h>

#define NAME      "position"
#define TEMPORARY "position.tmp"

struct stored {
    struct id run;
    uint64_t offset, number, checksum; /* little-endian */
};

static uint64_t checksum_of(const struct stored *stored)
{
    return htole64(XXH3_64bits(stored, offsetof(struct stored, checksum)));
}

int sender_position_open(int directory)
{
    int fd = openat(directory, NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

bool sender_position_read(int fd, struct sender_position *ret_position)
{
    struct stored stored;
    bool good = pread(fd, &stored, sizeof stored, 0) == (ssize_t)sizeof stored &&
                stored.checksum == checksum_of(&stored);
    *ret_position = good ? (struct sender_position){stored.run, le64toh(stored.offset),
                                                    le64toh(stored.number)}
                         : (struct sender_position){.offset = 0};
    return good;
}

/* So short a write lies in one sector: it is there or not. */
int sender_position_write(int fd, const struct sender_position *position)
{
    struct stored stored = {.run = position->run,
                            .offset = htole64(position->offset),
                            .number = htole64(position->number)};
    stored.checksum = checksum_of(&stored);
    ssize_t put = pwrite(fd, &stored, sizeof stored, 0);
    if (put != (ssize_t)sizeof stored)
        return put < 0 ? -errno : -ENOSPC;
    return fdatasync(fd) == 0 ? 0 : -errno;
}

/* ---- making it ---- */

static bool is_good(int directory)
{
    struct sender_position position;
    int fd = sender_position_open(directory);
    bool good = fd >= 0 && sender_position_read(fd, &position);
    if (fd >= 0)
        close(fd);
    return good;
}

/* All of it, or nothing. */
static int make(int directory)
{
    int flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
    int fd = openat(directory, TEMPORARY, flags, 0600);
    int result =
        fd < 0 ? -errno
               : sender_position_write(fd, &(struct sender_position){.offset = 0});
    if (result == 0 && fsync(fd) != 0)
        result = -errno;
    if (fd >= 0)
        close(fd);
    if (result == 0 && renameat(directory, TEMPORARY, directory, NAME) != 0)
        result = -errno;
    return result < 0 ? result : sync_directory(directory);
}

int sender_position_prepare(const char *path)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    int result = is_good(directory) ? 0 : make(directory);
    close(directory);
    return result;
}
