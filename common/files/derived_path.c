/* SPDX-License-Identifier: MIT */
#include "common/files/derived_path.h"

#include "common/memory.h"
#include <limits.h>
#include <stdint.h>
#include <string.h>

enum { HASH_CHARACTERS = 17 };

static const char journal_end[] = ".fanfold", temporary_end[] = ".fanfold.tmp";
static const char dead_letters_end[] = ".dead-letters", keys_end[] = ".fanfold.keys";

/* FNV-1a. */
static uint64_t hash_of(const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
    return hash;
}

/* As many of the first bytes as are whole characters. */
static size_t cut_to(const char *name, size_t most)
{
    while (most > 0 && ((uint8_t)name[most] & 0xc0) == 0x80)
        most--;
    return most;
}

/* `longest` is the longest ending that goes with it: both are cut alike. */
static char *derive(const char *output, const char *end, size_t longest)
{
    const char *slash = strrchr(output, '/');
    const char *name = slash ? slash + 1 : output;
    if (strlen(name) + longest <= NAME_MAX)
        return allocate_text("%s%s", output, end);
    size_t kept = cut_to(name, NAME_MAX - longest - HASH_CHARACTERS);
    return allocate_text("%.*s~%016llx%s", (int)((size_t)(name - output) + kept),
                         output, (unsigned long long)hash_of(name), end);
}

char *journal_path(const char *output)
{
    return derive(output, journal_end, strlen(temporary_end));
}

char *journal_temporary_path(const char *output)
{
    return derive(output, temporary_end, strlen(temporary_end));
}

char *dead_letters_path(const char *output)
{
    return derive(output, dead_letters_end, strlen(dead_letters_end));
}

char *run_keys_path(const char *output)
{
    return derive(output, keys_end, strlen(keys_end));
}
