/* SPDX-License-Identifier: MIT */
#include "mix.h"
#include "common/clock.h"
#include <stdlib.h>
#include <string.h>

const char *fault_text(enum fault fault)
{
    static const char *const texts[] = {
#define X(name, option, text) text,
        FAULTS(X)
#undef X
    };
    return texts[fault];
}

/* ---- drawing ---- */

static void draw_run(struct mix *mix, struct random *random)
{
    mix->workers = RANDOM_PICK(random, 1, 3, 3, 3);
    mix->slots = SLOTS_PER_WORKER_MAX;
    mix->records = RANDOM_PICK(random, 20, 40, 70);
    mix->chunk = CHUNK_RECORDS_MAX;
    mix->window = RANDOM_PICK(random, 6, 20);
    mix->retries = RANDOM_PICK(random, 2, 3, 3, 3);
    mix->losses = RANDOM_PICK(random, 3, 10, 10, 10);
    mix->min_workers = RANDOM_PICK(random, 1, 1, 1, mix->workers);
    mix->depth = RANDOM_PICK(random, 1, 1, 2, 4);
    mix->buffer_chunks = RANDOM_PICK(random, 0, 0, 1, 8);
    mix->keeps_bytes = random_chance(random, 500);
    mix->ordered = !random_chance(random, 70);
    mix->journal = mix->ordered && !random_chance(random, 150);
    mix->stay = random_chance(random, 70) ? RANDOM_PICK(random, 1, 1, 2) : 0;
    mix->short_tasks = random_chance(random, 300);
    mix->slow_tasks = RANDOM_PICK(random, 0, 50, 50);
    mix->slow_input = random_chance(random, 200);
    mix->speculate = random_chance(random, 250);
}

/* What fails by itself, and what follows. */
static void draw_program(struct mix *mix, struct random *random)
{
    mix->on_error = RANDOM_PICK(random, 0, 1, 2);
    mix->flaky = RANDOM_PICK(random, 0, 0, 20, 100);
    mix->crash = RANDOM_PICK(random, 0, 0, 0, 20, 60);
    if (random_chance(random, mix->on_error ? 500 : 150))
        mix->bad = RANDOM_PICK(random, 1, 1, 2, 5);
    if (random_chance(random, mix->on_error == 2 ? 200 : 30))
        mix->killers = RANDOM_PICK(random, 1, 1, 2);
    mix->kill_ms = mix->killers ? RANDOM_PICK(random, 0, 1500) : 0;
    if (random_chance(random, 200))
        mix->limit_ms = RANDOM_PICK(random, 3000, 15000);
    if (mix->limit_ms && random_chance(random, mix->on_error ? 400 : 100))
        mix->hangs = RANDOM_PICK(random, 1, 1, 2);
    if (!mix->limit_ms && random_chance(random, 100))
        mix->limit_percent = RANDOM_PICK(random, 400, 1000);
    if (mix->on_error && random_chance(random, 150)) {
        mix->halt = RANDOM_PICK(random, 1, 2);
        mix->halt_tasks = RANDOM_PICK(random, 0, 1, 2);
        mix->halt_percent = mix->halt_tasks ? 0 : RANDOM_PICK(random, 5, 50);
    }
}

static void draw_troubles(struct mix *mix, struct random *random)
{
    int64_t somewhere = (int64_t)random_below(random, (uint64_t)mix->records);
    mix->input_fails = mix->output_closes = mix->disk_room = NOT_EVER;
    if (random_chance(random, 30))
        mix->input_fails = somewhere;
    else if (!mix->journal && random_chance(random, 100))
        mix->output_closes = somewhere;
    else if (random_chance(random, 80))
        mix->disk_room = somewhere;
    else if (random_chance(random, 80))
        mix->interrupts = RANDOM_PICK(random, 1, 1, 2);
}

static void allow(struct mix *mix, const char *kinds)
{
    static const char letters[] = "kmsbptlw"; /* w: power, as in watts */
    for (; *kinds; kinds++)
        mix->faults[strchr(letters, *kinds) - letters] = 1;
}

