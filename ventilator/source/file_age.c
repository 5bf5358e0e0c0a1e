/* SPDX-License-Identifier: MIT */
#include "ventilator/source/file_age.h"

#include "common/files/fresh_status.h"
#include <linux/magic.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)

enum {
    /* The kernel's clock for times of files ticks every 10 ms at the slowest. */
    TICKS_NS = 40 * 1000 * 1000,
    /* A time without a fraction may be one that the file system cut to seconds; FAT has
     * every other one. */
    WHOLE_SECONDS = 3,
    /* So far the clocks of hosts with a time service are apart at most. */
    CLOCKS_APART_S = 3,
};

bool file_age_is_settled(int64_t mtime_s, int64_t mtime_ns, int64_t now_s,
                         int64_t now_ns, bool elsewhere)
{
    if (mtime_s < 0 || mtime_s > now_s || mtime_s > INT64_MAX / SECOND_NS - 1)
        return false;
    int64_t seconds = now_s - mtime_s;
    if (elsewhere)
        return seconds >= WHOLE_SECONDS + CLOCKS_APART_S;
    if (mtime_ns == 0)
        return seconds >= WHOLE_SECONDS;
    return seconds > 1 || seconds * SECOND_NS + now_ns - mtime_ns >= TICKS_NS;
}

/* Only this host changes what is there, and changes show at once. */
static bool is_local(int fd)
{
    static const unsigned long local[] = {
        EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC,
        F2FS_SUPER_MAGIC, TMPFS_MAGIC,     OVERLAYFS_SUPER_MAGIC,
        RAMFS_MAGIC,      0x2fc12fc1, /* ZFS */
        0xca451a4e,                   /* bcachefs */
    };
    struct statfs status;
    if (fstatfs(fd, &status) < 0)
        return false;
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if (((unsigned long)status.f_type & UINT32_MAX) == local[i])
            return true;
    return false;
}

/* Any time: what makes no sense is only not to be equal to what does. */
static uint64_t mtime_ns(const struct stat *status)
{
    return (uint64_t)status->st_mtim.tv_sec * SECOND_NS +
           (uint64_t)status->st_mtim.tv_nsec;
}

struct file_age file_age_of(int fd, const struct stat *status, bool shared)
{
    bool local = is_local(fd);
    struct timespec now, mtime = status->st_mtim;
    struct file_age age = {.device = status->st_dev,
                           .inode = status->st_ino,
                           .size = (uint64_t)status->st_size};
    clock_gettime(CLOCK_REALTIME, &now);
    age.tells = (local || shared) &&
                file_age_is_settled(mtime.tv_sec, mtime.tv_nsec, now.tv_sec,
                                    now.tv_nsec, !local);
    age.fetches = !local;
    age.mtime_ns = mtime_ns(status);
    return age;
}

static bool is_as_it_was(const struct file_age *age, int fd)
{
    struct stat status;
    bool there = age->fetches ? fresh_status(fd, &status) : fstat(fd, &status) == 0;
    return there && status.st_dev == age->device && status.st_ino == age->inode &&
           (uint64_t)status.st_size == age->size && mtime_ns(&status) == age->mtime_ns;
}

bool file_age_refer(const struct file_age *age, int fd, const char *path,
                    struct reference_file *ret_file)
{
    if (!age->tells || !is_as_it_was(age, fd))
        return false;
    *ret_file = (struct reference_file){
        .inode = age->inode, .size = age->size, .mtime_ns = age->mtime_ns};
    if (path) {
        ret_file->path = slice_of_text(path);
        return true;
    }
    ret_file->pid = (uint32_t)getpid();
    ret_file->descriptor = (uint32_t)fd;
    ret_file->device = age->device;
    return true;
}
