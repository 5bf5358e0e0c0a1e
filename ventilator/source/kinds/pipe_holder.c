/* SPDX-License-Identifier: MIT */
#include "ventilator/source/kinds/pipe_holder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static DIR *open_folder(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (fd >= 0 && !folder)
        close(fd);
    return folder;
}

/* Another user's process shows nothing. */
static bool holds(int proc, const char *pid, const struct stat *wanted)
{
    char name[64];
    struct stat status;
    bool found = false;
    snprintf(name, sizeof name, "%.20s/fd", pid);
    DIR *folder = open_folder(proc, name);
    if (!folder)
        return false;
    for (struct dirent *entry; !found && (entry = readdir(folder));)
        found = fstatat(dirfd(folder), entry->d_name, &status, 0) == 0 &&
                status.st_dev == wanted->st_dev && status.st_ino == wanted->st_ino;
    closedir(folder);
    return found;
}

pid_t pipe_holder(int fd)
{
    struct stat wanted;
    pid_t holder = 0;
    DIR *proc = fstat(fd, &wanted) == 0 ? open_folder(AT_FDCWD, "/proc") : NULL;
    if (!proc)
        return 0;
    for (struct dirent *entry; holder == 0 && (entry = readdir(proc));) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && pid != getpid() && holds(dirfd(proc), entry->d_name, &wanted))
            holder = pid;
    }
    closedir(proc);
    return holder;
}
