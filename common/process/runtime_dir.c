/* SPDX-License-Identifier: MIT */
/*
 * A directory that only its owner can enter, and locks in it. We look at it with lstat
 * and never repair it: a directory that is not ours, or not private, is refused.
 *
 * A lock is flock(2) on ROLE.lock, whose text tells people who holds it. The holder
 * unlinks the file at its end, so a process that gets the lock checks that its file is
 * still the one at that path. Until we hold a lock, another process may remove the
 * empty directory; we then make it again.
 */
#include "common/process/runtime_dir.h"
#include "common/clock.h"
#include "common/fail.h"
#include "common/log.h"
#include "common/memory.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    PATH_MAX_BYTES = sizeof((struct sockaddr_un *)0)->sun_path - 1, /* 107 */
    FILE_NAME_MAX = 15,
    DYING_US = 300000,
    LOCK_TRIES = 100
};

struct endpoint {
    struct endpoint *next;
    char text[];
};

struct runtime_dir {
    char *base;      /* the default directory */
    char *directory; /* base, or a directory in it */
    struct endpoint *endpoints;
    const char *role; /* NULL: no lock */
    int lock_fd;      /* valid while there is a role */
};

static const struct {
    const char *role, *socket;
} role_sockets[] = {{"ventilator", "tasks"}, {"sink", "results"}};

/* With errno: "cannot make /tmp/x: No space left on device". */
static int fail_path(char *error, size_t size, const char *verb, const char *path)
{
    int code = -errno;
    return fail(code, error, size, "cannot %s %s: %s", verb, path, strerror(-code));
}

static bool is_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_.";
    size_t size = strlen(name);
    return size > 0 && *name != '.' && strspn(name, allowed) == size;
}

/* In the default directory, which also holds the named ones, these are files. */
static bool is_own_file(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (dot && strcmp(dot, ".lock") == 0)
        return true;
    for (size_t i = 0; i < sizeof role_sockets / sizeof *role_sockets; i++) {
        if (strcmp(name, role_sockets[i].socket) == 0)
            return true;
    }
    return false;
}

static char *default_directory(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct stat status;
    if (runtime && *runtime == '/' && stat(runtime, &status) == 0 &&
        S_ISDIR(status.st_mode) && status.st_uid == geteuid())
        return allocate_text("%s/fanfold", runtime);
    return allocate_text("/tmp/fanfold-%u", (unsigned)geteuid());
}

/* What is wrong with it as a private directory; NULL: nothing. */
static const char *find_fault(const struct stat *status)
{
    if (S_ISLNK(status->st_mode))
        return "is a symbolic link";
    if (!S_ISDIR(status->st_mode))
        return "is not a directory";
    if (status->st_uid != geteuid())
        return "belongs to another user";
    if ((status->st_mode & 0777) != 0700)
        return "does not have mode 0700";
    return NULL;
}

static int make_private(const char *path, char *error, size_t error_size)
{
    struct stat status;
    /* The umask may have cleared some of our bits. */
    bool made = mkdir(path, 0700) == 0;
    if (made && chmod(path, 0700) < 0 && errno != ENOENT)
        return fail_path(error, error_size, "set the mode of", path);
    if (!made && errno != EEXIST)
        return fail_path(error, error_size, "make the directory", path);
    if (lstat(path, &status) < 0)
        return fail_path(error, error_size, "use", path);
    const char *fault = find_fault(&status);
    if (fault)
        return fail(-EPERM, error, error_size,
                    "%s %s; it must be a directory of yours with mode 0700: remove it, "
                    "or set XDG_RUNTIME_DIR to a private directory",
                    path, fault);
    return 0;
}

/* ENOENT: another process removed the base while we made the directory in it. */
static int make_directories(const struct runtime_dir *dir, char *error,
                            size_t error_size)
{
    int rc, tries = LOCK_TRIES;
    do {
        rc = make_private(dir->base, error, error_size);
        if (rc == 0 && strcmp(dir->base, dir->directory) != 0)
            rc = make_private(dir->directory, error, error_size);
    } while (rc == -ENOENT && --tries > 0);
    return rc;
}

static int check_length(const struct runtime_dir *dir, char *error, size_t error_size)
{
    size_t size = strlen(dir->directory) + 1 + FILE_NAME_MAX;
    if (size <= PATH_MAX_BYTES)
        return 0;
    return fail(
        -ENAMETOOLONG, error, error_size,
        "%s is too long for a socket's path (%zu characters, at most %zu): use a "
        "shorter --name or XDG_RUNTIME_DIR",
        dir->directory, strlen(dir->directory),
        (size_t)PATH_MAX_BYTES - 1 - FILE_NAME_MAX);
}

