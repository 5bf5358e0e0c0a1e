/* SPDX-License-Identifier: MIT */
/*
 * The plugin interface of fanfold-worker, version 1; C11 and C++.
 *
 * A plugin is a shared object that exports one struct:
 *
 *     #include <fanfold.h>
 *
 *     static int process(void *state, const struct fanfold_chunk *chunk,
 *                        struct fanfold_output *output, struct fanfold_error *error)
 *     {
 *         (void)state;
 *         return fanfold_write(output, chunk->data, chunk->size);
 *     }
 *
 *     FANFOLD_PLUGIN = {
 *         .abi = FANFOLD_PLUGIN_ABI, .name = "echo", .process = process,
 *     };
 *
 *     cc -shared -fPIC -o echo.so echo.c
 *     fanfold --plugin ./echo.so < IN > OUT
 *
 * In C++ members are named like this from C++20 on; before, give all of them in their
 * order. An exception has to be caught within the function: one that leaves it ends the
 * slot, or the worker where it prepares.
 *
 * Life of a plugin: it is loaded in a process of its own, `prepare` runs there once a
 * worker, and then that process is forked into the slots, which share with it, copy on
 * write, whatever was prepared. In each slot `process` is called for one chunk after
 * the other. Slots share nothing among themselves; there is no need for a lock.
 *
 * A slot may crash or exit in `process`: the chunk has failed (and is tried again
 * elsewhere, or here), the slot is forked again, nothing is prepared again. What
 * `process` keeps in `state` between chunks is therefore a cache and nothing more.
 *
 * A slot whose chunk runs for longer than the run's time limit is ended: SIGTERM to its
 * process group, SIGKILL a second later. However `process` returns then, the chunk has
 * failed.
 *
 * Where the run isolates bad records (--on-error isolate), a chunk that failed is given
 * again in parts, each of whole records, until those that fail by themselves are found.
 * The results of the other parts are put together in order; so a plugin for such a run
 * has to work record by record. All parts have the same `seq` and `attempt`; only
 * `records` tells them apart.
 *
 * Where the run's input has a header (--header), each chunk, and each part of one,
 * begins with it: `data` is the header and then the records. A plugin that writes a
 * header before each result belongs to a run with --header-out, of whose output it
 * becomes the header once.
 *
 * A child that `process` forks has to end by itself (_exit, exec) and to be waited for;
 * should it return from `process`, it ends there, and its output is not taken.
 *
 * Threads that `prepare` starts are not there in the slots (fork copies one thread);
 * start them in `process`. Descriptors that it opens are shared by all slots, their
 * file positions as well: read files with pread, or map them.
 *
 * The working directory is the one that --workdir names. FANFOLD_WORKER, and in a slot
 * FANFOLD_SLOT, are in the environment.
 *
 * Standard input is empty; standard output and standard error go to the worker's
 * stderr; standard output is line-buffered, and flushed when `process` returns.
 */
#ifndef FANFOLD_H
#define FANFOLD_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FANFOLD_PLUGIN_ABI 1

/* What `process` is given; it must not be written to. */
struct fanfold_chunk {
    const unsigned char *data; /* the input's header if there is one, then whole
                                  records; valid until process returns */
    size_t size;
    uint64_t seq;     /* of the chunk, from 0; also where this is a part of it */
    uint64_t records; /* in data, without the header; 0: not counted */
    uint32_t attempt; /* from 1 */
    uint32_t slot;    /* from 1 */
};

/* The result, which grows at its end. Empty when `process` is called. */
struct fanfold_output {
    unsigned char *data; /* moves when it grows */
    size_t size;         /* bytes that are the result */
    size_t capacity;     /* bytes that may be written */
    /* 0, or -1: it would be larger than a result may be. Use fanfold_reserve. */
    int (*grow)(struct fanfold_output *output, size_t capacity);
    void *host;
};

/* Where a message for a person goes. */
struct fanfold_error {
    char *text;
    size_t size;
};

/* Of a member: it may be left out, for C++ compilers too. */
#if defined __cplusplus && __cplusplus >= 201402L
#define FANFOLD_OPTIONAL = nullptr
#else
#define FANFOLD_OPTIONAL
#endif

struct fanfold_plugin {
    uint32_t abi; /* FANFOLD_PLUGIN_ABI */
    const char *name;
    /*
     * Once a worker; NULL: nothing to prepare. The words after `--`, argv[0] being the
     * plugin's file. *ret_state is handed to the others. 0, or anything else with a
     * message: the worker ends with it.
     */
    int (*prepare)(int argc, char **argv, void **ret_state,
                   struct fanfold_error *error) FANFOLD_OPTIONAL;
    /*
     * 0, or anything else with a message: the chunk has failed. The number is told with
     * it; a negative one is told as 1.
     */
    int (*process)(void *state, const struct fanfold_chunk *chunk,
                   struct fanfold_output *output, struct fanfold_error *error);
    /* Once, where it was prepared, when the worker ends in an orderly way; NULL:
     * nothing to do. It has five seconds. */
    void (*finish)(void *state) FANFOLD_OPTIONAL;
};

#if defined __GNUC__
#define FANFOLD_EXPORT __attribute__((visibility("default")))
#define FANFOLD_PRINTF __attribute__((format(printf, 3, 4)))
#else
#define FANFOLD_EXPORT
#define FANFOLD_PRINTF
#endif

/* The name that the worker looks for. */
#ifdef __cplusplus
#define FANFOLD_PLUGIN \
    extern "C" FANFOLD_EXPORT const struct fanfold_plugin fanfold_plugin
#else
#define FANFOLD_PLUGIN FANFOLD_EXPORT const struct fanfold_plugin fanfold_plugin
#endif
extern FANFOLD_EXPORT const struct fanfold_plugin fanfold_plugin;

/* Sets the message and returns `code`:
 * `return fanfold_fail(error, 1, "no %s", name);` */
static inline FANFOLD_PRINTF int fanfold_fail(struct fanfold_error *error, int code,
                                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, error->size, format, arguments);
    va_end(arguments);
    return code;
}

/* Room for `size` bytes more, to be written there and then committed. NULL: the result
 * would be too large; return 1 and the worker says so. */
static inline unsigned char *fanfold_reserve(struct fanfold_output *output, size_t size)
{
    if (size > output->capacity - output->size &&
        (size > SIZE_MAX - output->size ||
         output->grow(output, output->size + size) != 0))
        return NULL;
    return output->data + output->size;
}

/* So many of the reserved bytes are part of the result now. */
static inline void fanfold_commit(struct fanfold_output *output, size_t size)
{
    output->size += size;
}

/* Appends a copy. 0, or -1: the result would be too large. */
static inline int fanfold_write(struct fanfold_output *output, const void *data,
                                size_t size)
{
    unsigned char *room = fanfold_reserve(output, size);
    if (!room)
        return -1;
    if (size > 0)
        memcpy(room, data, size);
    fanfold_commit(output, size);
    return 0;
}

#ifdef __cplusplus
}
#endif

#endif
