/* SPDX-License-Identifier: MIT */
/* The file of an output: opens and locks it, resumes it, cuts it, removes it. */
#include "sink/output/output_state.h"

#include "sink/output/output_alias.h"
#include "sink/output/output_lock.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPENS_MAX = 100 /* of a file that others take away each time */ };

/* Opens the same pipe or terminal with a description, and so flags, of our own. -errno
 * where that is not possible. */
static int reopen(int fd)
{
    char path[64];
    int flags = fcntl(fd, F_GETFL), own;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY |
                         (flags >= 0 ? flags & O_APPEND : 0));
    return own >= 0 ? own : -errno;
}

/* Where the next byte goes in a file of `size` bytes. */
static uint64_t place_of(int fd, uint64_t size)
{
    int flags = fcntl(fd, F_GETFL);
    off_t place = flags >= 0 && flags & O_APPEND ? -1 : lseek(fd, 0, SEEK_CUR);
    return place < 0 ? size : (uint64_t)place;
}

struct output *output_adopt(int fd, const char *name)
{
    struct output *output = output_new(&output_bytes_kind, name);
    struct stat status;
    int own;
    output->fd = fd;
    if (fstat(fd, &status) != 0)
        return output; /* the first write tells */
    output->regular = S_ISREG(status.st_mode);
    output->found = output->regular ? (uint64_t)status.st_size : 0;
    output->base = output->regular ? place_of(fd, output->found) : 0;
    if (S_ISSOCK(status.st_mode)) {
        output->link = OUTPUT_SOCKET;
    } else if (S_ISFIFO(status.st_mode) || isatty(fd)) {
        own = reopen(fd);
        if (own >= 0) {
            close(fd);
            output->fd = own;
        } else {
            output->link = OUTPUT_ASKS;
        }
    }
    return output;
}

/* Descriptor 1 becomes /dev/null: nothing else of this process may end up among the
 * data, and the reader sees the end when the output is closed. */
static int take_standard_output(const char *name, struct output **ret_output)
{
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), nothing;
    if (fd < 0)
        return -errno;
    nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nothing >= 0) {
        dup2(nothing, STDOUT_FILENO);
        close(nothing);
    }
    *ret_output = output_adopt(fd, name);
    return 0;
}

static int take_alias(const char *path, const struct output_alias *alias,
                      struct output **ret_output)
{
    if (alias->fd == STDOUT_FILENO && alias->pid == getpid())
        return take_standard_output(path, ret_output);
    int fd = output_alias_take(alias);
    if (fd < 0)
        return fd;
    *ret_output = output_adopt(fd, path);
    return 0;
}

/* -EBUSY with `error`: another process has the file locked. */
static int claim(int fd, const char *path, int64_t wait_us, char *error,
                 size_t error_size)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -errno;
    return S_ISREG(status.st_mode) ? output_lock(fd, path, wait_us, error, error_size)
                                   : 0;
}

/* Moves the descriptor away from the standard ones' numbers: where stderr was closed,
 * its messages would end up in the data. -errno where there is none. */
static int leave_standard(int fd)
{
    if (fd < 0)
        return -errno;
    if (fd > STDERR_FILENO)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (moved < 0)
        moved = -errno;
    close(fd);
    return moved;
}

/* A signal must be able to end the opening of what is there, which may take for ever;
 * but it must not leave behind a file that was created. */
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

/* A regular file still has its name. Whoever had it locked before may have taken the
 * file away, and what is written to a file without a name is lost. */
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
    if ((*ret_output)->regular)
        (*ret_output)->watch = output_watch_new(fd);
    return 0;
}

int output_open(const char *path, int64_t wait_us, struct output **ret_output,
                char *error, size_t error_size)
{
    struct output_alias alias;
    int result;
    if (!path)
        result = take_standard_output("standard output", ret_output);
    else if (output_alias_find(path, &alias))
        result = take_alias(path, &alias, ret_output);
    else
        result = open_path(path, wait_us, ret_output, error, error_size);
    if (result < 0 && result != -EBUSY)
        snprintf(error, error_size, "cannot open %s: %s",
                 path ? path : "standard output", strerror(-result));
    return result;
}

int output_resume(struct output *output, uint64_t offset, uint64_t earlier)
{
    if (output->found < offset)
        return 1;
    if (lseek(output->fd, (off_t)offset, SEEK_SET) < 0)
        return -errno;
    output->start = output->bytes = output->whole = offset;
    output->earlier = earlier;
    if (output->watch)
        output_watch_begin(output->watch, offset);
    return 0;
}

int output_clear(struct output *output)
{
    if (!output->owned || !output->regular || output->cleared)
        return 0;
    if (ftruncate(output->fd, (off_t)output->start) < 0)
        return -errno;
    output->cleared = true;
    if (output->watch)
        output_watch_note(output->watch, NULL, 0);
    return 0;
}

void output_unwatch(struct output *output)
{
    output_watch_destroy(&output->watch);
}

void output_begin_part(struct output *output, int fd)
{
    output_watch_destroy(&output->watch);
    close(output->fd);
    output->fd = fd;
    output->watch = output_watch_new(fd);
    output->earlier += output->bytes;
    output->start = output->found = output->bytes = output->whole = 0;
    output->created = true;
    output->waits = false;
}

/* A file that others opened may grow by what they write, but not lose our bytes. */
static int look_at_shared(const struct output *output)
{
    struct stat status;
    if (!output->regular || output->owned || output->bytes == 0 ||
        fstat(output->fd, &status) != 0)
        return 0;
    return (uint64_t)status.st_size < output->base + output->bytes ? -ENODATA : 0;
}

int output_look(struct output *output)
{
    if (output->watch && output->cleared)
        return output_watch_look(output->watch, output->bytes);
    return look_at_shared(output);
}

int output_check_name(const struct output *output)
{
    return output->owned && !has_name(output->fd, output->name) ? -ESTALE : 0;
}

int output_complete(struct output *output)
{
    int result = output_clear(output);
    if (result == 0)
        result = output_check_name(output);
    if (result == 0)
        result = output->watch ? output_watch_examine(output->watch, output->bytes)
                               : look_at_shared(output);
    if (result < 0)
        output->error = result;
    return result;
}

bool output_error_is_loss(int error)
{
    return error == -ESTALE || error == -ENODATA || error == -EUCLEAN;
}

const char *output_error_text(int error)
{
    switch (error) {
    case -ESTALE:
        return "it was removed or replaced";
    case -ENODATA:
        return "somebody else made it shorter while the run wrote it";
    case -EUCLEAN:
        return "somebody else wrote into it while the run wrote it";
    case -EBADMSG:
        return "a result is not made of the records that --records-out names";
    default:
        return strerror(-error);
    }
}

void output_cut(struct output *output)
{
    if (output->owned && output->regular && output->cleared &&
        !output_error_is_loss(output->error) &&
        ftruncate(output->fd, (off_t)output->whole) == 0)
        output->bytes = output->whole;
}

void output_drop_empty(struct output *output)
{
    if (output->bytes == 0 && has_name(output->fd, output->name))
        unlink(output->name);
}

void output_discard(struct output *output)
{
    if (output && output->created)
        output_drop_empty(output);
}
