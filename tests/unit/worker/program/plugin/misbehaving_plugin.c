/* SPDX-License-Identifier: MIT */
/* A plugin that does what the chunk says, mostly harm. */
#include "worker/fanfold.h"
#include "worker/plugin_slot/plugin_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static int prepare(int argc, char **argv, void **ret_state, struct fanfold_error *error)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "quiet") != 0)
        fprintf(stderr, "misbehaving: prepared\n");
    if (strcmp(word, "crash") == 0) {
        signal(SIGSEGV, SIG_DFL); /* a sanitizer would make it an abort */
        raise(SIGSEGV);
    }
    if (strcmp(word, "exit") == 0)
        exit(7);
    if (strcmp(word, "fail") == 0)
        return fanfold_fail(error, 1, "no dictionary at %s", argv[2]);
    if (strcmp(word, "hang") == 0)
        pause();
    if (strcmp(word, "full") == 0) {
        memset(error->text, 'f', error->size);
        return 1;
    }
    *ret_state = argv;
    return 0;
}

static void shrink(void)
{
    char path[64], name[128] = "";
    for (int fd = 3; fd < 1024; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        memset(name, 0, sizeof name);
        if (readlink(path, name, sizeof name - 1) > 0 &&
            strstr(name, "memfd:fanfold-") && ftruncate(fd, 0) == 0)
            abort();
    }
}

/* Finds the mapping of the slot's control area and writes what a wild pointer might. */
static void scribble(const char *what)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        uintptr_t from;
        if (!strstr(line, "fanfold-control") ||
            sscanf(line, "%zx-", (size_t *)(void *)&from) != 1)
            continue;
        struct plugin_channel_control *control = (struct plugin_channel_control *)from;
        if (strcmp(what, "counts") == 0)
            control->ended = control->begun = UINT64_MAX;
        if (strcmp(what, "all") == 0)
            memset((void *)from, 0xff, sizeof *control);
        if (strcmp(what, "result") == 0) {
            control->batches[0].results[0] =
                (struct plugin_channel_result){.offset = 1 << 20,
                                               .size = UINT64_MAX / 4,
                                               .verdict = PLUGIN_CHANNEL_DONE};
            control->ended = 1;
        }
        if (strcmp(what, "shrink") == 0)
            shrink();
    }
    if (maps)
        fclose(maps);
}

static void ignore(int number)
{
    (void)number;
}

static int process(void *state, const struct fanfold_chunk *chunk,
                   struct fanfold_output *output, struct fanfold_error *error)
{
    char text[256] = "", word[32] = "", argument[200] = "";
    size_t size = chunk->size < sizeof text ? chunk->size : sizeof text - 1;
    (void)state;
    memcpy(text, chunk->data, size);
    sscanf(text, "%31s %199[^\n]", word, argument);
    if (strcmp(word, "segv") == 0)
        raise(SIGSEGV);
    if (strcmp(word, "exit") == 0)
        _exit(atoi(argument));
    if (strcmp(word, "abort") == 0) {
        fprintf(stderr, "assertion failed: %s\n", argument);
        abort();
    }
    if (strcmp(word, "fail") == 0) {
        fanfold_write(output, "half a result", 13);
        return fanfold_fail(error, 42, "bad record: %s", argument);
    }
    if (strcmp(word, "scribble") == 0) {
        scribble(argument);
        if (strcmp(argument, "shrink") != 0)
            pause(); /* until the worker has seen it */
    }
    if (strcmp(word, "overrun") == 0) {
        output->size = SIZE_MAX / 2;
        return 0;
    }
    if (strcmp(word, "child") == 0)
        return system("setsid sh -c 'echo born >&2; exec sleep 1000'");
    if (strcmp(word, "pause") == 0)
        pause();
    if (strcmp(word, "stubborn") == 0) {
        signal(SIGTERM, SIG_IGN);
        for (;;)
            pause();
    }
    if (strcmp(word, "late") == 0) { /* and then goes on as if nothing had been */
        sigaction(SIGTERM, &(struct sigaction){.sa_handler = ignore}, NULL);
        pause();
    }
    if (strcmp(word, "say") == 0) {
        fprintf(stderr, "%s\n", argument);
        pause();
    }
    if (strcmp(word, "sleep") == 0)
        poll(NULL, 0, atoi(argument)); /* a plugin that takes its time */
    if (strcmp(word, "stdout") == 0)
        printf("%s\n", argument);
    if (strcmp(word, "mutter") == 0)
        printf("%s", argument);
    if (strcmp(word, "full") == 0) {
        memset(error->text, 'f', error->size);
        return -1;
    }
    if (strcmp(word, "fork") == 0 && fork() > 0) {
        /* What the child does, if it comes back, it does before. */
        while (wait(NULL) < 0 && errno == EINTR)
            ;
    }
    if (strcmp(word, "big") == 0) {
        size_t wanted = (size_t)atol(argument);
        unsigned char *room = fanfold_reserve(output, wanted);
        if (!room)
            return fanfold_fail(error, 1, "no room");
        memset(room, 'b', wanted);
        fanfold_commit(output, wanted);
        return 0;
    }
    if (strcmp(word, "pid") == 0) {
        int length = snprintf(argument, sizeof argument, "%d %u %u", (int)getpid(),
                              chunk->slot, chunk->attempt);
        return fanfold_write(output, argument, (size_t)length);
    }
    return fanfold_write(output, chunk->data, chunk->size);
}

static void finish(void *state)
{
    char **argv = state;
    if (argv[1] && strcmp(argv[1], "finish") == 0)
        fprintf(stderr, "misbehaving: finished\n");
}

FANFOLD_PLUGIN = {
    .abi = FANFOLD_PLUGIN_ABI,
    .name = "misbehaving",
    .prepare = prepare,
    .process = process,
    .finish = finish,
};
