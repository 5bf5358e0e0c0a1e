/* SPDX-License-Identifier: MIT */
/* Answerable for the private directory's place, name and removal. It holds sockets and
 * plain files only: what is a directory in it stays, and it with that. */
#include "deploy/local/directory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int make_in(const char *parent, char path[DIRECTORY_PATH_MAX])
{
    char name[DIRECTORY_PATH_MAX];
    int length;

    if (!parent || parent[0] != '/')
        return -ENOENT;
    length = snprintf(name, sizeof name, "%s/fanfold-XXXXXX", parent);
    if (length < 0 || (size_t)length >= sizeof name)
        return -ENAMETOOLONG;
    if (!mkdtemp(name))
        return -errno;
    strcpy(path, name);
    return 0;
}

int directory_make(char path[DIRECTORY_PATH_MAX])
{
    const char *parents[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};
    int result = -ENOENT;

    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++) {
        result = make_in(parents[i], path);
        if (result == 0)
            break;
    }
    return result;
}

void directory_remove(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!directory) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(directory), entry->d_name, 0);
    closedir(directory);
    rmdir(path);
}
