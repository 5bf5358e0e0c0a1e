/* SPDX-License-Identifier: MIT */
/* A plugin that reports its environment, or uses memory, as the chunk asks. With the
 * arguments "keep N" it prepares N MiB that its slots share. */
#include "worker/fanfold.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct kept {
    char *data;
    size_t size;
};

static char *memory(size_t size)
{
    char *data = malloc(size);
    if (data)
        memset(data, 1, size);
    return data;
}

static int prepare(int argc, char **argv, void **ret_state, struct fanfold_error *error)
{
    static struct kept kept;
    if (argc > 2)
        kept.size = (size_t)atol(argv[2]) << 20;
    kept.data = memory(kept.size);
    *ret_state = &kept;
    return kept.data ? 0 : fanfold_fail(error, 1, "no memory");
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "-";
}

static int tell(struct fanfold_output *output)
{
    char text[512], directory[256];
    if (!getcwd(directory, sizeof directory))
        return -1;
    int length = snprintf(text, sizeof text, "%s %d %s %s %s", directory,
                          getpriority(PRIO_PROCESS, 0), variable("FANFOLD_SLOT"),
                          variable("FANFOLD_WORKER"), variable("FANFOLD_SEQ"));
    return fanfold_write(output, text, (size_t)length);
}

static int process(void *state, const struct fanfold_chunk *chunk,
                   struct fanfold_output *output, struct fanfold_error *error)
{
    struct kept *kept = state;
    char word[16] = "", text[64] = "";
    unsigned long mebibytes = 0;
    memcpy(text, chunk->data, chunk->size < sizeof text - 1 ? chunk->size : 0);
    sscanf(text, "%15s %lu", word, &mebibytes);
    if (strcmp(word, "tell") == 0)
        return tell(output);
    if (strcmp(word, "eat") == 0) {
        if (!memory(mebibytes << 20))
            return fanfold_fail(error, 1, "no %lu MiB: %s", mebibytes, strerror(errno));
        pause();
    }
    if (strcmp(word, "write") == 0) {
        memset(kept->data, 2, kept->size);
        pause();
    }
    return fanfold_write(output, chunk->data, chunk->size);
}

FANFOLD_PLUGIN = {
    .abi = FANFOLD_PLUGIN_ABI,
    .name = "memory_plugin",
    .prepare = prepare,
    .process = process,
};
