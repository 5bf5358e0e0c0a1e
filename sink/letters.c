/* SPDX-License-Identifier: MIT */
/* Plain files in one directory, found again by their names alone. */
#include "sink/letters.h"

#include "common/memory.h"
#include "sink/write_all.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 << 10, FILE_NAME_MAX = 64, RUN_NAME_MAX = 64 };
enum { HEAD_BYTES = 128 }; /* of a JSON, with the run's name in it */

static const char input_end[] = ".input", json_end[] = ".json";
static const char header_name[] = "header", header_new[] = "header.new";
static const char run_begin[] = "\"run\": \"";

/* ---- names ---- */

static void name_file(uint64_t number, const char *end, char name[FILE_NAME_MAX])
{
    snprintf(name, FILE_NAME_MAX, "%06llu%s", (unsigned long long)number, end);
}

/* The number in a letter's file name; 0: it is none. */
static uint64_t number_of(const char *name)
{
    char *end;
    if (!isdigit((unsigned char)*name))
        return 0;
    errno = 0;
    unsigned long long number = strtoull(name, &end, 10);
    if (errno != 0 || (strcmp(end, input_end) != 0 && strcmp(end, json_end) != 0))
        return 0;
    char own[FILE_NAME_MAX];
    name_file(number, end, own);
    return strcmp(own, name) == 0 ? number : 0;
}

/* As it stands in the JSON. */
static void name_run(const struct id *run, char name[RUN_NAME_MAX])
{
    size_t length = (size_t)snprintf(name, RUN_NAME_MAX, "%s", run_begin);
    for (size_t i = 0; i < sizeof run->bytes; i++, length += 2)
        snprintf(name + length, RUN_NAME_MAX - length, "%02x", run->bytes[i]);
}

/* ---- writing ---- */

static int copy_input(int fd, uint64_t length, letter_reader *read, void *context)
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
    char name[FILE_NAME_MAX];
    name_file(number, end, name);
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
                       letter_reader *read, void *context)
{
    int fd = open_new(directory, number, input_end);
    return fd < 0 ? fd : close_written(fd, copy_input(fd, length, read, context));
}

static int write_json(int directory, uint64_t number, const struct letter *letter)
{
    size_t size;
    int fd = open_new(directory, number, json_end);
    if (fd < 0)
        return fd;
    char *json = letter_json(letter, &size);
    int result = close_written(fd, write_all(fd, json, size));
    free(json);
    return result;
}

static int open_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int letters_write(const char *directory, uint64_t number, const struct letter *letter,
                  letter_reader *read, void *context)
{
    if (mkdir(directory, 0777) != 0 && errno != EEXIST)
        return -errno;
    int fd = open_directory(directory);
    if (fd < 0)
        return fd;
    int result = write_input(fd, number, letter->length, read, context);
    if (result == 0)
        result = write_json(fd, number, letter);
    close(fd);
    return result;
}

/* ---- making durable ---- */

static int sync_file(int directory, uint64_t number, const char *end)
{
    char name[FILE_NAME_MAX];
    name_file(number, end, name);
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    return result;
}

static int sync_parent(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open_directory(dirname(copy));
    if (fd < 0)
        return fd;
    int result = fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    return result;
}

int letters_sync(const char *directory, uint64_t first, uint64_t last)
{
    int fd = open_directory(directory), result = 0;
    if (fd < 0)
        return fd;
    for (uint64_t number = first; number <= last && result == 0; number++) {
        result = sync_file(fd, number, input_end);
        if (result == 0)
            result = sync_file(fd, number, json_end);
    }
    if (result == 0 && fsync(fd) != 0)
        result = -errno;
    close(fd);
    return result == 0 && first == 1 ? sync_parent(directory) : result;
}

/* ---- the header ---- */

/* Under another name first: where it is there, it is whole. */
static int replace_header(int directory, struct slice header)
{
    int fd = openat(directory, header_new,
                    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    int result = write_all(fd, header.data, header.size);
    if (result == 0 && fsync(fd) != 0)
        result = -errno;
    result = close_written(fd, result);
    if (result == 0 && renameat(directory, header_new, directory, header_name) != 0)
        result = -errno;
    return result;
}

int letters_write_header(const char *directory, struct slice header)
{
    int fd = open_directory(directory);
    if (fd < 0)
        return fd;
    int result = replace_header(fd, header);
    if (result == 0 && fsync(fd) != 0)
        result = -errno;
    close(fd);
    return result;
}

/* ---- what is there ---- */

int letters_highest(const char *directory, uint64_t *ret_number)
{
    uint64_t highest = 0;
    DIR *entries = opendir(directory);
    *ret_number = 0;
    if (entries == NULL)
        return errno == ENOENT ? 0 : -errno;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        uint64_t number = number_of(entry->d_name);
        highest = number > highest ? number : highest;
    }
    closedir(entries);
    *ret_number = highest;
    return 0;
}

/* Whether its JSON is there and says that it is of another run than the one so named.
 */
static bool is_of_another(int directory, uint64_t number, const char *run)
{
    char name[FILE_NAME_MAX], text[HEAD_BYTES + 1];
    name_file(number, json_end, name);
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno != ENOENT;
    ssize_t size = read(fd, text, HEAD_BYTES);
    close(fd);
    text[size > 0 ? size : 0] = '\0';
    const char *said = strstr(text, run_begin);
    return said != NULL && strlen(said) >= strlen(run) &&
           strncmp(said, run, strlen(run)) != 0;
}

