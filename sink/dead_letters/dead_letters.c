/* SPDX-License-Identifier: MIT */
/* Dead letters are plain files in one directory; their names alone tell them. */
#include "sink/dead_letters/dead_letters.h"

#include "common/files/letters.h"
#include "common/memory.h"
#include "common/process/sync_directory.h"
#include "common/process/write_all.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 << 10 };
enum { HEAD_BYTES = 128 }; /* of a JSON, with the run's name in it */

static const char input_end[] = ".input", json_end[] = ".json";
static const char header_name[] = "header", header_new[] = "header.new";

/* ---- names ---- */

/* The number in a dead letter's file name; 0: the name is no dead letter's. */
static uint64_t number_of(const char *name)
{
    const char *end;
    uint64_t number = letter_number(name, &end);
    if (number == 0)
        return 0;
    return strcmp(end, input_end) == 0 || strcmp(end, json_end) == 0 ? number : 0;
}

/* ---- writing ---- */

static int copy_input(int fd, uint64_t length, dead_letter_reader *read, void *context)
{
    char *piece = allocate(PIECE_BYTES);
    int result = 0;
    for (uint64_t from = 0; from < length && result == 0;) {
        size_t size = length - from < PIECE_BYTES ? (size_t)(length - from)
                                                  : PIECE_BYTES;
        result = read(context, from, piece, size);
        if (result == 0)
            result = write_all(fd, piece, size);
        from += size;
    }
    free(piece);
    return result;
}

