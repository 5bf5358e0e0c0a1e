/* SPDX-License-Identifier: MIT */
#include "scenario.h"
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

static void draw_run(struct scenario *scenario, struct random *random)
{
    scenario->workers = RANDOM_PICK(random, 1, 3, 3, 3);
    scenario->slots = SLOTS_PER_WORKER_MAX;
    scenario->records = RANDOM_PICK(random, 20, 40, 70);
    scenario->chunk = CHUNK_RECORDS_MAX;
    scenario->window = RANDOM_PICK(random, 6, 20);
    scenario->retries = RANDOM_PICK(random, 2, 3, 3, 3);
    scenario->losses = RANDOM_PICK(random, 3, 10, 10, 10);
    scenario->min_workers = RANDOM_PICK(random, 1, 1, 1, scenario->workers);
    scenario->depth = RANDOM_PICK(random, 1, 1, 2, 4);
    scenario->buffer_chunks = RANDOM_PICK(random, 0, 0, 1, 8);
    scenario->keeps_bytes = random_chance(random, 500);
    scenario->ordered = !random_chance(random, 70);
    scenario->journal = scenario->ordered && !random_chance(random, 150);
    scenario->extra_runs = random_chance(random, 70) ? RANDOM_PICK(random, 1, 1, 2) : 0;
    scenario->short_tasks = random_chance(random, 300);
    scenario->slow_tasks = RANDOM_PICK(random, 0, 50, 50);
    scenario->slow_input = random_chance(random, 200);
    scenario->speculate = random_chance(random, 250);
}

/* What fails by itself, and what follows. */
static void draw_program(struct scenario *scenario, struct random *random)
{
    scenario->on_error = RANDOM_PICK(random, 0, 1, 2);
    scenario->flaky = RANDOM_PICK(random, 0, 0, 20, 100);
    scenario->crash = RANDOM_PICK(random, 0, 0, 0, 20, 60);
    if (random_chance(random, scenario->on_error ? 500 : 150))
        scenario->bad = RANDOM_PICK(random, 1, 1, 2, 5);
    if (random_chance(random, scenario->on_error == 2 ? 200 : 30))
        scenario->killers = RANDOM_PICK(random, 1, 1, 2);
    scenario->kill_ms = scenario->killers ? RANDOM_PICK(random, 0, 1500) : 0;
    if (random_chance(random, 200))
        scenario->limit_ms = RANDOM_PICK(random, 3000, 15000);
    if (scenario->limit_ms && random_chance(random, scenario->on_error ? 400 : 100))
        scenario->hangs = RANDOM_PICK(random, 1, 1, 2);
    if (!scenario->limit_ms && random_chance(random, 100))
        scenario->limit_percent = RANDOM_PICK(random, 400, 1000);
    if (scenario->on_error && random_chance(random, 150)) {
        scenario->halt = RANDOM_PICK(random, 1, 2);
        scenario->halt_tasks = RANDOM_PICK(random, 0, 1, 2);
        scenario->halt_percent = scenario->halt_tasks ? 0 : RANDOM_PICK(random, 5, 50);
    }
}

static void draw_troubles(struct scenario *scenario, struct random *random)
{
    int64_t somewhere = (int64_t)random_below(random, (uint64_t)scenario->records);
    scenario->input_fails = scenario->output_closes = scenario->disk_room = NOT_EVER;
    if (random_chance(random, 30))
        scenario->input_fails = somewhere;
    else if (!scenario->journal && random_chance(random, 100))
        scenario->output_closes = somewhere;
    else if (random_chance(random, 80))
        scenario->disk_room = somewhere;
    else if (random_chance(random, 80))
        scenario->interrupts = RANDOM_PICK(random, 1, 1, 2);
}

static void allow(struct scenario *scenario, const char *kinds)
{
    static const char letters[] = "kmsbptlw"; /* w: power, as in watts */
    for (; *kinds; kinds++)
        scenario->faults[strchr(letters, *kinds) - letters] = 1;
}

static void draw_faults(struct scenario *scenario, struct random *random)
{
    static const char *const choices[] = {
        "", "k", "s", "bp", "kb", "w", "km", "ts", "kmsbptlw", "l", "kmsbptl", "kw"};
    allow(scenario, choices[random_below(random, sizeof choices / sizeof *choices)]);
    /* What is released out of order is not committed by itself. */
    if (!scenario->ordered)
        scenario->faults[FAULT_KILL] = scenario->faults[FAULT_MANY] = 0;
    if (!scenario->journal)
        scenario->faults[FAULT_POWER] = 0;
    scenario->slow_messages = RANDOM_PICK(random, 0, 10, 100);
    scenario->unmonitored = RANDOM_PICK(random, 0, 0, 500, 1000);
    scenario->sink_moves = random_chance(random, 200);
    scenario->aim = random_chance(random, 400);
    scenario->cut_off = scenario->workers > 1 && random_chance(random, 200);
    scenario->until_ms = random_between(random, 5000, 40000);
    scenario->gap_ms = RANDOM_PICK(random, 500, 2000, 5000);
    scenario->lag_us = RANDOM_PICK(random, 0, 0, 2000, 30000, 500000);
    scenario->drain = RANDOM_PICK(random, 1, 8, 1000);
    /* A slow loop that reads little would drown. */
    if (scenario->lag_us > SECOND_US / 10)
        scenario->drain = 1000;
}

