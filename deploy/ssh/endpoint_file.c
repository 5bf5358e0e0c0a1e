/* SPDX-License-Identifier: MIT */
/* Knows the one form in which the ventilator writes it, whole or not at all. */
#include "deploy/ssh/endpoint_file.h"

#include "common/memory.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 65536 };

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

bool endpoint_file_read(const char *path, struct endpoint_file *ret_file)
{
    char text[FILE_MAX_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0)
        return false;
    text[size] = '\0';
    *ret_file = (struct endpoint_file){
        .tasks = string_after(text, "\"tasks\": [\""),
        .key_file = string_after(text, "\"key_file\": \""),
    };
    if (!ret_file->tasks)
        endpoint_file_deinit(ret_file);
    return ret_file->tasks != NULL;
}

void endpoint_file_deinit(struct endpoint_file *file)
{
    free(file->tasks);
    free(file->key_file);
    *file = (struct endpoint_file){NULL, NULL};
}
