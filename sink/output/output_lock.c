/* SPDX-License-Identifier: MIT */
/*
 * flock, and a look into /proc/locks for whoever has it. That look serves the message
 * only: the kernel alone decides.
 */
#include "sink/output/output_lock.h"
#include "common/clock.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

enum { DYING_US = 300000 };

/* The process that holds a flock on this file; 0: it cannot be seen from here. */
static int find_holder(const struct stat *status)
{
    FILE *locks = fopen("/proc/locks", "re");
    unsigned major_number, minor_number;
    unsigned long long inode;
    int pid, holder = 0;
    char line[256];
    if (!locks)
        return 0;
    while (holder == 0 && fgets(line, sizeof line, locks) != NULL)
        if (sscanf(line, "%*s FLOCK %*s %*s %d %x:%x:%llu", &pid, &major_number,
                   &minor_number, &inode) == 4 &&
            inode == status->st_ino && major_number == major(status->st_dev) &&
            minor_number == minor(status->st_dev) && pid > 0)
            holder = pid;
    fclose(locks);
    return holder;
}

static void name_process(int pid, char *name, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    name[0] = '\0';
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    if (fgets(name, (int)size, file) != NULL)
        name[strcspn(name, "\n")] = '\0';
    fclose(file);
}

/* A zombie lives no more: it has closed all that it had. */
static bool is_living(int pid)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    if (!fgets(line, sizeof line, file))
        line[0] = '\0';
    fclose(file);
    const char *behind_name = strrchr(line, ')');
    return behind_name != NULL && strspn(behind_name + 1, " ZX") < 2;
}

/* The process that took the lock; 0: it is gone, or cannot be seen from here. */
static int find_living(int fd)
{
    struct stat status;
    int holder = fstat(fd, &status) == 0 ? find_holder(&status) : 0;
    return holder > 0 && is_living(holder) ? holder : 0;
}

/* 0; -EBUSY; other -errno. */
static int try_lock(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno == ENOLCK || errno == EOPNOTSUPP)
        return 0;
    return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

/* Polls, since nothing tells of the end of a process that is not our child. A process
 * that was killed just now may need a moment to end. */
static int wait_for_lock(int fd, int64_t wait_us)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    int64_t began_us = clock_now_us(), waited_us = 0;
    int result = try_lock(fd);
    while (result == -EBUSY && waited_us < wait_us &&
           (waited_us < DYING_US || find_living(fd) == 0)) {
        nanosleep(&pause, NULL);
        waited_us = clock_now_us() - began_us;
        result = try_lock(fd);
    }
    return result;
}

int output_lock(int fd, const char *path, int64_t wait_us, char *error,
                size_t error_size)
{
    char name[64];
    int result = wait_for_lock(fd, wait_us);
    if (result != -EBUSY)
        return result;
    int holder = find_living(fd);
    if (holder == 0) {
        snprintf(error, error_size, "%s is being written by another process", path);
        return -EBUSY;
    }
    name_process(holder, name, sizeof name);
    snprintf(error, error_size, "%s is being written by %s (process %d)", path,
             name[0] != '\0' ? name : "another process", holder);
    return -EBUSY;
}
