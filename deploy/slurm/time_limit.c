/* SPDX-License-Identifier: MIT */
#include "deploy/slurm/time_limit.h"

#include "common/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "a:b:c": up to three numbers; returns how many, 0: something else. */
static unsigned read_fields(const char *text, uint64_t fields[3])
{
    unsigned count = 0;
    for (;;) {
        char *end;
        if (*text < '0' || *text > '9' || count == 3)
            return 0;
        fields[count++] = strtoull(text, &end, 10);
        if (!*end)
            return count;
        if (*end != ':')
            return 0;
        text = end + 1;
    }
}

bool time_limit_read(const char *text, uint64_t *ret_s)
{
    const char *dash = strchr(text, '-');
    uint64_t fields[3] = {0}, days[3] = {0}, s;
    char *before = allocate_text("%.*s", dash ? (int)(dash - text) : 0, text);
    unsigned count = read_fields(dash ? dash + 1 : text, fields);
    bool good = count && (!dash || read_fields(before, days) == 1);
    free(before);
    if (dash) /* hours, minutes and seconds */
        s = ((days[0] * 24 + fields[0]) * 60 + fields[1]) * 60 + fields[2];
    else if (count == 3)
        s = (fields[0] * 60 + fields[1]) * 60 + fields[2];
    else /* minutes and seconds */
        s = fields[0] * 60 + fields[1];
    if (!good || s == 0)
        return false;
    *ret_s = s;
    return true;
}

/* What the word says behind the option's name; NULL: it is no such option. */
static const char *behind(const char *word, const char *name)
{
    size_t size = strlen(name);
    return strncmp(word, name, size) == 0 ? word + size : NULL;
}

/* The value of one word: of "--time=5", "-t5", or "" of "--time" and "-t", which have
 * it in the next. */
static const char *value_of(const char *word)
{
    const char *value = behind(word, "--time");
    if (value && (!*value || *value == '='))
        return *value ? value + 1 : value;
    return behind(word, "-t");
}

bool time_limit_of_options(const char *options, uint64_t *ret_s)
{
    char *words = allocate_text("%s", options ? options : ""), *rest = words, *word;
    bool found = false, next = false;
    while ((word = strsep(&rest, " \t\n'\""))) {
        const char *value = next ? word : value_of(word);
        if (!*word || !value)
            continue;
        next = !next && !*value;
        if (!next)
            found = time_limit_read(value, ret_s); /* the last one counts */
    }
    free(words);
    return found;
}

bool time_limit_is_short(uint64_t limit_s, uint64_t drain_before_s)
{
    return limit_s <= drain_before_s + drain_before_s / 4;
}
