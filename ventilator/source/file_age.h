/* SPDX-License-Identifier: MIT */
/*
 * In which state a file was before any of it was read, and whether a later change is
 * sure to show in its size or its mtime. It is not where the file was changed just
 * before, as a change in the same tick of the clock leaves the mtime as it is; nor on
 * file systems that other hosts can change, or that say nothing of how they keep times,
 * unless a person says that these files are shared, and stay.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_FILE_AGE_H
#define FANFOLD_VENTILATOR_SOURCE_FILE_AGE_H

#include "common/protocol/reference.h"
#include <sys/stat.h>

struct file_age {
    uint64_t device, inode, size, mtime_ns;
    bool tells;   /* a change from here on shows */
    bool fetches; /* ... once the state is fetched from where the file is */
};

/* As `status` has it, which is of fd, and of now. `shared`: a person says that the file
 * may be on a file system of many hosts. */
struct file_age file_age_of(int fd, const struct stat *status, bool shared);
/* The rule alone: so long after its last change a file is settled. `elsewhere`: another
 * host's clock may have set the time. */
bool file_age_is_settled(int64_t mtime_s, int64_t mtime_ns, int64_t now_s,
                         int64_t now_ns, bool elsewhere);

/* The file as this process has it open, or, where there is a path, by that, which the
 * caller keeps. False: a change of it may not show, or it has changed since. */
bool file_age_refer(const struct file_age *age, int fd, const char *path,
                    struct reference_file *ret_file);

#endif
