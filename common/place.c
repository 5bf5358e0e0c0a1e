/* SPDX-License-Identifier: MIT */
/*
 * A directory that nobody else can enter, and locks in it. The directory is looked at
 * with lstat and never repaired: whatever is not exactly ours and private is refused.
 *
 * A lock is flock(2) on ROLE.lock, whose text says who holds it, for people only. Its
 * file is unlinked by its holder, so whoever gets a lock makes sure that the file is
 * still the one at that path. Another process may also remove the empty directory under
 * us until we have a lock in it; we then make it again.
 */
#include "common/place.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
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

struct place {
    char *base;      /* the default place */
    char *directory; /* base, or a directory in it */
    struct endpoint *endpoints;
    const char *role; /* NULL: no lock */
    int lock_fd;      /* valid while there is a role */
};

static const struct {
    const char *role, *socket;
} role_sockets[] = {{"ventilator", "tasks"}, {"sink", "results"}};

__attribute__((format(printf, 4, 5))) static int
fail(int code, char *error, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, size, format, arguments);
    va_end(arguments);
    return code;
}

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

/* In the default place, where the named ones are too, these are files. */
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
    /* The umask may have taken bits of ours away. */
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

/* ENOENT: another process removed the first while we made the second. */
static int make_directories(const struct place *place, char *error, size_t error_size)
{
    int rc, tries = LOCK_TRIES;
    do {
        rc = make_private(place->base, error, error_size);
        if (rc == 0 && strcmp(place->base, place->directory) != 0)
            rc = make_private(place->directory, error, error_size);
    } while (rc == -ENOENT && --tries > 0);
    return rc;
}

static int check_length(const struct place *place, char *error, size_t error_size)
{
    size_t size = strlen(place->directory) + 1 + FILE_NAME_MAX;
    if (size <= PATH_MAX_BYTES)
        return 0;
    return fail(
        -ENAMETOOLONG, error, error_size,
        "%s is too long for a socket's path (%zu characters, at most %zu): use a "
        "shorter --name or XDG_RUNTIME_DIR",
        place->directory, strlen(place->directory),
        (size_t)PATH_MAX_BYTES - 1 - FILE_NAME_MAX);
}

static void place_free(struct place *place)
{
    while (place->endpoints) {
        struct endpoint *next = place->endpoints->next;
        free(place->endpoints);
        place->endpoints = next;
    }
    free(place->directory);
    free(place->base);
    free(place);
}

int place_open(const char *name, struct place **ret_place, char *error,
               size_t error_size)
{
    if (name && (!is_name(name) || is_own_file(name)))
        return fail(-EINVAL, error, error_size,
                    "--name: '%s': expected letters, digits, '-', '_' and '.', not "
                    "beginning with a dot, and no name of fanfold's own files",
                    name);
    struct place *place = allocate_zeroed(1, sizeof *place);
    place->base = default_directory();
    place->directory = name ? allocate_text("%s/%s", place->base, name)
                            : allocate_text("%s", place->base);
    int rc = check_length(place, error, error_size);
    if (rc == 0)
        rc = make_directories(place, error, error_size);
    if (rc == 0)
        *ret_place = place;
    else
        place_free(place);
    return rc;
}

static void unlink_in(const struct place *place, const char *name, const char *suffix)
{
    char *path = allocate_text("%s/%s%s", place->directory, name, suffix);
    unlink(path);
    free(path);
}

/* The socket first and the lock last: with the lock the path may be another's. */
static void unlock(struct place *place)
{
    for (size_t i = 0; i < sizeof role_sockets / sizeof *role_sockets; i++) {
        if (strcmp(place->role, role_sockets[i].role) == 0)
            unlink_in(place, role_sockets[i].socket, "");
    }
    unlink_in(place, place->role, ".lock");
    close(place->lock_fd);
    place->role = NULL;
}

void place_close(struct place **place_p)
{
    struct place *place = *place_p;
    if (!place)
        return;
    if (place->role)
        unlock(place);
    /* Only where nothing is left in them; the base, perhaps twice, does no harm. */
    if (rmdir(place->directory) == 0 || errno == ENOENT)
        rmdir(place->base);
    place_free(place);
    *place_p = NULL;
}

