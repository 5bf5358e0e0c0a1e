/* SPDX-License-Identifier: MIT */
/* instructions PATH UNITS: does so much of one hot path, for check.py to count.
 * instructions --setting: what the count depends on. */
#include "tests/bench/instructions/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    void (*run)(uint64_t units);
} paths[] = {
    {"chunker", path_chunker},
    {"encode-task", path_encode_task},
    {"decode-task", path_decode_task},
    {"encode-result", path_encode_result},
    {"decode-result", path_decode_result},
    {"encode-done", path_encode_done},
    {"decode-done", path_decode_done},
    {"release", path_release},
    {"session", path_session},
    {"dispatch", path_dispatch},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < sizeof paths / sizeof *paths; i++)
        if (strcmp(argv[1], paths[i].name) == 0) {
            paths[i].run(strtoull(argv[2], NULL, 10));
            return 0;
        }
    if (argc == 2 && strcmp(argv[1], "--setting") == 0)
        return puts(SETTING) < 0;
    fprintf(stderr, "usage: instructions PATH UNITS | --setting\n");
    return 2;
}
