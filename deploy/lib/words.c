/* SPDX-License-Identifier: MIT */
/* The caller's options come after ours, so that they win; the command is last. */
#include "deploy/lib/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((format(printf, 2, 3))) static void add(struct words *words,
                                                      const char *format, ...)
{
    char **items = realloc(words->items, (words->count + 2) * sizeof *items);
    va_list arguments;
    if (!items) {
        words->failed = 1;
        return;
    }
    words->items = items;
    va_start(arguments, format);
    if (vasprintf(&items[words->count], format, arguments) < 0) {
        items[words->count] = NULL;
        words->failed = 1;
    } else {
        items[++words->count] = NULL;
    }
    va_end(arguments);
}

static void add_all(struct words *words, const char *const *items)
{
    for (; items && *items; items++)
        add(words, "%s", *items);
}

/* One record is one task is one result: that is how a result finds its record. */
static void add_wire(struct words *words, const struct fanfold_config *config)
{
    add(words, "--format=frames");
    add(words, "-N1");
    add(words, "--frames-out=tagged");
    add(words, "--no-decompress"); /* the length of a record may look like gzip */
    if (!config->keep_frame)
        add(words, "--strip-frame");
    add(words, "--max-record=%llu", (unsigned long long)config->max_record);
    add(words, "--max-result=%llu", (unsigned long long)config->max_result);
}

void words_init(struct words *words, const struct fanfold_config *config,
                const char *program)
{
    *words = (struct words){.items = NULL};
    add(words, "%s", program);
    add(words, "--quiet");
    add_wire(words, config);
    add(words, "--on-error=%s", config->on_error == FANFOLD_STOP ? "stop" : "skip");
    if (config->on_error != FANFOLD_STOP) /* a failed result has what they say */
        add(words, "--private-dead-letters");
    if (config->mode)
        add(words, "--mode=%s", config->mode);
    if (config->slots)
        add(words, "-j%u", config->slots);
    if (config->retries)
        add(words, "--retries=%u", config->retries);
    if (config->unordered)
        add(words, "--unordered");
    if (config->hosts)
        add(words, "-S%s", config->hosts);
    if (config->tasks)
        add(words, "--tasks=%s", config->tasks);
    add(words, "--embedded"); /* and refuses what would break the wire from here on */
    add_all(words, config->options);
    if (config->command) {
        add(words, "--");
        add_all(words, config->command);
    }
}

void words_deinit(struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    free(words->items);
    *words = (struct words){.items = NULL};
}
