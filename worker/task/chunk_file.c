/* SPDX-License-Identifier: MIT */
/* A list, the file that was used last in front. */
#include "worker/task/chunk_file.h"

#include "common/files/open_theirs.h"
#include "common/files/read_all_at.h"
#include "common/log.h"
#include "common/memory.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IDLE_MAX = 4 /* files that no task needs */ };

struct chunk_files {
    struct chunk_file *first;
    uint64_t serial; /* of the last opening */
};

struct chunk_files *chunk_files_new(void)
{
    return allocate_zeroed(1, sizeof(struct chunk_files));
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
    if (!*files_p)
        return;
    close_idle(*files_p, 0);
    free(*files_p);
    *files_p = NULL;
}

void chunk_files_close_idle(struct chunk_files *files)
{
    close_idle(files, 0);
}

static bool equal(const struct reference_file *a, const struct reference_file *b)
{
    return a->pid == b->pid && a->descriptor == b->descriptor &&
           a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->mtime_ns == b->mtime_ns;
}

static bool fits(const struct stat *status, const struct reference_file *file)
{
    uint64_t mtime_ns = (uint64_t)status->st_mtim.tv_sec * UINT64_C(1000000000) +
                        (uint64_t)status->st_mtim.tv_nsec;
    return S_ISREG(status->st_mode) && status->st_dev == file->device &&
           status->st_ino == file->inode && (uint64_t)status->st_size == file->size &&
           mtime_ns == file->mtime_ns;
}

bool chunk_file_is_same(const struct chunk_file *file)
{
    struct stat status;
    return fstat(file->fd, &status) == 0 && fits(&status, &file->is);
}

/* -1: it is not that file in that state. */
static int open_file(const struct reference_file *file)
{
    struct stat status;
    int fd = open_theirs((pid_t)file->pid, file->descriptor, O_RDONLY, &status);
    if (fd < 0 || fits(&status, file))
        return fd;
    close(fd);
    return -1;
}

static struct chunk_file *open_new(struct chunk_files *files,
                                   const struct reference_file *is)
{
    int fd = open_file(is);
    if (fd < 0) {
        log_event(LOG_LEVEL_INFO, "no_chunk_file", "pid=%" PRIu32 " fd=%" PRIu32,
                  is->pid, is->descriptor);
        return NULL;
    }
    struct chunk_file *file = allocate_zeroed(1, sizeof *file);
    *file = (struct chunk_file){
        .fd = fd, .serial = ++files->serial, .is = *is, .owner = files};
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
    struct chunk_file *file = find(files, is);
    if (!file)
        file = open_new(files, is);
    if (!file)
        return NULL;
    file->next = files->first;
    files->first = file;
    file->tasks++;
    if (chunk_file_is_same(file))
        return file;
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
