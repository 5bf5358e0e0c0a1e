/* SPDX-License-Identifier: MIT */
#include "sink/sender/sender_position.h"

#include "common/spool/spool_directory.h"
#include "common/spool/whole_file.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
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
    int fd = openat(directory, SPOOL_POSITION, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
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

static struct stored stored_of(const struct sender_position *position)
{
    struct stored stored = {.run = position->run,
                            .offset = htole64(position->offset),
                            .number = htole64(position->number)};
    stored.checksum = checksum_of(&stored);
    return stored;
}

int sender_position_write(int fd, const struct sender_position *position)
{
    const struct stored stored = stored_of(position);
    return whole_file_put(fd, &stored, sizeof stored, true);
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

static int make(int directory)
{
    const struct stored none = stored_of(&(struct sender_position){.offset = 0});
    int fd = whole_file_make(directory, SPOOL_POSITION, SPOOL_POSITION_TEMPORARY, &none,
                             sizeof none);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
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
