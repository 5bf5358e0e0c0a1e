/* SPDX-License-Identifier: MIT */
#include "common/spool/spool_position.h"

#include "common/process/sync_directory.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>
#include <xxhash.h>

struct position {
    uint64_t number, checksum; /* little-endian */
};

static uint64_t checksum_of(uint64_t number)
{
    return htole64(XXH3_64bits(&number, sizeof number));
}

int spool_position_open(const char *path)
{
    char name[PATH_MAX];
    int length = snprintf(name, sizeof name, "%s/position", path);
    if (length < 0 || (size_t)length >= sizeof name)
        return -ENAMETOOLONG;
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int result = sync_directory_of(name);
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

uint64_t spool_position_read(int fd)
{
    struct position position;
    if (pread(fd, &position, sizeof position, 0) != (ssize_t)sizeof position ||
        position.checksum != checksum_of(position.number))
        return 0;
    return le64toh(position.number);
}

int spool_position_write(int fd, uint64_t number, bool syncs)
{
    struct position position = {.number = htole64(number)};
    position.checksum = checksum_of(position.number);
    ssize_t put = pwrite(fd, &position, sizeof position, 0);
    if (put != (ssize_t)sizeof position)
        return put < 0 ? -errno : -ENOSPC;
    return syncs && fdatasync(fd) != 0 ? -errno : 0;
}
