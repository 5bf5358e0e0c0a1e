/* SPDX-License-Identifier: MIT */
#include "ventilator/source/input_list.h"

#include "common/files/below.h"
#include "common/files/letters.h"
#include "common/memory.h"
#include "common/process/fds.h"
#include "ventilator/source/kinds/connector_input.h"
#include "ventilator/source/kinds/message_input.h"
#include "ventilator/source/receive/spool_input.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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
    if (got <= 0)
        return COMPRESSION_NONE;
    return got < (ssize_t)sizeof first ? compression_of_all(first, (size_t)got)
                                       : compression_of(first, (size_t)got);
}

/* A file that is redirected to standard input is read from its offset on. */
static int find_file(const struct input_list *inputs, struct named_input *item, int fd,
                     const struct stat *status)
{
    off_t offset = lseek(fd, 0, SEEK_CUR);
    if (offset < 0)
        return -errno;
    if (inputs->root >= 0 && !(item->below = below_path(inputs->root, fd)))
        return -EXDEV;
    item->start = (uint64_t)offset;
    item->size = (uint64_t)status->st_size;
    if (item->size < item->start)
        item->size = item->start;
    item->device = status->st_dev;
    item->inode = status->st_ino;
    item->age = file_age_of(fd, status, inputs->root >= 0);
    if (inputs->decompresses && !item->header)
        item->compression = look_at_file(fd, item->start);
    item->kind = item->compression == COMPRESSION_NONE ? SOURCE_KIND_FILE
                                                       : SOURCE_KIND_COMPRESSED;
    item->input = input_of_file(fd, item->start, item->size);
    return 0;
}

/* Finds out what `fd` is. 0, or -errno, and then it is still the caller's. */
static int find_kind(const struct input_list *inputs, struct named_input *item, int fd)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    if (S_ISREG(status.st_mode))
        return find_file(inputs, item, fd, &status);
    if (inputs->root >= 0)
        return -EMEDIUMTYPE;
    item->kind = SOURCE_KIND_STREAM;
    item->input =
        input_of_stream(fd, status.st_mode, inputs->decompresses, inputs->program);
    return 0;
}

static int open_item(const struct input_list *inputs, struct named_input *item)
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

/* Likewise, where there is a root. */
static int cannot_refer(const struct named_input *item, int result, const char *root,
                        char *error, size_t error_size)
{
    if (result == -EXDEV)
        snprintf(error, error_size,
                 "%s is not below %s: with --by-reference, each input is a file below "
                 "the directory that --root names",
                 item->name, root);
    else if (result == -EMEDIUMTYPE)
        snprintf(error, error_size,
                 "%s is no regular file: with --by-reference, each input is a file "
                 "below the directory that --root names",
                 item->name);
    else
        return cannot_read(item, result, error, error_size);
    return -EINVAL;
}

static bool is_standard_input(const char *path)
{
    return !path || strcmp(path, "-") == 0;
}

static struct named_input *add_item(struct input_list *inputs)
{
    uint32_t count = inputs->count++;
    if ((count & (count - 1)) == 0)
        inputs->items = reallocate(inputs->items, count ? 2 * (size_t)count : 1,
                                   sizeof *inputs->items);
    struct named_input *item = &inputs->items[count];
    *item = (struct named_input){.input = {.fd = -1}};
    return item;
}

static void add_path(struct input_list *inputs, const char *path)
{
    struct named_input *item = add_item(inputs);
    item->path = is_standard_input(path) ? NULL : path;
    item->name = allocate_text("%s", item->path ? path : "standard input");
}

/* Another kind of directory is an input that cannot be read. */
static void add_path_or_letters(struct input_list *inputs, const char *path)
{
    struct letters letters;
    if (is_standard_input(path) || letters_list(path, &letters) < 0) {
        add_path(inputs, path);
        return;
    }
    for (size_t i = 0; i < letters.count; i++) {
        struct named_input *item = add_item(inputs);
        item->name = letter_path(path, letters.numbers[i]);
        item->path = item->name;
        item->header = letters_header_path(path);
    }
    letters_deinit(&letters);
}

static int open_root(struct input_list *inputs, const char *root, char *error,
                     size_t error_size)
{
    inputs->root = root ? below_open_root(root) : -1;
    if (!root || inputs->root >= 0)
        return 0;
    snprintf(error, error_size, "--root %s: %s", root, strerror(-inputs->root));
    return -EINVAL;
}

int input_list_open(struct input_list *inputs, const char *const *paths, uint32_t count,
                    const struct input_list_config *config, char *error,
                    size_t error_size)
{
    *inputs = (struct input_list){.decompresses = config->decompresses,
                                  .program = config->program};
    int result = open_root(inputs, config->root, error, error_size);
    if (result < 0)
        return result;
    if (count == 0)
        add_path(inputs, NULL);
    for (uint32_t i = 0; i < count; i++)
        add_path_or_letters(inputs, paths[i]);
    for (uint32_t i = 0; i < inputs->count && result == 0; i++) {
        struct named_input *item = &inputs->items[i];
        result = open_item(inputs, item);
        if (result < 0)
            result = cannot_refer(item, result, config->root, error, error_size);
        else if (i >= OPEN_MAX_FILES && item->kind != SOURCE_KIND_STREAM && item->path)
            input_close(&item->input);
    }
    fd_close(&inputs->root);
    if (result < 0)
        input_list_deinit(inputs);
    return result;
}

