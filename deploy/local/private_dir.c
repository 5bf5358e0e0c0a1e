/* SPDX-License-Identifier: MIT */
/*
 * Answerable for the private directory's parent, name, lock and removal. It should hold
 * only sockets and plain files: a directory in it stays, and then so does it.
 *
 * Whoever uses the directory holds a shared flock on it. One that nobody has locked is
 * a dead run's, and the next run removes it; but only if it has nothing but the sockets
 * and keys of a run, and in any case not by its age.
 */
#include "deploy/local/private_dir.h"
#include "common/keys/key_files.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 100 /* while another run's sweep takes ours for a dead one's */ };

static const char prefix[] = "fanfold-run-", unique[] = "XXXXXX";

/* ---- dead runs ---- */

static bool has_our_name(const char *name)
{
    size_t size = strlen(prefix);
    return strncmp(name, prefix, size) == 0 && strlen(name) == size + strlen(unique);
}

static void remove_socket(int directory, const char *name)
{
    struct stat status;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISSOCK(status.st_mode))
        unlinkat(directory, name, 0);
}

static void sweep_one(int parent, const char *name)
{
    struct stat status;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &status) == 0 && status.st_uid == geteuid() &&
        (status.st_mode & 0777) == 0700 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        key_files_remove(fd);
        unlinkat(fd, "endpoint", 0);
        remove_socket(fd, "tasks");
        remove_socket(fd, "results");
        unlinkat(parent, name, AT_REMOVEDIR);
    }
    close(fd);
}

void private_dir_sweep(const char *parent)
{
    DIR *entries = opendir(parent);
    if (!entries)
        return;
    for (struct dirent *entry; (entry = readdir(entries));)
        if (has_our_name(entry->d_name))
            sweep_one(dirfd(entries), entry->d_name);
    closedir(entries);
}

/* ---- this run ---- */

static bool is_still_at(int fd, const char *path)
{
    struct stat held, found;
    return fstat(fd, &held) == 0 && lstat(path, &found) == 0 &&
           held.st_dev == found.st_dev && held.st_ino == found.st_ino;
}

int private_dir_lock(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    /* A file system without locks has none to look for, either. */
    if (flock(fd, LOCK_SH | LOCK_NB) == 0 ? is_still_at(fd, path)
                                          : errno != EWOULDBLOCK)
        return fd;
    close(fd);
    return -EAGAIN;
}

/* The descriptor of the lock, or -errno. */
static int make_in(const char *parent, char path[PRIVATE_DIR_PATH_MAX])
{
    char name[PRIVATE_DIR_PATH_MAX];
    int fd = -EAGAIN;
    for (int i = 0; i < TRIES && (fd == -EAGAIN || fd == -ENOENT); i++) {
        int length = snprintf(name, sizeof name, "%s/%s%s", parent, prefix, unique);
        if (length < 0 || (size_t)length >= sizeof name)
            return -ENAMETOOLONG;
        if (!mkdtemp(name))
            return -errno;
        fd = private_dir_lock(name);
    }
    if (fd >= 0)
        strcpy(path, name);
    return fd;
}

int private_dir_make(char path[PRIVATE_DIR_PATH_MAX])
{
    const char *parents[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp"};
    int result = -ENOENT;
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++) {
        if (!parents[i] || parents[i][0] != '/')
            continue;
        private_dir_sweep(parents[i]);
        result = make_in(parents[i], path);
        if (result >= 0)
            break;
        snprintf(path, PRIVATE_DIR_PATH_MAX, "%.*s", PRIVATE_DIR_PATH_MAX - 1,
                 parents[i]);
    }
    return result;
}

int private_dir_make_letters(char *path, size_t size)
{
    const char *parent = getenv("TMPDIR");
    if (!parent || *parent != '/')
        parent = "/tmp";
    int length = snprintf(path, size, "%s/fanfold-lib-%s", parent, unique);
    if (length < 0 || (size_t)length >= size)
        return -ENAMETOOLONG;
    return mkdtemp(path) ? 0 : -errno;
}

void private_dir_remove(const char *path)
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