static bool has_others(DIR *entries, uint64_t count, const char *run)
{
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        uint64_t number = number_of(entry->d_name);
        if (number > count && is_of_another(dirfd(entries), number, run))
            return true;
    }
    return false;
}

int letters_cut(const char *directory, uint64_t count, const struct id *run)
{
    char name[RUN_NAME_MAX];
    DIR *entries = opendir(directory);
    if (entries == NULL)
        return errno == ENOENT ? 0 : -errno;
    name_run(run, name);
    int result = has_others(entries, count, name);
    rewinddir(entries);
    for (struct dirent *entry; result != 1 && (entry = readdir(entries)) != NULL;)
        if (number_of(entry->d_name) > count &&
            unlinkat(dirfd(entries), entry->d_name, 0) != 0 && errno != ENOENT)
            result = -errno;
    closedir(entries);
    return result;
}

/* ---- the JSON ---- */

/* Bytes of the UTF-8 character at `data`; 0: there is none. */
static size_t character_size(const uint8_t *data, size_t size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = data[0];
    size_t length = first < 0x80                    ? 1
                    : first >= 0xc2 && first < 0xe0 ? 2
                    : first >= 0xe0 && first < 0xf0 ? 3
                    : first >= 0xf0 && first < 0xf5 ? 4
                                                    : 0;
    if (length < 2 || length > size)
        return length == 1 ? 1 : 0;
    uint32_t code = first & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((data[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (data[i] & 0x3f);
    }
    bool surrogate = code >= 0xd800 && code < 0xe000;
    return code < least[length] || code > 0x10ffff || surrogate ? 0 : length;
}

static void print_character(FILE *stream, const uint8_t *data, size_t length)
{
    if (length == 0)
        fputs("\\ufffd", stream);
    else if (*data == '"' || *data == '\\')
        fprintf(stream, "\\%c", *data);
    else if (*data == '\n')
        fputs("\\n", stream);
    else if (*data == '\t')
        fputs("\\t", stream);
    else if (*data < 0x20 || *data == 0x7f)
        fprintf(stream, "\\u%04x", *data);
    else
        fwrite(data, 1, length, stream);
}

static void print_string(FILE *stream, struct slice text)
{
    fputc('"', stream);
    for (size_t at = 0; at < text.size;) {
        size_t length = character_size(text.data + at, text.size - at);
        print_character(stream, text.data + at, length);
        at += length > 0 ? length : 1;
    }
    fputc('"', stream);
}

const char *letter_how(const struct letter *letter, char *text, size_t size)
{
    static const char *const words[] = {
        [FAILURE_TIMEOUT] = "time limit",
        [FAILURE_MEMORY] = "probably out of memory",
        [FAILURE_PROTOCOL] = "the program broke the rules of its mode",
        [FAILURE_TOO_LARGE] = "result too large",
        [FAILURE_REPORTED] = "reported by the program",
        [FAILURE_LOST] = "workers were lost with it",
    };
    const char *signal = letter->code <= INT_MAX ? sigabbrev_np((int)letter->code)
                                                 : NULL;
    if (letter->how == FAILURE_EXIT)
        snprintf(text, size, "exit status %u", letter->code);
    else if (letter->how == FAILURE_SIGNAL && signal != NULL)
        snprintf(text, size, "signal %u (%s)", letter->code, signal);
    else if (letter->how == FAILURE_SIGNAL)
        snprintf(text, size, "signal %u", letter->code);
    else if (letter->how == FAILURE_MEMORY && letter->code == FAILURE_MEMORY_LIMIT)
        snprintf(text, size, "used too much memory");
    else
        snprintf(text, size, "%s", words[letter->how]);
    return text;
}

static void print_records(FILE *stream, const struct letter *letter)
{
    unsigned long long first = letter->record + 1;
    unsigned long long last = letter->record + letter->records;
    if (!letter->whole)
        fprintf(stream, "  \"record\": %llu,\n", first);
    else if (letter->records > 0)
        fprintf(stream, "  \"first_record\": %llu,\n  \"last_record\": %llu,\n", first,
                last);
}

char *letter_json(const struct letter *letter, size_t *ret_size)
{
    char *json = NULL, how[64], run[RUN_NAME_MAX];
    FILE *stream = open_memstream(&json, ret_size);
    if (stream == NULL)
        abort_out_of_memory();
    name_run(&letter->run, run);
    fprintf(stream, "{\n  %s\",\n  \"seq\": %llu,\n", run,
            (unsigned long long)letter->seq);
    if (letter->input.size > 0) {
        fputs("  \"input\": ", stream);
        print_string(stream, letter->input);
        fputs(",\n", stream);
    }
    print_records(stream, letter);
    fprintf(stream,
            "  \"offset\": %llu,\n  \"length\": %llu,\n  \"attempts\": %u,\n"
            "  \"how\": \"%s\",\n  \"code\": %u,\n  \"stderr\": ",
            (unsigned long long)letter->offset, (unsigned long long)letter->length,
            letter->attempts, letter_how(letter, how, sizeof how), letter->code);
    print_string(stream, letter->text);
    fputs("\n}\n", stream);
    if (fclose(stream) != 0)
        abort_out_of_memory();
    return json;
}
