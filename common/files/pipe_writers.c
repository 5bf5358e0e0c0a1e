/* SPDX-License-Identifier: MIT */
#include "common/files/pipe_writers.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The mode of the link says for what the descriptor is open: the reader has the other
 * end of the same pipe. */
static bool is_writer(int fds, const char *number, const char *wanted)
{
    char link[64];
    struct stat status;
    ssize_t size = readlinkat(fds, number, link, sizeof link - 1);
    if (size <= 0)
        return false;
    link[size] = '\0';
    return strcmp(link, wanted) == 0 &&
           fstatat(fds, number, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           (status.st_mode & S_IWUSR);
}

static bool holds(const char *pid, const char *wanted)
{
    char path[300];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *fds = opendir(path);
    for (struct dirent *entry; fds && !found && (entry = readdir(fds));)
        found = is_writer(dirfd(fds), entry->d_name, wanted);
    if (fds)
        closedir(fds);
    return found;
}

void pipe_writers_find(uint64_t pipe, struct children *ret_writers)
{
    struct children writers = {NULL, 0};
    char wanted[64];
    DIR *proc = opendir("/proc");
    snprintf(wanted, sizeof wanted, "pipe:[%" PRIu64 "]", pipe);
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && holds(entry->d_name, wanted))
            children_add(&writers, (struct child_process){pid, getpgid(pid)});
    }
    if (proc)
        closedir(proc);
    *ret_writers = writers;
}
