/* SPDX-License-Identifier: MIT */
/*
 * What an output is written to: opened and locked, gone on with, cut, left complete or
 * taken away again.
 */
#include "common/memory.h"
#include "sink/lock.h"
#include "sink/output_state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SEATS_FIRST = 1024,
    OPENS_MAX = 100, /* of a file that others take away each time */
};

static struct output *output_new(int fd, const char *name)
{
    struct output *output = allocate_zeroed(1, sizeof *output);

    output->fd = fd;
    output->name = allocate_text("%s", name);
    output->capacity = SEATS_FIRST;
    output->seats = allocate_zeroed(output->capacity, sizeof *output->seats);
    return output;
}

/* The same pipe or terminal with a description, and so flags, of our own. -errno where
 * that is not possible. */
static int reopen(int fd)
{
    char path[64];
    int flags = fcntl(fd, F_GETFL), own;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY |
                         (flags >= 0 ? flags & O_APPEND : 0));
    return own >= 0 ? own : -errno;
}

struct output *output_adopt(int fd, const char *name)
{
    struct output *output = output_new(fd, name);
    struct stat status;
    int own;

    if (fstat(fd, &status) != 0)
        return output; /* the first write tells */
    output->regular = S_ISREG(status.st_mode);
    output->found = output->regular ? (uint64_t)status.st_size : 0;
    if (S_ISSOCK(status.st_mode)) {
        output->way = OUTPUT_SOCKET;
    } else if (S_ISFIFO(status.st_mode) || isatty(fd)) {
        own = reopen(fd);
        if (own >= 0) {
            close(fd);
            output->fd = own;
        } else {
            output->way = OUTPUT_ASKS;
        }
    }
    return output;
}

/* Descriptor 1 becomes /dev/null: nothing else of this process may end up among the
 * data, and the reader sees the end when the output is closed. */
static int take_standard_output(struct output **ret_output)
{
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), nothing;

    if (fd < 0)
        return -errno;
    nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nothing >= 0) {
        dup2(nothing, STDOUT_FILENO);
        close(nothing);
    }
    *ret_output = output_adopt(fd, "standard output");
    return 0;
}

/* -EBUSY with `error`: another process has the file locked. */
static int claim(int fd, const char *path, int64_t wait_us, char *error,
                 size_t error_size)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return -errno;
    return S_ISREG(status.st_mode) ? lock_file(fd, path, wait_us, error, error_size)
                                   : 0;
}

/* Never a standard descriptor's number: where one was closed, what is said on stderr
 * would end up in the data. -errno where there is none. */
static int leave_standard(int fd)
{
    int moved;

    if (fd < 0)
        return -errno;
    if (fd > STDERR_FILENO)
        return fd;
    moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (moved < 0)
        moved = -errno;
    close(fd);
    return moved;
}

/* To open what is there may take for ever, and a signal is to end that; what is created
 * is not to be left behind by one. */
static int open_or_create(const char *path, bool *ret_created)
{
    /* Not O_TRUNC: what is there is another's until we have the lock. */
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY;
    sigset_t ends, before;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    sigprocmask(SIG_BLOCK, &ends, &before);
    int fd = open(path, flags | O_EXCL, 0666);
    *ret_created = fd >= 0;
    if (fd >= 0)
        return fd;
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return error == EEXIST ? open(path, flags, 0666) : -1;
}

/* Whether the name is still that of a regular file: who had it locked before may have
 * taken the file away, and what is written to one without a name is lost. */
static bool has_name(int fd, const char *path)
{
    struct stat opened, named;

    if (fstat(fd, &opened) != 0 || !S_ISREG(opened.st_mode))
        return true;
    if (stat(path, &named) != 0)
        return errno != ENOENT;
    return named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

/* The descriptor, or -errno. */
static int open_and_claim(const char *path, int64_t wait_us, bool *ret_created,
                          char *error, size_t error_size)
{
    for (int i = 0; i < OPENS_MAX; i++) {
        int fd = leave_standard(open_or_create(path, ret_created));
        if (fd < 0)
            return fd;
        int result = claim(fd, path, wait_us, error, error_size);
        if (result == 0 && has_name(fd, path))
            return fd;
        close(fd);
        if (result < 0)
            return result;
    }
    return -ESTALE;
}

static int open_path(const char *path, int64_t wait_us, struct output **ret_output,
                     char *error, size_t error_size)
{
    bool created;
    int fd = open_and_claim(path, wait_us, &created, error, error_size);
    if (fd < 0)
        return fd;
    *ret_output = output_adopt(fd, path);
    (*ret_output)->owned = true;
    (*ret_output)->created = created;
    return 0;
}

int output_open(const char *path, int64_t wait_us, struct output **ret_output,
                char *error, size_t error_size)
{
    int result;

    if (path == NULL)
        result = take_standard_output(ret_output);
    else
        result = open_path(path, wait_us, ret_output, error, error_size);
    if (result < 0 && result != -EBUSY)
        snprintf(error, error_size, "cannot open %s: %s",
                 path ? path : "standard output", strerror(-result));
    return result;
}

int output_go_on(struct output *output, uint64_t offset)
{
    if (output->found < offset)
        return 1;
    if (lseek(output->fd, (off_t)offset, SEEK_SET) < 0)
        return -errno;
    output->start = output->bytes = output->whole = offset;
    return 0;
}

int output_clear(struct output *output)
{
    if (!output->owned || !output->regular || output->cleared)
        return 0;
    if (ftruncate(output->fd, (off_t)output->start) < 0)
        return -errno;
    output->cleared = true;
    return 0;
}

int output_complete(struct output *output)
{
    int result = output_clear(output);

    if (result == 0 && output->owned && !has_name(output->fd, output->name))
        return -ESTALE;
    return result;
}

const char *output_error_text(int error)
{
    return error == -ESTALE ? "it was taken away, or another put in its place"
                            : strerror(-error);
}

void output_cut(struct output *output)
{
    if (output->owned && output->regular && output->cleared &&
        ftruncate(output->fd, (off_t)output->whole) == 0)
        output->bytes = output->whole;
}

void output_discard(struct output *output)
{
    if (output != NULL && output->created && output->bytes == 0 &&
        has_name(output->fd, output->name))
        unlink(output->name);
}
