/* SPDX-License-Identifier: MIT */
#include "ventilator/source_inputs.h"

#include "common/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN_MAX_FILES = 64 };

/* The descriptor, or -errno. A pipe or terminal of our own opening never blocks. */
static int open_path(const char *path)
{
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
                  : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return fd < 0 ? -errno : fd;
}

static enum compression look_at_file(int fd, uint64_t start)
{
    uint8_t first[COMPRESSION_BYTES_MAX];
    ssize_t got = pread(fd, first, sizeof first, (off_t)start);
    enum compression compression = got > 0 ? compression_of(first, (size_t)got)
                                           : COMPRESSION_NONE;
    return compression == COMPRESSION_UNKNOWN ? COMPRESSION_NONE : compression;
}

/* A file that is redirected to standard input is read from its offset on. */
static int find_file(const struct inputs *inputs, struct named_input *item, int fd,
                     const struct stat *status)
{
    off_t offset = lseek(fd, 0, SEEK_CUR);
    if (offset < 0)
        return -errno;
    item->start = (uint64_t)offset;
    item->size = (uint64_t)status->st_size;
    if (item->size < item->start)
        item->size = item->start;
    item->device = status->st_dev;
    item->inode = status->st_ino;
    if (inputs->unpacks)
        item->compression = look_at_file(fd, item->start);
    item->kind = item->compression == COMPRESSION_NONE ? SOURCE_KIND_FILE
                                                       : SOURCE_KIND_PACKED;
    item->input = input_of_file(fd, item->start, item->size);
    return 0;
}

/* What `fd` is: 0, or -errno, and then it is still the caller's. */
static int find_kind(const struct inputs *inputs, struct named_input *item, int fd)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    if (S_ISREG(status.st_mode))
        return find_file(inputs, item, fd, &status);
    item->kind = SOURCE_KIND_STREAM;
    item->input = input_of_stream(fd, status.st_mode, inputs->unpacks, inputs->program);
    return 0;
}

static int open_item(const struct inputs *inputs, struct named_input *item)
{
    int fd = open_path(item->path);
    if (fd < 0)
        return fd;
    int result = find_kind(inputs, item, fd);
    if (result < 0)
        close(fd);
    return result;
}

static int cannot_read(const struct named_input *item, int result, char *error,
                       size_t error_size)
{
    snprintf(error, error_size, "cannot read %s: %s", item->name, strerror(-result));
    return result;
}

static bool is_standard_input(const char *path)
{
    return !path || strcmp(path, "-") == 0;
}

int inputs_open(struct inputs *inputs, const char *const *paths, uint32_t count,
                bool unpacks, const char *program, char *error, size_t error_size)
{
    static const char *const standard_input[] = {NULL};
    if (count == 0) {
        paths = standard_input;
        count = 1;
    }
    *inputs = (struct inputs){.count = count, .unpacks = unpacks, .program = program};
    inputs->items = allocate_zeroed(count, sizeof *inputs->items);
    for (uint32_t i = 0; i < count; i++)
        inputs->items[i].input.fd = -1;
    int result = 0;
    for (uint32_t i = 0; i < count && result == 0; i++) {
        struct named_input *item = &inputs->items[i];
        item->path = is_standard_input(paths[i]) ? NULL : paths[i];
        item->name = allocate_text("%s", item->path ? paths[i] : "standard input");
        result = open_item(inputs, item);
        if (result < 0)
            cannot_read(item, result, error, error_size);
        else if (i >= OPEN_MAX_FILES && item->kind != SOURCE_KIND_STREAM && item->path)
            input_close(&item->input);
    }
    if (result < 0)
        inputs_deinit(inputs);
    return result;
}

void inputs_deinit(struct inputs *inputs)
{
    for (uint32_t i = 0; i < inputs->count; i++) {
        input_close(&inputs->items[i].input);
        free(inputs->items[i].name);
    }
    free(inputs->items);
    *inputs = (struct inputs){.items = NULL};
}

/* A descriptor of the same file, once more; -ESTALE: it is not there any more. */
static int open_again(const struct named_input *item)
{
    struct stat status;
    int fd = open_path(item->path);
    if (fd < 0)
        return fd;
    if (fstat(fd, &status) == 0 && status.st_dev == item->device &&
        status.st_ino == item->inode)
        return fd;
    close(fd);
    return -ESTALE;
}

int inputs_identify(struct inputs *inputs, const struct source_cut *cut,
                    struct source_identity *ret_identity, char *error,
                    size_t error_size)
{
    struct source_identity whole = source_identity_begin(cut);
    for (uint32_t i = 0; i < inputs->count; i++) {
        struct named_input *item = &inputs->items[i];
        int fd = item->input.fd >= 0 ? item->input.fd : open_again(item);
        int result = fd < 0 ? fd
                            : source_identity_add(&whole, fd, item->kind, item->start);
        if (fd >= 0 && fd != item->input.fd)
            close(fd);
        if (result < 0)
            return cannot_read(item, result, error, error_size);
    }
    *ret_identity = whole;
    return 0;
}

/* The file itself is the child's from here on, which has its own descriptor of it. */
static int unpack(const struct inputs *inputs, struct named_input *item)
{
    struct input content;
    int result = input_unpack(
        &(struct decompressor_start){
            .program = inputs->program,
            .fd = item->input.fd,
            .compression = item->compression,
            .offset = item->start,
        },
        &content);
    if (result < 0)
        return result;
    input_close(&item->input);
    item->input = content;
    return 0;
}

int inputs_turn_to(struct inputs *inputs, uint32_t number)
{
    struct named_input *item = &inputs->items[number];
    if (number >= OPEN_MAX_FILES)
        input_close(&inputs->items[number - OPEN_MAX_FILES].input);
    if (item->input.fd < 0) {
        int fd = open_again(item);
        if (fd < 0)
            return fd;
        item->input = input_of_file(fd, item->start, item->size);
    }
    return item->kind == SOURCE_KIND_PACKED ? unpack(inputs, item) : 0;
}

int inputs_reread(const struct inputs *inputs, uint32_t number, uint64_t offset,
                  void *buffer, size_t size)
{
    const struct named_input *item = &inputs->items[number];
    if (item->input.fd >= 0)
        return item->input.kind->reread(&item->input, offset, buffer, size);
    int fd = open_again(item);
    if (fd < 0)
        return fd;
    struct input again = input_of_file(fd, item->start, item->size);
    int result = again.kind->reread(&again, offset, buffer, size);
    input_close(&again);
    return result;
}

bool inputs_are_files(const struct inputs *inputs)
{
    for (uint32_t i = 0; i < inputs->count; i++)
        if (inputs->items[i].kind != SOURCE_KIND_FILE)
            return false;
    return true;
}
