/* SPDX-License-Identifier: MIT */
/*
 * The lines that contain any of many patterns, as `grep -F -f PATTERNS` prints them.
 *
 *     fanfold --plugin patterns.so -- PATTERNS < IN > OUT
 *
 * prepare does the costly work once in a worker: it builds an Aho-Corasick automaton of
 * all patterns and fills in every transition, so that process takes one step a byte.
 * The slots share it, copy on write. All bytes that occur in no pattern are one symbol,
 * so a state is only as large as the patterns' alphabet. A transition is the offset of
 * the next state's row; its lowest bit says that a pattern ends there.
 */
#include "fanfold.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum { MATCH = 1 };

struct automaton {
    /* [state][symbol]: row offset of the next state, times 2, + MATCH */
    uint32_t *next;
    uint8_t *final; /* [state] */
    size_t states, capacity;
    uint32_t symbols;
    uint8_t symbol_of[256];
    size_t patterns;
    int matches_all; /* there is an empty pattern, which is in every line */
};

static char *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    char *data = NULL;
    size_t size = 0, capacity = 0;
    while (file && !feof(file) && !ferror(file)) {
        if (size == capacity) {
            capacity = capacity ? capacity * 2 : 1 << 16;
            char *larger = realloc(data, capacity);
            if (!larger)
                break;
            data = larger;
        }
        size += fread(data + size, 1, capacity - size, file);
    }
    int failed = !file || ferror(file) || !feof(file);
    if (file)
        fclose(file);
    if (failed) {
        free(data);
        return NULL;
    }
    *ret_size = size;
    return data;
}

static void assign_symbols(struct automaton *automaton, const char *text, size_t size)
{
    uint8_t seen[256] = {0};
    for (size_t i = 0; i < size; i++)
        seen[(unsigned char)text[i]] = 1;
    seen['\n'] = 0;
    automaton->symbols = 1; /* 0: every byte that is in no pattern */
    for (int byte = 0; byte < 256; byte++)
        if (seen[byte])
            automaton->symbol_of[byte] = (uint8_t)automaton->symbols++;
}

static int add_state(struct automaton *automaton)
{
    if (automaton->states == automaton->capacity) {
        size_t capacity = automaton->capacity ? automaton->capacity * 2 : 4096;
        size_t row = automaton->symbols * sizeof(uint32_t);
        if (capacity * automaton->symbols > UINT32_MAX / 2)
            return -1;
        void *next = realloc(automaton->next, capacity * row);
        if (next)
            automaton->next = next;
        void *final = realloc(automaton->final, capacity);
        if (final)
            automaton->final = final;
        if (!next || !final)
            return -1;
        automaton->capacity = capacity;
    }
    memset(automaton->next + automaton->states * automaton->symbols, 0,
           automaton->symbols * sizeof(uint32_t));
    automaton->final[automaton->states++] = 0;
    return 0;
}

static int add_pattern(struct automaton *automaton, const char *text, size_t size)
{
    uint32_t state = 0;
    automaton->patterns++;
    if (size == 0)
        automaton->matches_all = 1;
    for (size_t i = 0; i < size; i++) {
        uint8_t symbol = automaton->symbol_of[(unsigned char)text[i]];
        size_t cell = (size_t)state * automaton->symbols + symbol;
        if (automaton->next[cell] == 0) {
            if (add_state(automaton) != 0)
                return -1;
            automaton->next[cell] = (uint32_t)automaton->states - 1;
        }
        state = automaton->next[cell];
    }
    automaton->final[state] = size > 0;
    return 0;
}

