/* SPDX-License-Identifier: MIT */
#include "common/files/own_path.h"

#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

void own_path_note(struct own_path *own, const char *path)
{
    struct stat status;
    *own = (struct own_path){.path = NULL};
    if (path && lstat(path, &status) == 0)
        *own = (struct own_path){path, status.st_dev, status.st_ino};
}

void own_path_remove(struct own_path *own)
{
    struct stat status;
    if (own->path && lstat(own->path, &status) == 0 && status.st_dev == own->device &&
        status.st_ino == own->number)
        unlink(own->path);
    own->path = NULL;
}
