/* SPDX-License-Identifier: MIT */
/* Knows the one form in which the ventilator writes it, whole or not at all. */
#include "deploy/ssh/endpoint_file.h"

#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include "deploy/ssh/login_source.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 65536, LOOK_MS = 20 };

/* The string after `before`, on the heap; NULL: there is none. */
static char *string_after(const char *text, const char *before)
{
    const char *begin = strstr(text, before);
    if (!begin)
        return NULL;
    begin += strlen(before);
    char *string = allocate(strlen(begin) + 1);
    size_t size = 0;
    for (; *begin && *begin != '"'; begin++) {
        unsigned code;
        if (sscanf(begin, "\\u%4x", &code) == 1 && code < ' ') {
            string[size++] = (char)code;
            begin += strlen("\\u0000") - 1;
            continue;
        }
        if (*begin == '\\' && begin[1])
            begin++;
        string[size++] = *begin;
    }
    string[size] = '\0';
    return string;
}

struct entry {
    char *tasks;    /* the first endpoint */
    char *key_file; /* NULL: none */
};

/* False: it is not there yet, or has no endpoint. */
static bool read_entry(const char *path, struct entry *ret_entry)
{
    char *text = text_file_read(path, FILE_MAX_BYTES);
    if (!text)
        return false;
    *ret_entry = (struct entry){
        .tasks = string_after(text, "\"tasks\": [\""),
        .key_file = string_after(text, "\"key_file\": \""),
    };
    free(text);
    if (!ret_entry->tasks)
        free(ret_entry->key_file);
    return ret_entry->tasks != NULL;
}

int endpoint_file_await(const struct ssh_workers_config *config, int signals,
                        char **ret_endpoint, char **ret_key)
{
    struct entry entry;
    while (!read_entry(config->endpoint_file, &entry)) {
        struct pollfd item = {.fd = signals, .events = POLLIN};
        if (poll(&item, 1, LOOK_MS) > 0)
            return STATUS_OK;
    }
    const char *key_file = config->key_file ? config->key_file : entry.key_file;
    int status = STATUS_OK;
    if (key_file && !(*ret_key = text_file_read(key_file, FILE_MAX_BYTES))) {
        say("cannot read %s: %s", key_file, strerror(errno));
        status = STATUS_IO;
    }
    *ret_endpoint = entry.tasks;
    free(entry.key_file);
    return status;
}

void endpoint_file_sweep(const char *path, pid_t ventilator)
{
    char *text = path ? text_file_read(path, FILE_MAX_BYTES) : NULL;
    char *its = allocate_text("\"pid\": %ld,", (long)ventilator);
    if (text && ventilator > 0 && strstr(text, its))
        unlink(path);
    free(its);
    free(text);
}