/* Now and then a crowd: many workers, for a short time. */
static void draw_crowd(struct scenario *scenario, struct random *random, uint64_t seed)
{
    if (seed % 100 != 37)
        return;
    bool thousands = seed % 10000 == 1037;
    scenario->workers = thousands ? 2000 : random_between(random, 10, 40);
    scenario->slots = 1;
    scenario->records = thousands ? 4000 : RANDOM_PICK(random, 100, 200);
    scenario->window = RANDOM_PICK(random, 0, 2 * scenario->workers);
    scenario->min_workers = 1;
    scenario->extra_runs = 0;
    scenario->slow_input = 0;
    scenario->until_ms = 8000;
    scenario->gap_ms = 500;
    scenario->lag_us = thousands ? 10000 : 0;
    scenario->drain = 1000;
    scenario->cut_off = 0;
    scenario->killers = random_chance(random, thousands ? 0 : 400);
    scenario->keeps_bytes &= !thousands; /* a few at a time, it would take too long */
}

/* By a chance of its own, so that it changes nothing else. */
static void draw_hosts(struct scenario *scenario, uint64_t seed)
{
    enum { HOSTS = 1 };
    struct random random;
    random_seed(&random, seed ^ (uint64_t)HOSTS << 56);
    scenario->preempt = RANDOM_PICK(&random, 0, 500, 1000);
    if (seed % 100 == 37 || !random_chance(&random, 150))
        return;
    scenario->workers = RANDOM_PICK(&random, scenario->workers, 4, 8);
    int64_t most = scenario->workers < 8 ? scenario->workers / 2 : 5;
    scenario->bad_hosts = random_between(&random, 0, most);
    if (random_chance(&random, 100))
        scenario->bad_hosts = scenario->workers;
    else if (scenario->bad_hosts + 1 < scenario->workers)
        scenario->mute_hosts = random_chance(&random, 300);
    if (random_chance(&random, 400))
        scenario->bad_from_ms = random_between(&random, 1, 10000);
    if (random_chance(&random, 400))
        scenario->bad_until_ms = scenario->bad_from_ms +
                                 random_between(&random, 1, 20000);
}

/* By a chance of its own, too. */
static void draw_drains(struct scenario *scenario, uint64_t seed)
{
    enum { DRAINS = 2 };
    struct random random;
    random_seed(&random, seed ^ (uint64_t)DRAINS << 56);
    scenario->drains = random_chance(&random, 250);
    scenario->opens = scenario->drains ? RANDOM_PICK(&random, 0, 300, 1000) : 0;
    scenario->shifts = scenario->drains ? RANDOM_PICK(&random, 0, 0, 100) : 0;
}

/* Likewise. */
static void draw_on_lost(struct scenario *scenario, uint64_t seed)
{
    enum { ON_LOST = 3 };
    struct random random;
    random_seed(&random, seed ^ (uint64_t)ON_LOST << 56);
    scenario->on_lost = scenario->extra_runs ? 0 : RANDOM_PICK(&random, 0, 0, 1, 2);
}

/* Likewise, and so rarely that it leaves the other histories as they are. Half of them
 * have nothing else that goes wrong. */
static void draw_waits(struct scenario *scenario, uint64_t seed)
{
    enum { WAITS = 4 };
    struct random random;
    random_seed(&random, seed ^ (uint64_t)WAITS << 56);
    if (seed % 100 == 37 || !random_chance(&random, 60))
        return;
    scenario->file_waits = RANDOM_PICK(&random, 1, 1, 2, 3);
    scenario->wait_ms = RANDOM_PICK(&random, 15000, 60000, 300000);
    scenario->mute_waits = RANDOM_PICK(&random, 0, 0, 0, 300, 1000);
    scenario->old_words = RANDOM_PICK(&random, 0, 500, 1000);
    if (random_chance(&random, 500)) {
        for (int i = 0; i < FAULT_KINDS; i++)
            scenario->faults[i] = 0;
        scenario->cut_off = scenario->slow_messages = scenario->swallows = 0;
    }
}

/* Likewise. Others open each part of the output that is complete, or receive it all. */
static void draw_output(struct scenario *scenario, uint64_t seed)
{
    enum { OUTPUT = 5 };
    struct random random;
    random_seed(&random, seed ^ (uint64_t)OUTPUT << 56);
    if (seed % 100 == 37 || !scenario->journal || !random_chance(&random, 200))
        return;
    scenario->parts = RANDOM_PICK(&random, 0, 100, 1000);
    scenario->sends = scenario->parts ? 0 : 1000;
}

