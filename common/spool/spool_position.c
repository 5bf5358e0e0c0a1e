/* SPDX-License-Identifier: MIT */
#include "common/spool/spool_position.h"

#include "common/spool/whole_file.h"
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { POSITION_VERSION = 1 };

#define REMEDY "restore the spool's files from a copy, or use a new directory"

struct stored {
    char magic[8];
    uint32_t version, lost; /* these and below: little-endian */
    struct id spool;
    uint64_t number, checksum;
};

static const char magic[8] = {'f', 'a', 'n', 'f', 'o', 'l', 'd', 'P'};

static uint64_t checksum_of(const struct stored *stored)
{
    return htole64(XXH3_64bits(stored, offsetof(struct stored, checksum)));
}

static struct stored stored_of(const struct spool_position *position)
{
    struct stored stored = {.version = htole32(POSITION_VERSION),
                            .lost = htole32(position->lost),
                            .spool = position->spool,
                            .number = htole64(position->number)};
    memcpy(stored.magic, magic, sizeof magic);
    stored.checksum = checksum_of(&stored);
    return stored;
}

/* ---- reading ---- */

static int fail_to(struct spool_directory *directory, int error, const char *what)
{
    return spool_directory_fail(directory, error, "cannot %s " SPOOL_POSITION ": %s",
                                what, strerror(-error));
}

static int refuse(struct spool_directory *directory, const char *what)
{
    return spool_directory_fail(
        directory, -EBADMSG,
        SPOOL_POSITION " %s, so that nobody knows what was committed; " REMEDY, what);
}

static int read_from(struct spool_position *position)
{
    struct stored stored;
    ssize_t got = pread(position->fd, &stored, sizeof stored, 0);
    if (got < 0)
        return fail_to(position->directory, -errno, "read");
    if (got != (ssize_t)sizeof stored ||
        memcmp(stored.magic, magic, sizeof magic) != 0 ||
        stored.checksum != checksum_of(&stored))
        return refuse(position->directory, "is damaged");
    if (le32toh(stored.version) != POSITION_VERSION)
        return refuse(position->directory, "was written by another version of fanfold");
    if (!id_equal(&position->spool, &stored.spool))
        return refuse(position->directory, "is of another spool");
    position->number = le64toh(stored.number);
    position->lost = stored.lost != 0;
    return 0;
}

static int open_file(struct spool_directory *directory, int flags)
{
    int fd = openat(directory->fd, SPOOL_POSITION, flags | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return refuse(directory, "is missing");
    return fd < 0 ? fail_to(directory, -errno, "open") : fd;
}

/* ---- opening ---- */

static int create(struct spool_directory *directory,
                  const struct spool_position *position)
{
    const struct stored stored = stored_of(position);
    int fd = whole_file_make(directory->fd, SPOOL_POSITION, SPOOL_POSITION_TEMPORARY,
                             &stored, sizeof stored);
    if (fd < 0)
        return fail_to(directory, fd, "make");
    close(fd);
    return 0;
}

static int judge(const struct spool_position *position, uint64_t first, uint64_t next)
{
    if (position->lost)
        return refuse(position->directory, "says that committed messages were lost");
    if (position->number > next)
        return spool_directory_fail(
            position->directory, -EBADMSG,
            "it ends before entry %" PRIu64 ", but " SPOOL_POSITION " says that a run "
            "has committed all before entry %" PRIu64 "; " REMEDY,
            next, position->number);
    if (position->number < first)
        return spool_directory_fail(position->directory, -EBADMSG,
                                    "it begins with entry %" PRIu64
                                    ", but " SPOOL_POSITION " says that no run "
                                    "has committed entry %" PRIu64 "; " REMEDY,
                                    first, position->number);
    return 0;
}

int spool_position_open(struct spool_position *position,
                        struct spool_directory *directory, const struct id *spool,
                        uint64_t first, uint64_t next)
{
    *position =
        (struct spool_position){.directory = directory, .fd = -1, .spool = *spool};
    int result = 0;
    if (next == 0 &&
        faccessat(directory->fd, SPOOL_POSITION, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        result = create(directory, position);
    if (result == 0)
        result = position->fd = open_file(directory, O_RDWR);
    if (result >= 0)
        result = read_from(position);
    return result < 0 ? result : judge(position, first, next);
}

void spool_position_close(struct spool_position *position)
{
    if (position->fd < 0)
        return;
    fdatasync(position->fd);
    close(position->fd);
    position->fd = -1;
}

/* ---- writing ---- */

static int save(struct spool_position *position, bool syncs)
{
    const struct stored stored = stored_of(position);
    int result = whole_file_put(position->fd, &stored, sizeof stored, syncs);
    return result < 0 ? fail_to(position->directory, result, "write") : 0;
}

int spool_position_advance(struct spool_position *position, uint64_t number, bool syncs)
{
    if (number > position->number)
        position->number = number;
    return save(position, syncs);
}

int spool_position_lose(struct spool_position *position)
{
    position->lost = true;
    return save(position, true);
}
