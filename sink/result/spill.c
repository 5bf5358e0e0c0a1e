/* SPDX-License-Identifier: MIT */
/*
 * Extents in an unlinked file. There are never more gaps than extents, and extents are
 * bounded by the window. A large extent's disk space goes back at once; that of a small
 * one is kept for the next, until the file is empty.
 */
#include "sink/result/spill.h"
#include "common/memory.h"
#include "sink/result/free_space.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PUNCH_MIN = 256 << 10 };

struct spill {
    char *directory;
    int fd;       /* -1: no file yet */
    bool punches; /* the file system makes holes, as far as is known */
    struct free_space space;
};

struct spill *spill_new(const char *directory)
{
    struct spill *spill = allocate_zeroed(1, sizeof *spill);
    spill->directory = allocate_text("%s", directory);
    spill->fd = -1;
    spill->punches = true;
    free_space_init(&spill->space);
    return spill;
}

void spill_destroy(struct spill **spill_p)
{
    struct spill *spill = *spill_p;
    if (!spill)
        return;
    if (spill->fd >= 0)
        close(spill->fd);
    free_space_deinit(&spill->space);
    free(spill->directory);
    free(spill);
    *spill_p = NULL;
}

static const char named[] = "fanfold-spill-", unique[] = "XXXXXX";

/* A sink that was killed right after it made such a file has left it. Whoever lives and
 * has one holds a lock, and wants its name away in any case. */
static void sweep(const char *directory)
{
    struct stat status;
    DIR *entries = opendir(directory);
    if (!entries)
        return;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        const char *name = entry->d_name;
        if (strncmp(name, named, strlen(named)) != 0 ||
            strlen(name) != strlen(named) + strlen(unique))
            continue;
        int fd =
            openat(dirfd(entries), name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
            status.st_uid == geteuid() && status.st_size == 0 &&
            flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlinkat(dirfd(entries), name, 0);
        if (fd >= 0)
            close(fd);
    }
    closedir(entries);
}

/* Where the file system knows no nameless file, makes one and takes its name away. */
static int open_named(const char *directory)
{
    char path[PATH_MAX];
    int fd, length = snprintf(path, sizeof path, "%s/%s%s", directory, named, unique);
    if (length < 0 || (size_t)length >= sizeof path)
        return -ENAMETOOLONG;
    sweep(directory);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)flock(fd, LOCK_EX | LOCK_NB);
    unlink(path);
    return fd;
}

int spill_open(struct spill *spill)
{
    int fd;
    if (spill->fd >= 0)
        return 0;
    fd = open(spill->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT))
        fd = open_named(spill->directory);
    else if (fd < 0)
        fd = -errno;
    if (fd < 0)
        return fd;
    spill->fd = fd;
    return 0;
}

/* Gives the disk space of whole pages back, where that is worth a call. */
static void punch(struct spill *spill, uint64_t offset, size_t size)
{
    if (!spill->punches || size < PUNCH_MIN)
        return;
    int error = fallocate(spill->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                          (off_t)offset, (off_t)size);
    spill->punches = error == 0 || errno == EINTR;
}

void spill_release(struct spill *spill, uint64_t offset, size_t size)
{
    free_space_give(&spill->space, offset, size);
    if (spill->space.end > 0)
        punch(spill, offset, size);
    else if (ftruncate(spill->fd, 0) != 0)
        return; /* the space stays ours until the file is closed: no harm */
}

static int write_at(int fd, const uint8_t *data, size_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t written = pwrite(fd, data, size, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -ENOSPC;
        data += written;
        size -= (size_t)written;
        offset += (size_t)written;
    }
    return 0;
}

int spill_write(struct spill *spill, const void *data, size_t size,
                uint64_t *ret_offset)
{
    int result = spill_open(spill);
    assert(size > 0);
    if (result < 0)
        return result;
    uint64_t offset = free_space_take(&spill->space, size);
    result = write_at(spill->fd, data, size, offset);
    if (result < 0)
        spill_release(spill, offset, size);
    else
        *ret_offset = offset;
    return result;
}

int spill_read(struct spill *spill, uint64_t offset, void *data, size_t size)
{
    uint8_t *next = data;
    while (size > 0) {
        ssize_t count = pread(spill->fd, next, size, (off_t)offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? -errno : -EIO;
        next += count;
        size -= (size_t)count;
        offset += (size_t)count;
    }
    return 0;
}

const char *spill_directory(const struct spill *spill)
{
    return spill->directory;
}