static void runtime_dir_free(struct runtime_dir *dir)
{
    while (dir->endpoints) {
        struct endpoint *next = dir->endpoints->next;
        free(dir->endpoints);
        dir->endpoints = next;
    }
    free(dir->directory);
    free(dir->base);
    free(dir);
}

/* ---- what dead runs left ---- */

/* The role's socket and lock, if the lock is there and nobody holds it. */
static void sweep_role(int directory, const char *role, const char *socket)
{
    char name[FILE_NAME_MAX + sizeof ".lock"];
    struct stat held, found;
    snprintf(name, sizeof name, "%s.lock", role);
    int fd = openat(directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &held) == 0 &&
        fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
        held.st_dev == found.st_dev && held.st_ino == found.st_ino) {
        unlinkat(directory, socket, 0);
        unlinkat(directory, name, 0);
    }
    close(fd);
}

static void sweep_directory(int parent, const char *name)
{
    struct stat status;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    bool ours = fstat(fd, &status) == 0 && !find_fault(&status);
    for (size_t i = 0; ours && i < sizeof role_sockets / sizeof *role_sockets; i++)
        sweep_role(fd, role_sockets[i].role, role_sockets[i].socket);
    close(fd);
    if (ours)
        unlinkat(parent, name, AT_REMOVEDIR); /* fails where something is left */
}

/* Named directories whose runs were killed. Nobody else would ever come there; in the
 * directory of this run the next one takes over what is there. */
static void sweep(const struct runtime_dir *dir)
{
    DIR *entries = opendir(dir->base);
    if (!entries)
        return;
    const char *own = dir->directory + strlen(dir->base);
    for (struct dirent *entry; (entry = readdir(entries));)
        if (is_name(entry->d_name) && !is_own_file(entry->d_name) &&
            strcmp(*own == '/' ? own + 1 : "", entry->d_name) != 0)
            sweep_directory(dirfd(entries), entry->d_name);
    closedir(entries);
}

int runtime_dir_open(const char *name, struct runtime_dir **ret_dir, char *error,
                     size_t error_size)
{
    if (name && (!is_name(name) || is_own_file(name)))
        return fail(-EINVAL, error, error_size,
                    "--name: '%s': expected letters, digits, '-', '_' and '.', not "
                    "beginning with a dot, and no name of fanfold's own files",
                    name);
    struct runtime_dir *dir = allocate_zeroed(1, sizeof *dir);
    dir->base = default_directory();
    dir->directory = name ? allocate_text("%s/%s", dir->base, name)
                          : allocate_text("%s", dir->base);
    int rc = check_length(dir, error, error_size);
    if (rc == 0)
        rc = make_directories(dir, error, error_size);
    if (rc < 0) {
        runtime_dir_free(dir);
        return rc;
    }
    sweep(dir);
    *ret_dir = dir;
    return rc;
}

static void unlink_in(const struct runtime_dir *dir, const char *name)
{
    char *path = allocate_text("%s/%s", dir->directory, name);
    unlink(path);
    free(path);
}

static bool is_file_at(int fd, const char *path)
{
    struct stat held, found;
    return fstat(fd, &held) == 0 && stat(path, &found) == 0 &&
           held.st_dev == found.st_dev && held.st_ino == found.st_ino;
}

/* The socket first, the lock last: without the lock the path may be another run's. So
 * it may be where a cleaner took the lock's file away. */
static void unlock(struct runtime_dir *dir)
{
    char *path = allocate_text("%s/%s.lock", dir->directory, dir->role);
    bool ours = is_file_at(dir->lock_fd, path);
    for (size_t i = 0; ours && i < sizeof role_sockets / sizeof *role_sockets; i++)
        if (strcmp(dir->role, role_sockets[i].role) == 0)
            unlink_in(dir, role_sockets[i].socket);
    if (ours)
        unlink(path);
    free(path);
    close(dir->lock_fd);
    dir->role = NULL;
}

void runtime_dir_close(struct runtime_dir **runtime_dir_p)
{
    struct runtime_dir *dir = *runtime_dir_p;
    if (!dir)
        return;
    if (dir->role)
        unlock(dir);
    /* rmdir fails where something is left. It does no harm that the two may be one. */
    if (rmdir(dir->directory) == 0 || errno == ENOENT)
        rmdir(dir->base);
    runtime_dir_free(dir);
    *runtime_dir_p = NULL;
}

/* For people only: the lock holds even if this cannot be written. */
static void write_holder(int fd)
{
    char since[32], text[80];
    time_t now = time(NULL);
    struct tm local;
    strftime(since, sizeof since, "%Y-%m-%dT%H:%M:%S%z", localtime_r(&now, &local));
    int size = snprintf(text, sizeof text, "pid %ld since %s\n", (long)getpid(), since);
    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)size, 0) < 0)
        log_event(LOG_LEVEL_DEBUG, "lock_text_not_written", "errno=%d", errno);
}