/* Likewise. */
static void draw_loans(struct scenario *scenario, uint64_t seed)
{
    enum { LOANS = 6 };
    struct random random;
    random_seed(&random, seed ^ (uint64_t)LOANS << 56);
    if (seed % 100 == 37 || scenario->slips || !random_chance(&random, 300))
        return;
    scenario->loans = 1;
    scenario->unborrowed = RANDOM_PICK(&random, 0, 10, 200);
    scenario->far_hosts = RANDOM_PICK(&random, 0, 1, 2);
}

/* Likewise. */
static void draw_extents(struct scenario *scenario, uint64_t seed)
{
    enum { EXTENTS = 7 };
    struct random random;
    random_seed(&random, seed ^ (uint64_t)EXTENTS << 56);
    if (scenario->keeps_bytes || !random_chance(&random, 300))
        return;
    scenario->extents = RANDOM_PICK(&random, 500, 1000);
    scenario->refusals = RANDOM_PICK(&random, 0, 20, 200, 1000);
}

bool scenario_host_is_far(const struct scenario *scenario, uint32_t worker)
{
    return worker < scenario->far_hosts;
}

bool scenario_host_is_bad(const struct scenario *scenario, uint32_t worker,
                          int64_t now_us)
{
    return worker + scenario->bad_hosts >= scenario->workers &&
           now_us >= scenario->bad_from_ms * 1000 &&
           (!scenario->bad_until_ms || now_us < scenario->bad_until_ms * 1000);
}

bool scenario_host_is_mute(const struct scenario *scenario, uint32_t worker)
{
    return worker < scenario->mute_hosts;
}

void scenario_draw(struct scenario *scenario, struct random *random, uint64_t seed)
{
    *scenario = (struct scenario){0};
    draw_run(scenario, random);
    draw_program(scenario, random);
    draw_faults(scenario, random);
    draw_crowd(scenario, random, seed);
    draw_troubles(scenario, random);
    scenario->block_auto = random_chance(random, 250);
    scenario->slips = RANDOM_PICK(random, 0, 0, 0, 50);
    scenario->swallows = scenario->workers > 1 && random_chance(random, 100);
    scenario->even_tasks = !scenario->short_tasks && random_chance(random, 250);
    draw_hosts(scenario, seed);
    draw_drains(scenario, seed);
    draw_on_lost(scenario, seed);
    draw_waits(scenario, seed);
    draw_output(scenario, seed);
    draw_loans(scenario, seed);
    draw_extents(scenario, seed);
    if (random_chance(random, 150))
        scenario->header_ms = RANDOM_PICK(random, 1, 400, 400, 8000);
}

bool scenario_has_faults(const struct scenario *scenario)
{
    for (int i = 0; i < FAULT_KINDS; i++)
        if (scenario->faults[i])
            return true;
    return false;
}

uint64_t scenario_window(const struct scenario *scenario)
{
    enum { LEAST = 4096, A_SLOT = 4 };
    uint64_t slots = (uint64_t)(scenario->workers * scenario->slots) * A_SLOT;
    if (scenario->window)
        return (uint64_t)scenario->window;
    return slots > LEAST ? slots : LEAST;
}

uint64_t scenario_buffer_bytes(const struct scenario *scenario)
{
    if (!scenario->buffer_chunks)
        return 1 << 30;
    return (uint64_t)scenario->buffer_chunks * CHUNK_RECORDS_MAX * RECORD_BYTES;
}

/* ---- by name ---- */

static const char *const names[] = {
#define X(name, text) #name,
    SCENARIO(X)
#undef X
#define X(name, option, text) #option,
        FAULTS(X)
#undef X
};

enum { NUMBERS = sizeof(struct scenario) / sizeof(int64_t) - FAULT_KINDS };

const char *scenario_name(unsigned field)
{
    return field < NUMBERS + FAULT_KINDS ? names[field] : NULL;
}

int64_t *scenario_field(struct scenario *scenario, unsigned field)
{
    return field < NUMBERS ? (int64_t *)scenario + field
                           : &scenario->faults[field - NUMBERS];
}

static int64_t *find(struct scenario *scenario, const char *name, size_t size)
{
    for (unsigned i = 0; scenario_name(i); i++)
        if (strlen(scenario_name(i)) == size &&
            strncmp(scenario_name(i), name, size) == 0)
            return scenario_field(scenario, i);
    return NULL;
}

bool scenario_set(struct scenario *scenario, const char *options)
{
    while (options && *options) {
        size_t size = strcspn(options, "=");
        int64_t *field = find(scenario, options, size);
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

void scenario_print(const struct scenario *scenario, FILE *file)
{
    const char *comma = "";
    for (unsigned i = 0; scenario_name(i); i++) {
        int64_t value = *scenario_field((struct scenario *)(uintptr_t)scenario, i);
        if (value)
            fprintf(file, "%s%s=%jd", comma, scenario_name(i), (intmax_t)value),
                comma = ",";
    }
    fputc('\n', file);
}
