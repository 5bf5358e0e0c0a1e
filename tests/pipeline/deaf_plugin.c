/* SPDX-License-Identifier: MIT */
/* A plugin that makes text upper case, and cannot stand some words in it. */
#include "worker/fanfold.h"

#include <ctype.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static bool has(const struct fanfold_chunk *chunk, const char *word)
{
    size_t size = strlen(word);
    for (size_t at = 0; at + size <= chunk->size; at++)
        if (memcmp(chunk->data + at, word, size) == 0)
            return true;
    return false;
}

/* A family that is deaf to SIGTERM. */
static void hang(void)
{
    signal(SIGTERM, SIG_IGN);
    if (fork() == 0)
        prctl(PR_SET_NAME, "deaf-child");
    for (;;)
        pause();
}

static int process(void *state, const struct fanfold_chunk *chunk,
                   struct fanfold_output *output, struct fanfold_error *error)
{
    (void)state;
    unsigned char *room = fanfold_reserve(output, chunk->size);
    if (has(chunk, "EXIT"))
        return fanfold_fail(error, 1, "cannot stand EXIT");
    if (has(chunk, "ABORT"))
        abort();
    if (has(chunk, "HANG"))
        hang();
    if (!room)
        return 1;
    for (size_t i = 0; i < chunk->size; i++)
        room[i] = (unsigned char)toupper(chunk->data[i]);
    fanfold_commit(output, chunk->size);
    return 0;
}

FANFOLD_PLUGIN = {.abi = FANFOLD_PLUGIN_ABI, .name = "deaf_plugin", .process = process};
