/* SPDX-License-Identifier: MIT */
#include "common/process/worker_cgroup.h"
#include "common/process/cgroup.h"
#include "common/process/fds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NAME "fanfold-worker-"

enum { EMPTY_ROUNDS = 200, ROUND_MS = 5, MEMBERS_MAX = 4096 };

/* systemd marks the groups that others may divide; where it does not run, or another
 * user owns the group, the permission is the right. */
static bool may_divide(const char *path)
{
    char value[4] = "";
    if (access(path, W_OK) < 0 || access("/run/systemd/system", F_OK) < 0 ||
        geteuid() != 0)
        return access(path, W_OK) == 0;
    return (getxattr(path, "trusted.delegate", value, sizeof value) > 0 ||
            getxattr(path, "user.delegate", value, sizeof value) > 0) &&
           *value == '1';
}

static bool find_parent(char *path, size_t size)
{
    struct cgroup_path own;
    if (!cgroup_find(CGROUP_PROC, NULL, &own) || !may_divide(own.path))
        return false;
    snprintf(path, size, "%s", own.path);
    return true;
}

static bool write_to(int directory, const char *name, const char *text)
{
    int fd = openat(directory, name, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    fd_close(&fd);
    return written;
}

/* Kernels before 5.14 have no cgroup.kill. */
static void kill_each(int directory)
{
    int fd = openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    int pid, left = MEMBERS_MAX;
    while (file && left-- > 0 && fscanf(file, "%d", &pid) == 1)
        if (pid > 0)
            kill(pid, SIGKILL);
    if (file)
        fclose(file);
}

static void kill_all(int directory)
{
    if (!write_to(directory, "cgroup.kill", "1"))
        kill_each(directory);
}

static void sweep(const char *parent);

/* With those of workers that ran below. */
static bool remove_soon(const char *path)
{
    sweep(path);
    for (int round = 0; round < EMPTY_ROUNDS; round++) {
        if (rmdir(path) == 0 || errno != EBUSY)
            return true;
        poll(NULL, 0, ROUND_MS);
    }
    return false;
}

/* A descriptor of the directory, locked; -1: it is gone, or another process has it. */
static int lock(const char *path)
{
    struct stat held, found;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &held) == 0 &&
        stat(path, &found) == 0 && held.st_ino == found.st_ino)
        return fd;
    fd_close(&fd);
    return -1;
}

static void sweep(const char *parent)
{
    char path[PATH_MAX + 300];
    DIR *folder = opendir(parent);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (strncmp(entry->d_name, NAME, sizeof NAME - 1) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", parent, entry->d_name);
        int fd = lock(path);
        if (fd < 0)
            continue;
        kill_all(fd);
        remove_soon(path);
        fd_close(&fd);
    }
    if (folder)
        closedir(folder);
}

void worker_cgroup_sweep(void)
{
    char parent[PATH_MAX];
    if (find_parent(parent, sizeof parent))
        sweep(parent);
}

void worker_cgroup_make(struct worker_cgroup *cgroup)
{
    char parent[PATH_MAX];
    cgroup->fd = -1;
    if (!find_parent(parent, sizeof parent))
        return;
    sweep(parent);
    snprintf(cgroup->path, sizeof cgroup->path, "%s/" NAME "%d", parent, (int)getpid());
    if (mkdir(cgroup->path, 0755) == 0)
        cgroup->fd = lock(cgroup->path);
}

/* As fork does it; < 0: it cannot be done here. The thread's id is kept where the
 * kernel wrote that of this thread, as the C library expects it in the child, too. */
static pid_t clone_into(int directory)
{
    void *thread_id = NULL;
    if (prctl(PR_GET_TID_ADDRESS, &thread_id) < 0 || !thread_id)
        return -1;
    struct clone_args how = {
        .flags = CLONE_INTO_CGROUP | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
        .child_tid = (uintptr_t)thread_id,
        .exit_signal = SIGCHLD,
        .cgroup = (uint64_t)directory,
    };
    return (pid_t)syscall(SYS_clone3, &how, sizeof how);
}

/* A process that moves itself to another group waits until all processors have seen
 * that it may: some 20 ms. One that is born there does not. */
pid_t worker_cgroup_fork(struct worker_cgroup *cgroup)
{
    pid_t pid = cgroup->fd < 0 ? -1 : clone_into(cgroup->fd);
    bool born = pid >= 0;
    if (!born)
        pid = fork();
    if (pid != 0)
        return pid;
    if (!born && cgroup->fd >= 0)
        (void)write_to(cgroup->fd, "cgroup.procs", "0");
    fd_close(&cgroup->fd);
    return 0;
}

void worker_cgroup_kill(const struct worker_cgroup *cgroup)
{
    if (cgroup->fd >= 0)
        kill_all(cgroup->fd);
}

void worker_cgroup_remove(struct worker_cgroup *cgroup)
{
    if (cgroup->fd >= 0)
        (void)remove_soon(cgroup->path);
    fd_close(&cgroup->fd);
}
