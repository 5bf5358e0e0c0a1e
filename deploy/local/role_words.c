/* SPDX-License-Identifier: MIT */
#include "deploy/local/role_words.h"

#include "common/memory.h"
#include "common/ports.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* A list that grows and owns its words. */
struct words {
    char **items;
    size_t count;
};

static void add(struct words *words, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct words *words, const char *format, ...)
{
    va_list list;
    char *word;
    va_start(list, format);
    word = allocate_text_v(format, list);
    va_end(list);
    words->items = reallocate(words->items, words->count + 2, sizeof *words->items);
    words->items[words->count++] = word;
    words->items[words->count] = NULL;
}

static void add_passed(struct words *words, const struct passed *passed)
{
    if (passed->value)
        add(words, "--%s=%s", passed_name(passed), passed->value);
    else
        add(words, "--%s", passed_name(passed));
}

static const char *endpoint_here(const char *given, const char *private_endpoint)
{
    return given && !arguments_public(given) ? given : private_endpoint;
}

/* A worker on another host sends its results to where its tasks come from, by a port
 * that is free. */
static const char *results_beside(const char *tasks, char *text, size_t size)
{
    char complete[512];
    size_t host_size;
    if (!ports_complete(tasks, TASKS_PORT, NULL, complete, sizeof complete))
        return NULL;
    host_size = (size_t)(strrchr(complete, ':') - complete);
    snprintf(text, size, "%.*s:*", (int)host_size, complete);
    return text;
}

static void add_endpoints(struct words *words, const struct arguments *arguments,
                          enum role role, const struct run_words *run)
{
    const char *tasks = arguments_public(arguments->tasks);
    const char *results = arguments_public(arguments->results);
    char beside[512];
    if (tasks && !arguments->results)
        results = results_beside(tasks, beside, sizeof beside);
    add(words, "--tasks=%s", endpoint_here(arguments->tasks, run->tasks));
    if (role == ROLE_SINK)
        add(words, "--results=%s", endpoint_here(arguments->results, run->results));
    if (role == ROLE_VENTILATOR && tasks)
        add(words, "--public-tasks=%s", tasks);
    if (role == ROLE_SINK && results)
        add(words, "--public-results=%s", results);
}

/* A program that answers line by line does not see where a chunk ends, so the run may
 * choose how long chunks are. */
static bool wants_auto_block(const struct arguments *arguments)
{
    static const char *const sizes[] = {"block", "max-replace-args", "fixed",
                                        "whole-files"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (arguments_has(arguments, sizes[i]))
            return false;
    return arguments_value_is(arguments, "mode", "lines") &&
           !arguments_value_is(arguments, "format", "whole");
}

/* Of what turns a chunk into its result. */
static uint64_t command_hash(const struct arguments *arguments)
{
    static const char *const options[] = {"plugin", "shell"};
    const char *mode = arguments_value(arguments, "mode");
    XXH64_state_t *state = XXH64_createState();
    XXH64_reset(state, 0);
    if (mode && strcmp(mode, "exec") != 0)
        XXH64_update(state, mode, strlen(mode) + 1);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const char *value = arguments_value(arguments, options[i]);
        bool given = arguments_has(arguments, options[i]);
        XXH64_update(state, given ? "+" : "-", 1);
        if (value)
            XXH64_update(state, value, strlen(value) + 1);
    }
    if (arguments_has(arguments, "strip-frame"))
        XXH64_update(state, "strip-frame", sizeof "strip-frame");
    for (char **word = arguments->command; *word; word++)
        XXH64_update(state, *word, strlen(*word) + 1);
    uint64_t hash = XXH64_digest(state);
    XXH64_freeState(state);
    return hash;
}

/* A program that is given records without their lengths writes none either. NULL: the
 * sink knows by itself how results split. */
static const char *records_out(const struct arguments *arguments)
{
    bool splits = arguments_value_is(arguments, "frames-out", "record") ||
                  arguments_give_messages(arguments);
    if (!splits || !arguments_has(arguments, "strip-frame") ||
        arguments_has(arguments, "records-out"))
        return NULL;
    return arguments_value_is(arguments, "mode", "lines") ? "lines" : "whole";
}

/* Nobody sends the messages again, or asks for them, as a spool and a connector do. */
static bool takes_unkept_messages(const struct arguments *arguments)
{
    const char *input = arguments_value(arguments, "input");
    return arguments_take_messages(arguments) && !arguments_has(arguments, "spool") &&
           strncmp(input ? input : "", "exec:", strlen("exec:")) != 0;
}

static bool has_dead_letters(const struct arguments *arguments)
{
    return arguments_value_is(arguments, "on-error", "skip") ||
           arguments_isolate(arguments);
}

char **role_words(const struct arguments *arguments, enum role role,
                  const struct run_words *run)
{
    struct words words = {NULL, 0};
    add(&words, "%s", role_programs[role]);
    add_endpoints(&words, arguments, role, run);
    add(&words, "--supervised");
    if (role != ROLE_WORKER && run->keys)
        add(&words, "--keys=%s", run->keys);
    if (role == ROLE_VENTILATOR && run->ready_file)
        add(&words, "--ready-file=%s", run->ready_file);
    if (role == ROLE_VENTILATOR && run->places_fd > 0)
        add(&words, "--places-fd=%d", run->places_fd);
    if (role == ROLE_VENTILATOR && run->join_key)
        add(&words, "--join-key=%s", run->join_key);
    if (role == ROLE_VENTILATOR && run->join_words &&
        arguments_public(arguments->tasks))
        add(&words, "--join-words=%s", run->join_words);
    if (role == ROLE_SINK)
        add(&words, "--command-hash=%016" PRIx64, command_hash(arguments));
    if (role == ROLE_SINK && records_out(arguments))
        add(&words, "--records-out=%s", records_out(arguments));
    if (role == ROLE_SINK && takes_unkept_messages(arguments))
        add(&words, "--from-messages");
    if (role == ROLE_SINK && !has_dead_letters(arguments))
        add(&words, "--no-dead-letters");
    if (role == ROLE_SINK && run->letters)
        add(&words, "--dead-letters=%s", run->letters);
    if (role == ROLE_SINK && has_dead_letters(arguments) && run->rerun)
        add(&words, "--rerun=%s", run->rerun);
    if (role != ROLE_VENTILATOR && run->progress)
        add(&words, "--shared-line");
    for (size_t i = 0; i < arguments->count; i++)
        if (passed_to(&arguments->passed[i], role))
            add_passed(&words, &arguments->passed[i]);
    if (role == ROLE_VENTILATOR && wants_auto_block(arguments))
        add(&words, "--block=auto");
    if (role == ROLE_VENTILATOR && run->progress && arguments->progress == SAID_NOTHING)
        add(&words, "--progress");
    if (role == ROLE_WORKER) {
        if (run->alive_fd >= 0)
            add(&words, "--alive-fd=%d", run->alive_fd);
        add(&words, "--");
        for (char **word = arguments->command; *word; word++)
            add(&words, "%s", *word);
    }
    return words.items;
}

void role_words_free(char ***words_p)
{
    if (!*words_p)
        return;
    for (char **word = *words_p; *word; word++)
        free(*word);
    free(*words_p);
    *words_p = NULL;
}

/* In the worker's place there may be what minds the workers of other hosts. */
const char *role_name(const struct arguments *arguments, enum role role)
{
    if (role == ROLE_WORKER && arguments_remote(arguments))
        return "fanfold-ssh, which minds the connections to other hosts,";
    if (role == ROLE_WORKER && arguments->slurm)
        return "the command of Slurm";
    return role_programs[role];
}
