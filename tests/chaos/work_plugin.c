/* SPDX-License-Identifier: MIT */
/* The work as a plugin: --plugin work_plugin.so -- DIRECTORY. */
#include "tests/chaos/work.h"
#include "worker/fanfold.h"

static int prepare(int argc, char **argv, void **ret_state, struct fanfold_error *error)
{
    if (argc != 2)
        return fanfold_fail(error, 2, "one argument, not %d", argc - 1);
    *ret_state = argv[1];
    return 0;
}

static int process(void *state, const struct fanfold_chunk *chunk,
                   struct fanfold_output *output, struct fanfold_error *error)
{
    const unsigned char *bad;
    work_begin(state, chunk->attempt);
    if (!work_check(state, chunk->data, chunk->size, &bad)) {
        work_suffer(bad);
        work_end(state);
        return fanfold_fail(error, CHUNK_FAILED, "a bad record");
    }
    unsigned char *to = fanfold_reserve(output, chunk->size);
    if (!to)
        return fanfold_fail(error, 1, "no room");
    work_convert(chunk->data, chunk->size, to);
    fanfold_commit(output, chunk->size);
    work_end(state);
    return 0;
}

FANFOLD_PLUGIN = {
    .abi = FANFOLD_PLUGIN_ABI,
    .name = "work",
    .prepare = prepare,
    .process = process,
};
