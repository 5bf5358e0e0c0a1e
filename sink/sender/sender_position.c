/* SPDX-License-Identifier: MIT */
#include "sink/sender/sender_position.h"

#include "common/process/sync_directory.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

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
    int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    int fd = openat(directory, "position", flags, 0600);
    if (fd < 0)
        return -errno;
    int result = sync_directory(directory);
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

struct sender_position sender_position_read(int fd)
{
    struct stored stored;
    if (pread(fd, &stored, sizeof stored, 0) != (ssize_t)sizeof stored ||
        stored.checksum != checksum_of(&stored))
        return (struct sender_position){.offset = 0};
    return (struct sender_position){stored.run, le64toh(stored.offset),
                                    le64toh(stored.number)};
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