/* A courtesy to people: where it cannot be written the lock holds all the same. */
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

/* Up to the first byte that is not printable. */
static void read_holder(int fd, char *text, size_t text_size)
{
    ssize_t size = pread(fd, text, text_size - 1, 0);
    size_t end = 0;
    while (size > 0 && end < (size_t)size && text[end] >= ' ' && text[end] <= '~')
        end++;
    text[end] = '\0';
}

static int say_taken(const struct place *place, const char *role, int fd, char *error,
                     size_t error_size)
{
    char holder[80];
    read_holder(fd, holder, sizeof holder);
    return fail(
        -EBUSY, error, error_size,
        "another run is in %s: fanfold-%s%s%s; give this one its own place with "
        "--name NAME",
        place->directory, role, *holder ? ", " : "", holder);
}

static bool is_same_file(int fd, const char *path)
{
    struct stat held, found;
    return fstat(fd, &held) == 0 && stat(path, &found) == 0 &&
           held.st_dev == found.st_dev && held.st_ino == found.st_ino;
}

/* One try: a descriptor that holds the lock; -EAGAIN: the file or the directory went
 * away meanwhile; else -errno and `error`. */
static int try_lock(const struct place *place, const char *role, const char *path,
                    char *error, size_t error_size)
{
    int rc = make_directories(place, error, error_size);
    if (rc < 0)
        return rc;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0 && errno == ENOENT)
        return -EAGAIN;
    if (fd < 0)
        return fail_path(error, error_size, "open", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        rc = errno == EWOULDBLOCK ? say_taken(place, role, fd, error, error_size)
                                  : fail_path(error, error_size, "lock", path);
    else if (!is_same_file(fd, path))
        rc = -EAGAIN;
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

/* A process that was killed just now holds its locks for a moment yet. */
static bool is_worth_another_try(int result, int64_t began_us)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    if (result != -EBUSY || clock_now_us() - began_us > DYING_US)
        return false;
    nanosleep(&pause, NULL);
    return true;
}

int place_lock(struct place *place, const char *role, char *error, size_t error_size)
{
    assert(!place->role);
    char *path = allocate_text("%s/%s.lock", place->directory, role);
    int64_t began_us = clock_now_us();
    int fd;
    do {
        fd = -EAGAIN;
        for (int i = 0; fd == -EAGAIN && i < LOCK_TRIES; i++)
            fd = try_lock(place, role, path, error, error_size);
    } while (is_worth_another_try(fd, began_us));
    if (fd == -EAGAIN)
        fail(fd, error, error_size, "cannot lock %s: it is removed all the time", path);
    free(path);
    if (fd < 0)
        return fd;
    place->role = role;
    place->lock_fd = fd;
    write_holder(fd);
    return 0;
}

const char *place_endpoint(struct place *place, const char *socket)
{
    assert(strlen(socket) <= FILE_NAME_MAX);
    char text[sizeof "ipc://" + PATH_MAX_BYTES];
    snprintf(text, sizeof text, "ipc://%s/%s", place->directory, socket);
    for (struct endpoint *known = place->endpoints; known; known = known->next) {
        if (strcmp(known->text, text) == 0)
            return known->text;
    }
    struct endpoint *endpoint = allocate(sizeof *endpoint + strlen(text) + 1);
    strcpy(endpoint->text, text);
    endpoint->next = place->endpoints;
    place->endpoints = endpoint;
    return endpoint->text;
}

/* What follows `scheme`; NULL: another scheme, or nothing follows. */
static const char *skip_scheme(const char *endpoint, const char *scheme)
{
    size_t size = strlen(scheme);
    bool matches = strncmp(endpoint, scheme, size) == 0 && endpoint[size] != '\0';
    return matches ? endpoint + size : NULL;
}

int endpoint_check(const char *endpoint, int insecure, char *error, size_t error_size)
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
    if (!insecure)
        return fail(-EINVAL, error, error_size,
                    "'%s': anyone who reaches a tcp port, also as another user of this "
                    "host, could take part in the run: give --insecure to allow it",
                    endpoint);
    return 0;
}
