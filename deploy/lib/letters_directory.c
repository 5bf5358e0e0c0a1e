/* SPDX-License-Identifier: MIT */
#include "deploy/lib/letters_directory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int letters_directory_make(char **ret_path)
{
    const char *folder = getenv("TMPDIR");
    char *path;
    if (!folder || !*folder)
        folder = "/tmp";
    if (asprintf(&path, "%s/fanfold-lib-XXXXXX", folder) < 0)
        return -ENOMEM;
    if (!mkdtemp(path)) {
        int error = errno;
        free(path);
        return -error;
    }
    *ret_path = path;
    return 0;
}

void letters_directory_remove(const char *path)
{
    DIR *directory = path ? opendir(path) : NULL;
    const struct dirent *entry;
    if (!directory)
        return;
    while ((entry = readdir(directory)))
        unlinkat(dirfd(directory), entry->d_name, 0); /* "." and ".." stay */
    closedir(directory);
    rmdir(path);
}