/* Breadth first: the state that a failure leads to is then already complete. */
static int fill_transitions(struct automaton *automaton)
{
    uint32_t symbols = automaton->symbols;
    uint32_t *queue = malloc(automaton->states * sizeof *queue);
    uint32_t *failure = calloc(automaton->states, sizeof *failure);
    size_t first = 0, last = 0;
    if (!queue || !failure) {
        free(queue);
        free(failure);
        return -1;
    }
    for (queue[last++] = 0; first < last; first++) {
        uint32_t state = queue[first];
        uint32_t *row = automaton->next + (size_t)state * symbols;
        const uint32_t *fallback = automaton->next + (size_t)failure[state] * symbols;
        for (uint32_t symbol = 0; symbol < symbols; symbol++) {
            if (row[symbol] == 0) {
                row[symbol] = state ? fallback[symbol] : 0;
                continue;
            }
            uint32_t child = row[symbol];
            failure[child] = state ? fallback[symbol] : 0;
            automaton->final[child] |= automaton->final[failure[child]];
            queue[last++] = child;
        }
    }
    free(queue);
    free(failure);
    return 0;
}

/* Turns numbers of states into offsets of rows, with MATCH in the lowest bit. */
static void compile(struct automaton *automaton)
{
    size_t cells = automaton->states * automaton->symbols;
    for (size_t i = 0; i < cells; i++) {
        uint32_t state = automaton->next[i];
        automaton->next[i] = state * automaton->symbols * 2 |
                             (automaton->final[state] ? MATCH : 0);
    }
}

static int build(struct automaton *automaton, const char *text, size_t size)
{
    assign_symbols(automaton, text, size);
    if (add_state(automaton) != 0)
        return -1;
    for (size_t from = 0; from < size;) {
        const char *end = memchr(text + from, '\n', size - from);
        size_t length = end ? (size_t)(end - text) - from : size - from;
        if (add_pattern(automaton, text + from, length) != 0)
            return -1;
        from += length + 1;
    }
    if (fill_transitions(automaton) != 0)
        return -1;
    compile(automaton);
    return 0;
}

static int prepare(int argc, char **argv, void **ret_state, struct fanfold_error *error)
{
    struct timespec from, to;
    size_t size;
    if (argc != 2)
        return fanfold_fail(error, 1, "expected one argument: a file of patterns");
    clock_gettime(CLOCK_MONOTONIC, &from);
    char *text = read_file(argv[1], &size);
    if (!text)
        return fanfold_fail(error, 1, "cannot read %s: %s", argv[1], strerror(errno));
    struct automaton *automaton = calloc(1, sizeof *automaton);
    if (!automaton || build(automaton, text, size) != 0)
        return fanfold_fail(error, 1, "out of memory for the patterns of %s", argv[1]);
    free(text);
    clock_gettime(CLOCK_MONOTONIC, &to);
    fprintf(stderr, "patterns: prepared %zu patterns in %.3f s\n", automaton->patterns,
            (double)(to.tv_sec - from.tv_sec) +
                1e-9 * (double)(to.tv_nsec - from.tv_nsec));
    *ret_state = automaton;
    return 0;
}

static int matches(const struct automaton *automaton, const unsigned char *line,
                   size_t size)
{
    uint32_t cell = 0;
    if (automaton->matches_all)
        return 1;
    for (size_t i = 0; i < size; i++) {
        cell = automaton->next[(cell >> 1) + automaton->symbol_of[line[i]]];
        if (cell & MATCH)
            return 1;
    }
    return 0;
}

static int process(void *state, const struct fanfold_chunk *chunk,
                   struct fanfold_output *output, struct fanfold_error *error)
{
    const struct automaton *automaton = state;
    for (size_t from = 0; from < chunk->size;) {
        const unsigned char *line = chunk->data + from;
        const unsigned char *end = memchr(line, '\n', chunk->size - from);
        size_t size = end ? (size_t)(end - line) : chunk->size - from;
        if (automaton->patterns > 0 && matches(automaton, line, size)) {
            /* grep ends the last line, even where the input does not. */
            if (fanfold_write(output, line, size) != 0 ||
                fanfold_write(output, "\n", 1) != 0)
                return fanfold_fail(error, 1, "the result is too large");
        }
        from += size + 1;
    }
    return 0;
}

static void finish(void *state)
{
    struct automaton *automaton = state;
    free(automaton->next);
    free(automaton->final);
    free(automaton);
}

FANFOLD_PLUGIN = {
    .abi = FANFOLD_PLUGIN_ABI,
    .name = "patterns",
    .prepare = prepare,
    .process = process,
    .finish = finish,
};
