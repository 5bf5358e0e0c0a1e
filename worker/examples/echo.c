/* SPDX-License-Identifier: MIT */
/* The smallest plugin: the result is the chunk. */
#include "fanfold.h"

static int process(void *state, const struct fanfold_chunk *chunk,
                   struct fanfold_output *output, struct fanfold_error *error)
{
    (void)state;
    if (fanfold_write(output, chunk->data, chunk->size) != 0)
        return fanfold_fail(error, 1, "no room for %zu bytes", chunk->size);
    return 0;
}

FANFOLD_PLUGIN = {
    .abi = FANFOLD_PLUGIN_ABI,
    .name = "echo",
    .process = process,
};
