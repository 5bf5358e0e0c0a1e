/* SPDX-License-Identifier: MIT */
/* A placeholder has three characters; what replaces it is not searched again. */
#include "worker/supervisor/placeholders.h"
#include "common/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LENGTH = 3, DIGITS_MAX = 20 };

/* The bit of the placeholder that the text begins with; 0: with none. */
static unsigned placeholder_at(const char *text)
{
    if (strncmp(text, PLACEHOLDER_CHUNK, LENGTH) == 0)
        return PLACEHOLDERS_CHUNK;
    if (strncmp(text, PLACEHOLDER_SLOT, LENGTH) == 0)
        return PLACEHOLDERS_SLOT;
    return 0;
}

/* The next brace, which may begin a placeholder; or the end. */
static const char *next_brace(const char *text)
{
    return text + strcspn(text, "{");
}

unsigned placeholders_in(const char *word)
{
    unsigned found = 0;
    for (const char *at = next_brace(word); *at; at = next_brace(at + 1))
        found |= placeholder_at(at);
    return found;
}

unsigned placeholders_in_words(char *const *words)
{
    unsigned found = 0;
    for (char *const *word = words; *word; word++)
        found |= placeholders_in(*word);
    return found;
}

static size_t count_braces(const char *word)
{
    size_t count = 0;
    for (const char *at = next_brace(word); *at; at = next_brace(at + 1))
        count++;
    return count;
}

char *placeholders_fill(const char *word, uint64_t chunk, uint32_t slot)
{
    size_t room = strlen(word) + count_braces(word) * DIGITS_MAX + 1, used = 0;
    char *filled = allocate(room);
    while (*word) {
        unsigned found = placeholder_at(word);
        uint64_t number = found == PLACEHOLDERS_CHUNK ? chunk : slot;
        if (found)
            used += (size_t)snprintf(filled + used, room - used, "%" PRIu64, number);
        else
            filled[used++] = *word;
        word += found ? LENGTH : 1;
    }
    filled[used] = '\0';
    return filled;
}
