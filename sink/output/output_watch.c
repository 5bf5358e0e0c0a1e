/* SPDX-License-Identifier: MIT */
/*
 * A close of a descriptor that was open for writing is told by inotify; ours is closed
 * at the end. Without inotify the time of change alone makes us look. A write of
 * another's between our write and the look at the time after it may so be missed in a
 * large file, but not where the writer closes it.
 */
#include "sink/output/output_watch.h"

#include "common/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <xxhash.h>

enum { PIECE_BYTES = 256 << 10 };

static const uint64_t cheap_bytes = 16 << 20;

struct output_watch {
    int fd;
    int events; /* inotify; -1: there is none */
    bool local; /* its times are this kernel's own */
    bool doubtful;
    uint64_t from; /* where the hash begins */
    struct timespec changed;
    XXH3_state_t *hash;
};

static void own_path(int fd, char path[64])
{
    snprintf(path, 64, "/proc/self/fd/%d", fd);
}

/* A file server sets the time of a write itself, and later than we look. */
static bool is_local(int fd)
{
    static const unsigned long types[] = {
        EXT4_SUPER_MAGIC,      XFS_SUPER_MAGIC,  BTRFS_SUPER_MAGIC, TMPFS_MAGIC,
        OVERLAYFS_SUPER_MAGIC, F2FS_SUPER_MAGIC, 0x2fc12fc1, /* ZFS */
    };
    struct statfs status;
    if (fstatfs(fd, &status) != 0)
        return false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if ((unsigned long)status.f_type == types[i])
            return true;
    return false;
}

struct output_watch *output_watch_new(int fd)
{
    char path[64];
    struct output_watch *watch = allocate_zeroed(1, sizeof *watch);
    watch->fd = fd;
    watch->local = is_local(fd);
    watch->hash = XXH3_createState();
    if (!watch->hash)
        abort_out_of_memory();
    XXH3_64bits_reset(watch->hash);
    watch->events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    own_path(fd, path);
    if (watch->events >= 0)
        (void)inotify_add_watch(watch->events, path, IN_CLOSE_WRITE);
    return watch;
}

void output_watch_destroy(struct output_watch **watch_p)
{
    struct output_watch *watch = *watch_p;
    if (!watch)
        return;
    if (watch->events >= 0)
        close(watch->events);
    XXH3_freeState(watch->hash);
    free(watch);
    *watch_p = NULL;
}

/* Adds the file's bytes to the hash. 0; -ENODATA: it ends before; other -errno. */
static int hash_file(const struct output_watch *watch, XXH3_state_t *hash,
                     uint64_t from, uint64_t to)
{
    char path[64];
    own_path(watch->fd, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    uint8_t *piece = allocate(PIECE_BYTES);
    int result = 0;
    while (from < to && result == 0) {
        size_t size = to - from < PIECE_BYTES ? (size_t)(to - from) : PIECE_BYTES;
        ssize_t got = pread(fd, piece, size, (off_t)from);
        if (got < 0 && errno == EINTR)
            continue;
        if (got > 0)
            XXH3_64bits_update(hash, piece, (size_t)got);
        else
            result = got < 0 ? -errno : -ENODATA;
        from += got > 0 ? (uint64_t)got : 0;
    }
    free(piece);
    close(fd);
    return result;
}

static void note_time(struct output_watch *watch)
{
    struct stat status;
    if (fstat(watch->fd, &status) == 0)
        watch->changed = status.st_mtim;
}

void output_watch_begin(struct output_watch *watch, uint64_t offset)
{
    XXH3_64bits_reset(watch->hash);
    watch->from = 0;
    if (offset > cheap_bytes || hash_file(watch, watch->hash, 0, offset) < 0) {
        XXH3_64bits_reset(watch->hash);
        watch->from = offset;
    }
    note_time(watch);
}

void output_watch_note(struct output_watch *watch, const struct iovec *vectors,
                       size_t size)
{
    for (; size > 0; vectors++) {
        size_t part = vectors->iov_len < size ? vectors->iov_len : size;
        XXH3_64bits_update(watch->hash, vectors->iov_base, part);
        size -= part;
    }
    note_time(watch);
}

/* Somebody else had the file open for writing since the last call. */
static bool was_open_elsewhere(const struct output_watch *watch)
{
    char events[4096];
    return watch->events >= 0 && read(watch->events, events, sizeof events) > 0;
}

static int look(struct output_watch *watch, uint64_t bytes, bool *ret_longer)
{
    struct stat status;
    if (fstat(watch->fd, &status) < 0)
        return -errno;
    bool changed = status.st_mtim.tv_sec != watch->changed.tv_sec ||
                   status.st_mtim.tv_nsec != watch->changed.tv_nsec;
    watch->doubtful |= was_open_elsewhere(watch) || (watch->local && changed);
    *ret_longer = (uint64_t)status.st_size > bytes;
    return (uint64_t)status.st_size < bytes ? -ENODATA : 0;
}

int output_watch_look(struct output_watch *watch, uint64_t bytes)
{
    bool longer = false;
    return look(watch, bytes, &longer);
}

/* The file may be one that nobody may read: then the size must do. */
static int compare(const struct output_watch *watch, uint64_t bytes)
{
    XXH3_state_t *hash = XXH3_createState();
    if (!hash)
        abort_out_of_memory();
    XXH3_64bits_reset(hash);
    int result = hash_file(watch, hash, watch->from, bytes);
    if (result == 0 && XXH3_64bits_digest(hash) != XXH3_64bits_digest(watch->hash))
        result = -EUCLEAN;
    XXH3_freeState(hash);
    return result == -EACCES || result == -EPERM || result == -ENOENT ? 0 : result;
}

int output_watch_examine(struct output_watch *watch, uint64_t bytes)
{
    bool longer = false;
    int result = look(watch, bytes, &longer);
    if (result < 0)
        return result;
    if (longer)
        return -EUCLEAN;
    if (!watch->doubtful && bytes - watch->from > cheap_bytes)
        return 0;
    watch->doubtful = false;
    note_time(watch);
    return compare(watch, bytes);
}
