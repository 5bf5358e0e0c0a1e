/* SPDX-License-Identifier: MIT */
/* An open table of hashes (FNV-1a), at most half of it in use. */
#include "worker/program/said_lines.h"

#include "common/memory.h"
#include <stdlib.h>

enum { PLACES = 8192, LINES_MAX = PLACES / 2 };

struct said_line {
    uint64_t hash;
    uint64_t run; /* the first that said it; 0: the place is free */
};

struct said_lines {
    uint64_t run;
    uint32_t count;
    struct said_line lines[PLACES];
};

struct said_lines *said_lines_new(void)
{
    struct said_lines *said = allocate_zeroed(1, sizeof *said);
    said->run = 1;
    return said;
}

void said_lines_destroy(struct said_lines **said_p)
{
    free(*said_p);
    *said_p = NULL;
}

void said_lines_next_run(struct said_lines *said)
{
    said->run++;
}

static uint64_t hash_of(struct slice line)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < line.size; i++)
        hash = (hash ^ line.data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

bool said_lines_add(struct said_lines *said, struct slice line)
{
    uint64_t hash = hash_of(line);
    size_t place = hash % PLACES;
    while (said->lines[place].run && said->lines[place].hash != hash)
        place = (place + 1) % PLACES;
    if (said->lines[place].run)
        return said->lines[place].run == said->run;
    if (said->count == LINES_MAX)
        return true;
    said->count++;
    said->lines[place] = (struct said_line){hash, said->run};
    return true;
}
