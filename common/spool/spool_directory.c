/* SPDX-License-Identifier: MIT */
#include "common/spool/spool_directory.h"

#include "common/clock.h"
#include "common/memory.h"
#include "common/process/sync_directory.h"
#include "common/spool/whole_file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX    ".spool"
#define TEMPORARY "next.spool.tmp"

enum { LOCK_WAIT_US = 2000000, LOCK_PAUSE_NS = 5000000 };

int spool_directory_fail(struct spool_directory *directory, int result,
                         const char *format, ...)
{
    char *error = directory->error;
    size_t size = sizeof directory->error;
    int used = snprintf(error, size, "%s: ", directory->path);
    va_list arguments;
    va_start(arguments, format);
    if (used >= 0 && (size_t)used < size)
        vsnprintf(error + used, size - (size_t)used, format, arguments);
    va_end(arguments);
    return result;
}

/* ---- opening ---- */

static int make_directory(const char *path)
{
    if (mkdir(path, 0700) == 0)
        return sync_directory_of(path);
    return errno == EEXIST ? 0 : -errno;
}

/* A process that was killed keeps its lock until the kernel has taken it down. */
static int take_lock(struct spool_directory *directory)
{
    int64_t end_us = clock_now_us() + LOCK_WAIT_US;
    int lock =
        openat(directory->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0)
        return -errno;
    while (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        int error = errno;
        if (error == EWOULDBLOCK && clock_now_us() < end_us) {
            nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
            continue;
        }
        close(lock);
        return -error;
    }
    directory->lock = lock;
    return 0;
}

int spool_directory_open(struct spool_directory *directory, const char *path,
                         bool locks, bool creates)
{
    *directory = (struct spool_directory){.path = path, .fd = -1, .lock = -1};
    int result = creates ? make_directory(path) : 0;
    if (result == 0) {
        directory->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        result = directory->fd < 0 ? -errno : 0;
    }
    if (result < 0)
        return spool_directory_fail(directory, result, "cannot open the spool: %s",
                                    strerror(-result));
    result = locks ? take_lock(directory) : 0;
    if (result == -EWOULDBLOCK)
        spool_directory_fail(directory, result, "another program writes this spool");
    else if (result < 0)
        spool_directory_fail(directory, result, "cannot lock the spool: %s",
                             strerror(-result));
    return result;
}

void spool_directory_close(struct spool_directory *directory)
{
    if (directory->fd >= 0)
        close(directory->fd);
    if (directory->lock >= 0)
        close(directory->lock);
    directory->fd = directory->lock = -1;
}

/* ---- names ---- */

const char *spool_segment_name(uint64_t number, char name[SPOOL_NAME_SIZE])
{
    snprintf(name, SPOOL_NAME_SIZE, "%08" PRIu64 SUFFIX, number);
    return name;
}

static bool parse_name(const char *name, uint64_t *ret_number)
{
    char *end, again[SPOOL_NAME_SIZE];
    errno = 0;
    *ret_number = strtoull(name, &end, 10);
    return errno == 0 && strcmp(name, spool_segment_name(*ret_number, again)) == 0;
}

static int compare_numbers(const void *one, const void *other)
{
    const uint64_t *a = one, *b = other;
    return *a < *b ? -1 : *a > *b;
}

static bool belongs(const char *name)
{
    return name[0] == '.' || strcmp(name, "lock") == 0 ||
           strcmp(name, SPOOL_POSITION) == 0 || strcmp(name, TEMPORARY) == 0 ||
           strcmp(name, SPOOL_POSITION_TEMPORARY) == 0;
}

static void collect(DIR *stream, uint64_t **ret_numbers, size_t *ret_count,
                    bool *ret_foreign)
{
    size_t capacity = 0;
    for (struct dirent *item; (item = readdir(stream));) {
        uint64_t number;
        if (!parse_name(item->d_name, &number)) {
            *ret_foreign = *ret_foreign || !belongs(item->d_name);
            continue;
        }
        *ret_numbers = room_for_one_more(*ret_numbers, *ret_count, &capacity,
                                         sizeof **ret_numbers);
        (*ret_numbers)[(*ret_count)++] = number;
    }
}