/* Reads up to the first byte that is not printable. */
static void read_holder(int fd, char *text, size_t text_size)
{
    ssize_t size = pread(fd, text, text_size - 1, 0);
    size_t end = 0;
    while (size > 0 && end < (size_t)size && text[end] >= ' ' && text[end] <= '~')
        end++;
    text[end] = '\0';
}

static int say_taken(const struct runtime_dir *dir, const char *role, int fd,
                     char *error, size_t error_size)
{
    char holder[80];
    read_holder(fd, holder, sizeof holder);
    return fail(
        -EBUSY, error, error_size,
        "another run is in %s: fanfold-%s%s%s; give this one its own directory with "
        "--name NAME",
        dir->directory, role, *holder ? ", " : "", holder);
}

/* Tries once. A descriptor that holds the lock; -EAGAIN: the file or the directory went
 * away meanwhile; else -errno and `error`. */
static int try_lock(const struct runtime_dir *dir, const char *role, const char *path,
                    char *error, size_t error_size)
{
    int rc = make_directories(dir, error, error_size);
    if (rc < 0)
        return rc;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0 && errno == ENOENT)
        return -EAGAIN;
    if (fd < 0)
        return fail_path(error, error_size, "open", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        rc = errno == EWOULDBLOCK ? say_taken(dir, role, fd, error, error_size)
                                  : fail_path(error, error_size, "lock", path);
    else if (!is_file_at(fd, path))
        rc = -EAGAIN;
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

/* A process that was just killed keeps its locks for a moment. */
static bool is_worth_another_try(int result, int64_t began_us)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    if (result != -EBUSY || clock_now_us() - began_us > DYING_US)
        return false;
    nanosleep(&pause, NULL);
    return true;
}

int runtime_dir_lock(struct runtime_dir *dir, const char *role, char *error,
                     size_t error_size)
{
    assert(!dir->role);
    char *path = allocate_text("%s/%s.lock", dir->directory, role);
    int64_t began_us = clock_now_us();
    int fd;
    do {
        fd = -EAGAIN;
        for (int i = 0; fd == -EAGAIN && i < LOCK_TRIES; i++)
            fd = try_lock(dir, role, path, error, error_size);
    } while (is_worth_another_try(fd, began_us));
    if (fd == -EAGAIN)
        fail(fd, error, error_size, "cannot lock %s: another process keeps removing it",
             path);
    free(path);
    if (fd < 0)
        return fd;
    dir->role = role;
    dir->lock_fd = fd;
    write_holder(fd);
    return 0;
}

const char *runtime_dir_endpoint(struct runtime_dir *dir, const char *socket)
{
    assert(strlen(socket) <= FILE_NAME_MAX);
    char text[sizeof "ipc://" + PATH_MAX_BYTES];
    snprintf(text, sizeof text, "ipc://%s/%s", dir->directory, socket);
    for (struct endpoint *known = dir->endpoints; known; known = known->next) {
        if (strcmp(known->text, text) == 0)
            return known->text;
    }
    struct endpoint *endpoint = allocate(sizeof *endpoint + strlen(text) + 1);
    strcpy(endpoint->text, text);
    endpoint->next = dir->endpoints;
    dir->endpoints = endpoint;
    return endpoint->text;
}

/* The rest after `scheme`; NULL: it is another scheme, or there is no rest. */
static const char *skip_scheme(const char *endpoint, const char *scheme)
{
    size_t size = strlen(scheme);
    bool matches = strncmp(endpoint, scheme, size) == 0 && endpoint[size] != '\0';
    return matches ? endpoint + size : NULL;
}

int endpoint_check(const char *endpoint, bool tcp, char *error, size_t error_size)
{
    const char *path = skip_scheme(endpoint, "ipc://");
    if (path && strlen(path) > PATH_MAX_BYTES)
        return fail(-EINVAL, error, error_size,
                    "'%s': the path is too long (%zu characters, at most %d)", endpoint,
                    strlen(path), (int)PATH_MAX_BYTES);
    if (path || skip_scheme(endpoint, "inproc://"))
        return 0;
    if (!skip_scheme(endpoint, "tcp://"))
        return fail(-EINVAL, error, error_size,
                    "'%s': expected ipc://PATH or tcp://HOST:PORT", endpoint);
    if (!tcp)
        return fail(-EINVAL, error, error_size,
                    "'%s': tcp needs keys, as even another user of this host can reach "
                    "its port: make them with fanfold-keygen DIR and give --keys DIR "
                    "(or --insecure, and anyone can read the data and join the run)",
                    endpoint);
    return 0;
}
