/* SPDX-License-Identifier: MIT */
/* The work as a filter: work DIRECTORY < CHUNK > RESULT. */
#include "tests/chaos/work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static unsigned char *read_all(size_t *ret_size)
{
    size_t size = 0, capacity = 1 << 16;
    unsigned char *data = malloc(capacity);
    for (;;) {
        ssize_t got = read(STDIN_FILENO, data + size, capacity - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            exit(CHUNK_FAILED);
        if (got == 0)
            break;
        size += (size_t)got;
        if (size == capacity)
            data = realloc(data, capacity *= 2);
    }
    *ret_size = size;
    return data;
}

static void write_all(const unsigned char *data, size_t size)
{
    while (size > 0) {
        ssize_t put = write(STDOUT_FILENO, data, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            exit(CHUNK_FAILED);
        data += put;
        size -= (size_t)put;
    }
}

int main(int argc, char **argv)
{
    const char *attempt = getenv("FANFOLD_ATTEMPT");
    const unsigned char *bad;
    size_t size;
    if (argc != 2)
        return 2;
    work_begin(argv[1], attempt ? (unsigned)atoi(attempt) : 1);
    unsigned char *data = read_all(&size);
    if (!work_check(argv[1], data, size, &bad)) {
        work_suffer(bad);
        work_end(argv[1]);
        fprintf(stderr, "a bad record\n");
        return CHUNK_FAILED;
    }
    work_convert(data, size, data);
    write_all(data, size);
    work_end(argv[1]);
    free(data);
    return 0;
}
