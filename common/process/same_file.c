/* SPDX-License-Identifier: MIT */
#include "common/process/same_file.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Neither file exists; realpath then still writes the path that it would have. */
static bool would_be_same(const char *one, const char *other)
{
    char path[PATH_MAX], other_path[PATH_MAX], folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", other);
    return !realpath(one, path) && errno == ENOENT && !realpath(other, other_path) &&
           errno == ENOENT && strcmp(path, other_path) == 0 &&
           access(dirname(folder), F_OK) == 0;
}

bool is_same_file(const char *one, const char *other)
{
    struct stat status, other_status;
    bool there = stat(one, &status) == 0;
    bool other_there = stat(other, &other_status) == 0;
    if (there && other_there)
        return status.st_dev == other_status.st_dev &&
               status.st_ino == other_status.st_ino;
    return !there && !other_there && would_be_same(one, other);
}
