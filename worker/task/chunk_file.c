/* SPDX-License-Identifier: MIT */
/* A list, the file that was used last in front. */
#include "worker/task/chunk_file.h"

#include "common/files/below.h"
#include "common/files/fresh_status.h"
#include "common/files/open_theirs.h"
#include "common/files/read_all_at.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/process/fds.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    IDLE_MAX = 4, /* files that no task needs */
    REASON_MAX = 400,
    PATH_MAX_SAID = 180, /* bytes of a path in it */
};

struct chunk_files {
    struct chunk_file *first;
    uint64_t serial; /* of the last opening */
    int root;        /* -1: there is none */
    char reason[REASON_MAX];
};

struct chunk_files *chunk_files_new(int root)
{
    struct chunk_files *files = allocate_zeroed(1, sizeof *files);
    files->root = root;
    return files;
}

/* Keeps so many that no task needs, the last ones. */
static void close_idle(struct chunk_files *files, uint32_t most)
{
    for (struct chunk_file **at = &files->first; *at;) {
        struct chunk_file *file = *at;
        if (file->tasks > 0 || (most > 0 && most--)) {
            at = &file->next;
            continue;
        }
        *at = file->next;
        close(file->fd);
        free(file);
    }
}

void chunk_files_destroy(struct chunk_files **files_p)
{
    struct chunk_files *files = *files_p;
    if (!files)
        return;
    close_idle(files, 0);
    fd_close(&files->root);
    free(files);
    *files_p = NULL;
}

void chunk_files_close_idle(struct chunk_files *files)
{
    close_idle(files, 0);
}

/* ---- reasons ---- */

/* Of a long path the end says most. Whoever prints the reason escapes it. */
static struct slice said_path(const struct reference_file *is)
{
    struct slice path = is->path;
    if (path.size > PATH_MAX_SAID) {
        path.data += path.size - PATH_MAX_SAID;
        path.size = PATH_MAX_SAID;
    }
    return path;
}

__attribute__((format(printf, 3, 4))) static void
explain(struct chunk_files *files, const struct reference_file *is, const char *format,
        ...)
{
    char why[REASON_MAX / 2], quoted[REASON_MAX * 4];
    va_list values;
    va_start(values, format);
    vsnprintf(why, sizeof why, format, values);
    va_end(values);
    struct slice path = said_path(is);
    if (is->path.data)
        snprintf(files->reason, sizeof files->reason, "'%.*s' below its --root %s",
                 (int)path.size, (const char *)path.data, why);
    else
        snprintf(files->reason, sizeof files->reason,
                 "the file that has the chunk cannot be read, or has changed");
    log_event(LOG_LEVEL_INFO, "no_chunk_file", "pid=%" PRIu32 " fd=%" PRIu32 " why=%s",
              is->pid, is->descriptor,
              log_quote(quoted, sizeof quoted, files->reason, strlen(files->reason)));
}

struct chunk_file *chunk_files_take_none(struct chunk_files *files)
{
    snprintf(files->reason, sizeof files->reason,
             "that is no reference to a chunk that this worker can read");
    return NULL;
}

const char *chunk_files_reason(const struct chunk_files *files)
{
    return files->reason;
}

/* ---- which file, and in what state ---- */

static bool equal(const struct reference_file *a, const struct reference_file *b)
{
    bool same = a->inode == b->inode && a->size == b->size &&
                a->mtime_ns == b->mtime_ns;
    if (a->path.data || b->path.data)
        return same && a->path.size == b->path.size &&
               memcmp(a->path.data, b->path.data, a->path.size) == 0;
    return same && a->pid == b->pid && a->descriptor == b->descriptor &&
           a->device == b->device;
}

static uint64_t mtime_ns(const struct stat *status)
{
    return (uint64_t)status->st_mtim.tv_sec * UINT64_C(1000000000) +
           (uint64_t)status->st_mtim.tv_nsec;
}

/* How it differs; NULL: it is the file, in that state. Each host numbers devices
 * itself: of a file by its path the number says nothing. */