static void draw_faults(struct mix *mix, struct random *random)
{
    static const char *const choices[] = {
        "", "k", "s", "bp", "kb", "w", "km", "ts", "kmsbptlw", "l", "kmsbptl", "kw"};
    allow(mix, choices[random_below(random, sizeof choices / sizeof *choices)]);
    if (!mix->ordered) /* what is released out of order is not committed by itself */
        mix->faults[FAULT_KILL] = mix->faults[FAULT_MANY] = 0;
    if (!mix->journal)
        mix->faults[FAULT_POWER] = 0;
    mix->tail = RANDOM_PICK(random, 0, 10, 100);
    mix->blind = RANDOM_PICK(random, 0, 0, 500, 1000);
    mix->moves = random_chance(random, 200);
    mix->aim = random_chance(random, 400);
    mix->outcast = mix->workers > 1 && random_chance(random, 200);
    mix->until_ms = random_between(random, 5000, 40000);
    mix->gap_ms = RANDOM_PICK(random, 500, 2000, 5000);
    mix->lag_us = RANDOM_PICK(random, 0, 0, 2000, 30000, 500000);
    mix->drain = RANDOM_PICK(random, 1, 8, 1000);
    if (mix->lag_us > SECOND_US / 10) /* a slow loop that reads little would drown */
        mix->drain = 1000;
}

/* Now and then a crowd: many workers, for a short time. */
static void draw_crowd(struct mix *mix, struct random *random, uint64_t seed)
{
    if (seed % 100 != 37)
        return;
    bool thousands = seed % 10000 == 1037;
    mix->workers = thousands ? 2000 : random_between(random, 10, 40);
    mix->slots = 1;
    mix->records = thousands ? 4000 : RANDOM_PICK(random, 100, 200);
    mix->window = RANDOM_PICK(random, 0, 2 * mix->workers);
    mix->min_workers = 1;
    mix->stay = 0;
    mix->slow_input = 0;
    mix->until_ms = 8000;
    mix->gap_ms = 500;
    mix->lag_us = thousands ? 10000 : 0;
    mix->drain = 1000;
    mix->outcast = 0;
    mix->killers = random_chance(random, thousands ? 0 : 400);
    mix->keeps_bytes &= !thousands; /* a few at a time, it would take too long */
}

void mix_draw(struct mix *mix, struct random *random, uint64_t seed)
{
    *mix = (struct mix){0};
    draw_run(mix, random);
    draw_program(mix, random);
    draw_faults(mix, random);
    draw_crowd(mix, random, seed);
    draw_troubles(mix, random);
    mix->block_auto = random_chance(random, 250);
    mix->even_tasks = !mix->short_tasks && random_chance(random, 250);
    if (random_chance(random, 150))
        mix->header_ms = RANDOM_PICK(random, 1, 400, 400, 8000);
}

bool mix_has_faults(const struct mix *mix)
{
    for (int i = 0; i < FAULT_KINDS; i++)
        if (mix->faults[i])
            return true;
    return false;
}

/* ---- by name ---- */

static const char *const names[] = {
#define X(name, text) #name,
    MIX(X)
#undef X
#define X(name, option, text) #option,
        FAULTS(X)
#undef X
};

enum { NUMBERS = sizeof(struct mix) / sizeof(int64_t) - FAULT_KINDS };

const char *mix_name(unsigned field)
{
    return field < NUMBERS + FAULT_KINDS ? names[field] : NULL;
}

int64_t *mix_field(struct mix *mix, unsigned field)
{
    return field < NUMBERS ? (int64_t *)mix + field : &mix->faults[field - NUMBERS];
}

static int64_t *find(struct mix *mix, const char *name, size_t size)
{
    for (unsigned i = 0; mix_name(i); i++)
        if (strlen(mix_name(i)) == size && strncmp(mix_name(i), name, size) == 0)
            return mix_field(mix, i);
    return NULL;
}

bool mix_set(struct mix *mix, const char *options)
{
    while (options && *options) {
        size_t size = strcspn(options, "=");
        int64_t *field = find(mix, options, size);
        char *end;
        if (!field || options[size] != '=')
            return false;
        *field = strtoll(options + size + 1, &end, 10);
        if (end == options + size + 1 || (*end && *end != ','))
            return false;
        options = *end ? end + 1 : end;
    }
    return true;
}

void mix_print(const struct mix *mix, FILE *file)
{
    const char *comma = "";
    for (unsigned i = 0; mix_name(i); i++) {
        int64_t value = *mix_field((struct mix *)(uintptr_t)mix, i);
        if (value)
            fprintf(file, "%s%s=%jd", comma, mix_name(i), (intmax_t)value), comma = ",";
    }
    fputc('\n', file);
}
