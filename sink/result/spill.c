/* SPDX-License-Identifier: MIT */
/*
 * Extents in an unlinked file. `gaps` are the free ranges below `end`, ascending and
 * never touching each other or the end: first fit, else at the end. There are never
 * more gaps than extents, and extents are bounded by the window.
 */
#include "sink/result/spill.h"
#include "common/memory.h"
#include "common/protocol/message.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct spill {
    char *directory;
    int fd; /* -1: no file yet */
    uint64_t end;
    struct range *gaps;
    size_t gap_count;
    size_t gap_capacity;
};

struct spill *spill_new(const char *directory)
{
    struct spill *spill = allocate_zeroed(1, sizeof *spill);
    spill->directory = allocate_text("%s", directory);
    spill->fd = -1;
    return spill;
}

void spill_destroy(struct spill **spill_p)
{
    struct spill *spill = *spill_p;
    if (!spill)
        return;
    if (spill->fd >= 0)
        close(spill->fd);
    free(spill->gaps);
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

static int open_file(struct spill *spill)
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

static void gap_remove(struct spill *spill, size_t index)
{
    spill->gap_count--;
    memmove(&spill->gaps[index], &spill->gaps[index + 1],
            (spill->gap_count - index) * sizeof *spill->gaps);
}

static void gap_insert(struct spill *spill, size_t index, struct range gap)
{
    spill->gaps = room_for_one_more(spill->gaps, spill->gap_count, &spill->gap_capacity,
                                    sizeof *spill->gaps);
    memmove(&spill->gaps[index + 1], &spill->gaps[index],
            (spill->gap_count - index) * sizeof *spill->gaps);
    spill->gaps[index] = gap;
    spill->gap_count++;
}

static uint64_t extent_find(struct spill *spill, size_t size)
{
    uint64_t offset;
    for (size_t i = 0; i < spill->gap_count; i++) {
        struct range *gap = &spill->gaps[i];
        if (gap->count < size)
            continue;
        offset = gap->first;
        gap->first += size;
        gap->count -= size;
        if (gap->count == 0)
            gap_remove(spill, i);
        return offset;
    }
    offset = spill->end;
    spill->end += size;
    return offset;
}

/* The index of the first gap that begins after `offset`. */
static size_t gap_after(const struct spill *spill, uint64_t offset)
{
    size_t low = 0, high = spill->gap_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (spill->gaps[middle].first > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Moves the end down over a gap that touches it; gives an empty file's disk space
 * back. */
static void shrink(struct spill *spill)
{
    if (spill->gap_count > 0) {
        struct range *last = &spill->gaps[spill->gap_count - 1];
        if (last->first + last->count == spill->end) {
            spill->end = last->first;
            spill->gap_count--;
        }
    }
    if (spill->end == 0 && ftruncate(spill->fd, 0) != 0)
        return; /* the space stays ours until the file is closed: no harm */
}

void spill_release(struct spill *spill, uint64_t offset, size_t size)
{
    size_t index = gap_after(spill, offset);
    struct range gap = {offset, size};
    if (index < spill->gap_count && offset + size == spill->gaps[index].first) {
        gap.count += spill->gaps[index].count;
        gap_remove(spill, index);
    }
    if (index > 0 &&
        spill->gaps[index - 1].first + spill->gaps[index - 1].count == offset)
        spill->gaps[index - 1].count += gap.count;
    else
        gap_insert(spill, index, gap);
    shrink(spill);
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
    int result = open_file(spill);
    assert(size > 0);
    if (result < 0)
        return result;
    uint64_t offset = extent_find(spill, size);
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