static const char *difference(const struct stat *status,
                              const struct reference_file *file)
{
    if (!S_ISREG(status->st_mode))
        return "is no regular file";
    if (status->st_ino != file->inode ||
        (!file->path.data && status->st_dev != file->device))
        return "is another file: its inode has another number";
    if ((uint64_t)status->st_size != file->size)
        return "is another file, or has changed: it has another size";
    return mtime_ns(status) == file->mtime_ns
               ? NULL
               : "is another file, or has changed: it has another time of "
                 "modification";
}

static bool ask(const struct chunk_file *file, struct stat *ret_status)
{
    return file->is.path.data ? fresh_status(file->fd, ret_status)
                              : fstat(file->fd, ret_status) == 0;
}

bool chunk_file_is_same(const struct chunk_file *file)
{
    struct stat status;
    return ask(file, &status) && !difference(&status, &file->is);
}

/* ---- opening ---- */

static const char *why_not(int error)
{
    return error == EXDEV || error == ELOOP ? "leads out of that directory"
           : error == EMEDIUMTYPE           ? "is no regular file"
                                            : strerror(error);
}

/* -1: it cannot. */
static int open_named(struct chunk_files *files, struct chunk_file *file)
{
    struct stat status;
    if (files->root < 0) {
        explain(files, &file->is, "is nowhere: it has none");
        return -1;
    }
    int fd = below_open(files->root, file->path, &status);
    if (fd < 0)
        explain(files, &file->is, "cannot be read: %s", why_not(-fd));
    file->is.device = fd < 0 ? 0 : status.st_dev;
    return fd < 0 ? -1 : fd;
}

/* -1: it is not that file in that state. */
static int open_file(struct chunk_files *files, struct chunk_file *file)
{
    struct stat status;
    const struct reference_file *is = &file->is;
    if (is->path.data)
        return open_named(files, file);
    int fd = open_theirs((pid_t)is->pid, is->descriptor, O_RDONLY, &status);
    if (fd < 0)
        explain(files, is, "cannot be opened");
    return fd;
}

static struct chunk_file *open_new(struct chunk_files *files,
                                   const struct reference_file *is)
{
    struct chunk_file *file = allocate_zeroed(1, sizeof *file + is->path.size + 1);
    file->is = *is;
    if (is->path.data) {
        memcpy(file->path, is->path.data, is->path.size);
        file->is.path.data = (const uint8_t *)file->path;
    }
    file->fd = open_file(files, file);
    if (file->fd < 0) {
        free(file);
        return NULL;
    }
    file->serial = ++files->serial;
    file->owner = files;
    return file;
}

static struct chunk_file *find(struct chunk_files *files,
                               const struct reference_file *is)
{
    for (struct chunk_file **at = &files->first; *at; at = &(*at)->next) {
        struct chunk_file *file = *at;
        if (!equal(&file->is, is))
            continue;
        *at = file->next;
        return file;
    }
    return NULL;
}

struct chunk_file *chunk_files_take(struct chunk_files *files,
                                    const struct reference_file *is)
{
    struct stat status;
    struct chunk_file *file = find(files, is);
    if (!file)
        file = open_new(files, is);
    if (!file)
        return NULL;
    file->next = files->first;
    files->first = file;
    file->tasks++;
    const char *differs = ask(file, &status) ? difference(&status, &file->is)
                                             : "has no state that can be asked for";
    if (!differs)
        return file;
    explain(files, is, "%s", differs);
    chunk_files_give_back(&file);
    return NULL;
}

void chunk_files_give_back(struct chunk_file **file_p)
{
    struct chunk_file *file = *file_p;
    *file_p = NULL;
    if (file && --file->tasks == 0)
        close_idle(file->owner, IDLE_MAX);
}

bool chunk_file_read(const struct chunk_file *file, uint64_t offset, void *buffer,
                     size_t size)
{
    return read_all_at(file->fd, buffer, size, offset);
}
