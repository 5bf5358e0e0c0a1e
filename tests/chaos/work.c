/* SPDX-License-Identifier: MIT */
/* Keeps no state between chunks. The pace is read again for each: DIRECTORY/pace holds
 * the milliseconds that a chunk takes. */
#include "tests/chaos/work.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 300 };

static void busy_path(const char *directory, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/busy/%ld", directory, (long)getpid());
}

static int pace_ms(const char *directory)
{
    char path[PATH_SIZE], text[16] = "";
    snprintf(path, sizeof path, "%s/pace", directory);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    return size > 0 ? atoi(text) : 0;
}

void work_begin(const char *directory, unsigned attempt)
{
    char path[PATH_SIZE];
    busy_path(directory, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd >= 0)
        close(fd);
    /* What is tried again need not take its time again. */
    if (attempt <= 2)
        poll(NULL, 0, pace_ms(directory));
}

void work_end(const char *directory)
{
    char path[PATH_SIZE];
    busy_path(directory, path);
    unlink(path);
}

static bool begins_with(const unsigned char *line, const unsigned char *end,
                        const char *word)
{
    size_t size = strlen(word);
    return (size_t)(end - line) >= size && memcmp(line, word, size) == 0;
}

static void await_permission(const char *directory)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/hold", directory);
    while (access(path, F_OK) == 0)
        poll(NULL, 0, 20);
}

bool work_check(const char *directory, const unsigned char *data, size_t size,
                const unsigned char **ret_bad)
{
    const unsigned char *end = data + size;
    for (const unsigned char *line = data; line && line < end;) {
        if (begins_with(line, end, "FAIL ") || begins_with(line, end, "CRASH ")) {
            *ret_bad = line;
            return false;
        }
        if (begins_with(line, end, "HOLD "))
            await_permission(directory);
        line = memchr(line, '\n', (size_t)(end - line));
        line = line ? line + 1 : NULL;
    }
    return true;
}

void work_convert(const unsigned char *data, size_t size, unsigned char *to)
{
    for (size_t i = 0; i < size; i++)
        to[i] = data[i] >= 'a' && data[i] <= 'z' ? (unsigned char)(data[i] - 32)
                                                 : data[i];
}

void work_suffer(const unsigned char *bad)
{
    if (*bad == 'C')
        raise(SIGKILL); /* no core, whatever the limits */
}