/* "pull:tcp://a:1", "pull:tcp://a:1 and 2 more" */
static char *name_messages(const char *const *names, uint32_t count)
{
    return count > 1 ? allocate_text("%s and %" PRIu32 " more", names[0], count - 1)
                     : allocate_text("%s", names[0]);
}

int input_list_of_messages(struct input_list *inputs, const char *const *names,
                           uint32_t count, const struct message_input_config *config,
                           char *error, size_t error_size)
{
    *inputs = (struct input_list){.items = NULL};
    struct named_input *item = add_item(inputs);
    item->kind = SOURCE_KIND_STREAM;
    item->name = name_messages(names, count);
    int result = input_of_messages(config, &item->input, error, error_size);
    if (result < 0)
        input_list_deinit(inputs);
    return result;
}

int input_list_of_connector(struct input_list *inputs,
                            const struct connector_config *config, const char *name)
{
    *inputs = (struct input_list){.items = NULL};
    struct named_input *item = add_item(inputs);
    item->kind = SOURCE_KIND_STREAM;
    item->name = allocate_text("%s", name);
    item->input = input_of_connector(config);
    return 0;
}

int input_list_of_spool(struct input_list *inputs, const char *path,
                        char *const *arguments, char *error, size_t error_size)
{
    *inputs = (struct input_list){.items = NULL};
    struct named_input *item = add_item(inputs);
    item->kind = SOURCE_KIND_STREAM;
    item->name = allocate_text("%s", path);
    int result = input_of_spool(path, arguments, &item->input, error, error_size);
    if (result < 0)
        input_list_deinit(inputs);
    return result;
}

void input_list_deinit(struct input_list *inputs)
{
    for (uint32_t i = 0; i < inputs->count; i++) {
        input_close(&inputs->items[i].input);
        free(inputs->items[i].name);
        free(inputs->items[i].header);
        free(inputs->items[i].below);
    }
    free(inputs->items);
    *inputs = (struct input_list){.items = NULL};
}

/* Another descriptor of the same file; -ESTALE: it is not there any more. */
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

int input_list_fingerprint(struct input_list *inputs, const struct source_cut *cut,
                           struct input_fingerprint *ret_fingerprint, char *error,
                           size_t error_size)
{
    struct input_fingerprint whole = input_fingerprint_begin(cut);
    for (uint32_t i = 0; i < inputs->count; i++) {
        struct named_input *item = &inputs->items[i];
        bool opens = item->input.fd < 0 && item->kind != SOURCE_KIND_STREAM;
        int fd = opens ? open_again(item) : item->input.fd;
        int result = fd < 0 && opens
                         ? fd
                         : input_fingerprint_add(&whole, fd, item->kind, item->start);
        if (fd >= 0 && fd != item->input.fd)
            close(fd);
        if (result < 0)
            return cannot_read(item, result, error, error_size);
    }
    *ret_fingerprint = whole;
    return 0;
}

/* From here on only the child reads the file, by its own descriptor. */
static int decompress(const struct input_list *inputs, struct named_input *item)
{
    struct input content;
    int result = input_decompress(
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

int input_list_turn_to(struct input_list *inputs, uint32_t number)
{
    struct named_input *item = &inputs->items[number];
    if (number >= OPEN_MAX_FILES)
        input_close(&inputs->items[number - OPEN_MAX_FILES].input);
    if (item->input.fd < 0 && item->kind != SOURCE_KIND_STREAM) {
        int fd = open_again(item);
        if (fd < 0)
            return fd;
        item->input = input_of_file(fd, item->start, item->size);
    }
    return item->kind == SOURCE_KIND_COMPRESSED ? decompress(inputs, item) : 0;
}

int input_list_reread(const struct input_list *inputs, uint32_t number, uint64_t offset,
                      void *buffer, size_t size)
{
    const struct named_input *item = &inputs->items[number];
    if (item->input.fd >= 0)
        return item->input.kind->reread(&item->input, offset, buffer, size);
    int fd = open_again(item);
    if (fd < 0)
        return fd;
    struct input reader = input_of_file(fd, item->start, item->size);
    int result = reader.kind->reread(&reader, offset, buffer, size);
    input_close(&reader);
    return result;
}

bool input_list_are_files(const struct input_list *inputs)
{
    for (uint32_t i = 0; i < inputs->count; i++)
        if (inputs->items[i].kind != SOURCE_KIND_FILE)
            return false;
    return true;
}
