/* SPDX-License-Identifier: MIT */
/*
 * The fuzzer's corpus as a unit test: each file of the directory goes through the same
 * function. It must accept a file called good-..., and refuse bad-ERROR... with that
 * error; a file with another name, which a fuzzer found, must only not crash. At the
 * end the corpus must have reached every type of message and every error. Prints TAP.
 */
#include "fuzz_protocol.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILE_MAX = 1 << 20,
    TYPES = MESSAGE_STALLED + 1,
    ERRORS = DECODE_STRAY_PAYLOAD + 1
};

static const char *const error_names[] = {
#define X(name, text) [DECODE_##name] = #name,
    DECODE_ERRORS(X)
#undef X
};

static unsigned tests, failures;
static bool seen_type[TYPES];
static bool seen_error[ERRORS];

static void report(bool good, const char *what, const char *name)
{
    printf("%sok %u - %s %s\n", good ? "" : "not ", ++tests, what, name);
    fflush(stdout);
    failures += good ? 0 : 1;
}

static uint8_t *load(const char *directory, const char *name, size_t *ret_size)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "rbe");
    uint8_t *data = malloc(FILE_MAX);
    if (!file || !data)
        return free(data), NULL;
    *ret_size = fread(data, 1, FILE_MAX, file);
    fclose(file);
    uint8_t *exact = realloc(data, *ret_size > 0 ? *ret_size : 1);
    return exact ? exact : data; /* a read beyond the end is found */
}

static bool as_named(const char *name, enum decode_error error)
{
    if (strncmp(name, "good-", 5) == 0)
        return error == DECODE_NONE;
    if (strncmp(name, "bad-", 4) != 0)
        return true;
    size_t length = strlen(error_names[error]);
    const char *rest = name + 4;
    /* Of EMPTY and NO_PAYLOAD the names continue in small letters and digits. */
    if (strncmp(rest, error_names[error], length) != 0)
        return false;
    return rest[length] == '\0' || (rest[length] == '_' && !(rest[length + 1] >= 'A' &&
                                                             rest[length + 1] <= 'Z'));
}

static void replay(const char *directory, const char *name)
{
    size_t size;
    uint8_t *data = load(directory, name, &size);
    enum message_type type = 0;
    if (!data) {
        report(false, "cannot read", name);
        return;
    }
    enum decode_error error = drive_protocol(data, size, &type);
    if (error == DECODE_NONE)
        seen_type[type] = true;
    seen_error[error] = true;
    report(as_named(name, error), error_names[error], name);
    free(data);
}

static int no_dots(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    int count = argc == 2 ? scandir(argv[1], &entries, no_dots, alphasort) : -1;
    if (count < 0) {
        fputs("usage: replay_protocol DIRECTORY\n", stderr);
        return 2;
    }
    for (int i = 0; i < count; i++) {
        replay(argv[1], entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
#define X(name, number) report(seen_type[number], "the corpus has a", #name);
    MESSAGE_TYPES(X)
#undef X
    for (size_t i = 0; i < ERRORS; i++)
        report(seen_error[i], "the corpus reaches the error", error_names[i]);
    printf("1..%u\n", tests);
    return failures > 0;
}