static int open_new(int directory, uint64_t number, const char *end)
{
    char name[LETTER_NAME_MAX];
    letter_name(number, end, name);
    int fd = openat(directory, name,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    return fd < 0 ? -errno : fd;
}

/* close is the last to tell of an error. */
static int close_written(int fd, int result)
{
    if (close(fd) != 0 && result == 0 && errno != EINTR)
        return -errno;
    return result;
}

static int write_input(int directory, uint64_t number, uint64_t length,
                       dead_letter_reader *read, void *context)
{
    int fd = open_new(directory, number, input_end);
    return fd < 0 ? fd : close_written(fd, copy_input(fd, length, read, context));
}

static int write_json(int directory, uint64_t number,
                      const struct dead_letter *dead_letter)
{
    size_t size;
    int fd = open_new(directory, number, json_end);
    if (fd < 0)
        return fd;
    char *json = dead_letter_json(dead_letter, &size);
    int result = close_written(fd, write_all(fd, json, size));
    free(json);
    return result;
}

static int open_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int dead_letters_write(const char *directory, uint64_t number,
                       const struct dead_letter *dead_letter, dead_letter_reader *read,
                       void *context)
{
    if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        return -errno;
    int fd = open_directory(directory);
    if (fd < 0)
        return fd;
    int result = write_input(fd, number, dead_letter->length, read, context);
    if (result == 0)
        result = write_json(fd, number, dead_letter);
    close(fd);
    return result;
}

/* ---- making durable ---- */

static int sync_file(int directory, uint64_t number, const char *end)
{
    char name[LETTER_NAME_MAX];
    letter_name(number, end, name);
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    return result;
}

int dead_letters_sync(const char *directory, uint64_t first, uint64_t last)
{
    int fd = open_directory(directory), result = 0;
    if (fd < 0)
        return fd;
    for (uint64_t number = first; number <= last && result == 0; number++) {
        result = sync_file(fd, number, input_end);
        if (result == 0)
            result = sync_file(fd, number, json_end);
    }
    if (result == 0)
        result = sync_directory(fd);
    close(fd);
    return result == 0 && first == 1 ? sync_directory_of(directory) : result;
}

/* ---- the header ---- */

/* Whether the file has these bytes; `begins`: or only the first of them. */
static bool has_bytes(int directory, const char *name, struct slice bytes, bool begins)
{
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    char *found = allocate(bytes.size + 1);
    size_t filled = 0;
    ssize_t got = 0;
    while (filled <= bytes.size &&
           (got = read(fd, found + filled, bytes.size + 1 - filled)) > 0)
        filled += (size_t)got;
    close(fd);
    bool same = got == 0 && filled <= bytes.size && (begins || filled == bytes.size) &&
                memcmp(found, bytes.data, filled) == 0;
    free(found);
    return same;
}

/* Writes it under another name first: where it is there, it is whole. What a killed
 * sink left under that name is the beginning of it. */
static int make_header(int directory, struct slice header)
{
    if (has_bytes(directory, header_new, header, true))
        unlinkat(directory, header_new, 0);
    int fd = openat(directory, header_new,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    int result = write_all(fd, header.data, header.size);
    if (result == 0 && fsync(fd) != 0)
        result = -errno;
    result = close_written(fd, result);
    /* Unlike a rename, a link replaces nothing; some file systems have none. */
    if (result == 0 && linkat(directory, header_new, directory, header_name, 0) != 0)
        result = errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS
                     ? renameat(directory, header_new, directory, header_name)
                     : -errno;
    unlinkat(directory, header_new, 0);
    return result;
}

int dead_letters_write_header(const char *directory, struct slice header)
{
    struct stat status;
    int fd = open_directory(directory), result = 0;
    if (fd < 0)
        return fd;
    if (fstatat(fd, header_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        result = make_header(fd, header);
    else if (!has_bytes(fd, header_name, header, false))
        result = -EEXIST;
    if (result == 0)
        result = sync_directory(fd);
    close(fd);
    return result;
}

bool dead_letters_have_header(const char *directory)
{
    struct stat status;
    int fd = open_directory(directory);
    bool there = fd >= 0 &&
                 (fstatat(fd, header_name, &status, AT_SYMLINK_NOFOLLOW) == 0 ||
                  fstatat(fd, header_new, &status, AT_SYMLINK_NOFOLLOW) == 0);
    if (fd >= 0)
        close(fd);
    return there;
}

/* ---- what is there ---- */

int dead_letters_highest(const char *directory, uint64_t *ret_number)
{
    uint64_t highest = 0;
    DIR *entries = opendir(directory);
    *ret_number = 0;
    if (!entries)
        return errno == ENOENT ? 0 : -errno;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        uint64_t number = number_of(entry->d_name);
        highest = number > highest ? number : highest;
    }
    closedir(entries);
    *ret_number = highest;
    return 0;
}

enum owner {
    OWNER_NONE, /* it was not written in full */
    OWNER_RUN,
    OWNER_OTHER,
};

/* Whose the JSON says that it is. It is written by one call, and may be empty or full
 * of zeros after a power cut. */
static enum owner owner_of(int directory, uint64_t number, const char *run)
{
    char name[LETTER_NAME_MAX], text[HEAD_BYTES] = "", head[DEAD_LETTER_RUN_MAX + 8];
    letter_name(number, json_end, name);
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? OWNER_NONE : OWNER_OTHER;
    ssize_t size = read(fd, text, sizeof text);
    close(fd);
    size_t length = (size_t)snprintf(head, sizeof head, "{\n  %s\"", run);
    size_t have = size < 0 ? 0 : (size_t)size < length ? (size_t)size : length;
    if (size < 0)
        return OWNER_OTHER;
    if (memcmp(text, head, have) == 0)
        return have == length ? OWNER_RUN : OWNER_NONE;
    return text[0] == '\0' ? OWNER_NONE : OWNER_OTHER;
}

static bool has_others(DIR *entries, uint64_t count, const char *run)
{
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        uint64_t number = number_of(entry->d_name);
        if (number > count && owner_of(dirfd(entries), number, run) == OWNER_OTHER)
            return true;
    }
    return false;
}

bool dead_letters_are_of(const char *directory, uint64_t number, const struct id *run)
{
    char name[DEAD_LETTER_RUN_MAX];
    int fd = open_directory(directory);
    if (fd < 0)
        return false;
    dead_letter_name_run(run, name);
    bool found = owner_of(fd, number, name) == OWNER_RUN;
    close(fd);
    return found;
}

int dead_letters_cut(const char *directory, uint64_t count, const struct id *run)
{
    char name[DEAD_LETTER_RUN_MAX];
    DIR *entries = opendir(directory);
    if (!entries)
        return errno == ENOENT ? 0 : -errno;
    dead_letter_name_run(run, name);
    int result = has_others(entries, count, name);
    rewinddir(entries);
    for (struct dirent *entry; result != 1 && (entry = readdir(entries)) != NULL;)
        if (number_of(entry->d_name) > count &&
            unlinkat(dirfd(entries), entry->d_name, 0) != 0 && errno != ENOENT)
            result = -errno;
    closedir(entries);
    return result;
}