int spool_directory_list(struct spool_directory *directory, uint64_t **ret_numbers,
                         size_t *ret_count)
{
    int fd = openat(directory->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    bool foreign = false;
    *ret_numbers = NULL;
    *ret_count = 0;
    if (!stream) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return spool_directory_fail(directory, -error, "cannot list the spool: %s",
                                    strerror(error));
    }
    collect(stream, ret_numbers, ret_count, &foreign);
    closedir(stream);
    if (*ret_count > 0)
        qsort(*ret_numbers, *ret_count, sizeof **ret_numbers, compare_numbers);
    else if (foreign)
        return spool_directory_fail(directory, -ENOTEMPTY,
                                    "it has other files than a spool's");
    else if (faccessat(directory->fd, SPOOL_POSITION, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return spool_directory_fail(directory, -EBADMSG,
                                    "it has a " SPOOL_POSITION
                                    ", but its segments (*.spool) are missing: "
                                    "restore them from a copy, or use a new directory");
    return 0;
}

int spool_directory_tidy(struct spool_directory *directory)
{
    if (unlinkat(directory->fd, TEMPORARY, 0) == 0 || errno == ENOENT)
        return 0;
    return spool_directory_fail(directory, -errno, "cannot remove " TEMPORARY ": %s",
                                strerror(errno));
}

/* ---- segments ---- */

static int judge(struct spool_directory *directory, const char *name,
                 enum spool_header_outcome outcome)
{
    switch (outcome) {
    case SPOOL_HEADER_GOOD:
        return 0;
    case SPOOL_HEADER_FOREIGN:
        return spool_directory_fail(directory, -EBADMSG, "%s is no segment of a spool",
                                    name);
    case SPOOL_HEADER_VERSION:
        return spool_directory_fail(
            directory, -EBADMSG, "%s was written by another version of fanfold", name);
    case SPOOL_HEADER_SHORT:
    case SPOOL_HEADER_DAMAGED:
        break;
    }
    return spool_directory_fail(directory, -EBADMSG, "the header of %s is damaged",
                                name);
}

/* 0, or -errno; -EBADMSG with the sentence. */
static int read_header(struct spool_directory *directory, const char *name, int fd,
                       struct spool_header *ret_header, struct producers *producers)
{
    struct byte_buffer buffer = {.data = NULL};
    struct slice bytes;
    enum spool_header_outcome outcome = SPOOL_HEADER_SHORT;
    size_t wanted = SPOOL_HEADER_MIN, before = SIZE_MAX;
    while (outcome == SPOOL_HEADER_SHORT && wanted != before) {
        byte_buffer_reserve(&buffer, wanted);
        ssize_t got = pread(fd, buffer.data, wanted, 0);
        if (got < 0) {
            int error = errno;
            byte_buffer_deinit(&buffer);
            return -error;
        }
        bytes = (struct slice){buffer.data, (size_t)got};
        outcome = spool_header_read(bytes, ret_header, producers);
        before = wanted;
        wanted = ret_header->size ? ret_header->size : wanted;
    }
    byte_buffer_deinit(&buffer);
    return judge(directory, name, outcome);
}

int spool_segment_open(struct spool_directory *directory, uint64_t number, int flags,
                       struct spool_header *ret_header, struct producers *producers,
                       int *ret_fd)
{
    char name[SPOOL_NAME_SIZE];
    spool_segment_name(number, name);
    int fd = openat(directory->fd, name, flags | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return spool_directory_fail(directory, -errno, "cannot open %s: %s", name,
                                    strerror(errno));
    int result = read_header(directory, name, fd, ret_header, producers);
    if (result == 0 && ret_header->segment != number)
        result = spool_directory_fail(directory, -EBADMSG,
                                      "%s is segment %" PRIu64 " under another name",
                                      name, ret_header->segment);
    else if (result < 0 && result != -EBADMSG)
        spool_directory_fail(directory, result, "cannot read %s: %s", name,
                             strerror(-result));
    if (result < 0)
        close(fd);
    else
        *ret_fd = fd;
    return result;
}

int spool_segment_create(struct spool_directory *directory, struct spool_header *header,
                         const struct producers *producers, int *ret_fd)
{
    struct byte_buffer bytes = {.data = NULL};
    char name[SPOOL_NAME_SIZE];
    spool_segment_name(header->segment, name);
    spool_header_write(header, producers, &bytes);
    header->size = (uint32_t)bytes.size;
    int fd = whole_file_make(directory->fd, name, TEMPORARY, bytes.data, bytes.size);
    byte_buffer_deinit(&bytes);
    if (fd < 0)
        return spool_directory_fail(directory, fd, "cannot make %s: %s", name,
                                    strerror(-fd));
    *ret_fd = fd;
    return 0;
}

int spool_segment_remove(struct spool_directory *directory, uint64_t number)
{
    char name[SPOOL_NAME_SIZE];
    spool_segment_name(number, name);
    int result = unlinkat(directory->fd, name, 0) == 0 ? 0 : -errno;
    if (result == 0)
        result = sync_directory(directory->fd);
    return result == 0 ? 0
                       : spool_directory_fail(directory, result, "cannot remove %s: %s",
                                              name, strerror(-result));
}
