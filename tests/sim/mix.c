/* SPDX-License-Identifier: MIT */
#include "mix.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include <string.h>

const char *fault_text(enum fault fault)
{
    static const char *const texts[] = {
#define X(name, text) text,
        FAULTS(X)
#undef X
    };
    return texts[fault];
}

const char *break_name(enum breakage breakage)
{
    static const char *const names[] = {
#define X(name, option, text) option,
        BREAKS(X)
#undef X
    };
    return names[breakage];
}

const char *break_text(enum breakage breakage)
{
    static const char *const texts[] = {
#define X(name, option, text) text,
        BREAKS(X)
#undef X
    };
    return texts[breakage];
}

static void draw_run(struct mix *mix, struct random *random)
{
    mix->workers = (uint32_t)RANDOM_PICK(random, 1, 3, 3, 3);
    mix->window = (uint32_t)RANDOM_PICK(random, 6, 20);
    mix->retries = (uint32_t)RANDOM_PICK(random, 2, 3, 3, 3);
    mix->losses = (uint32_t)RANDOM_PICK(random, 3, 10, 10, 10);
    mix->min_workers = (uint32_t)RANDOM_PICK(random, 1, 1, 1, mix->workers);
    mix->depth = (uint32_t)RANDOM_PICK(random, 1, 1, 2, 4);
    mix->buffer_chunks = (uint32_t)RANDOM_PICK(random, 0, 0, 1, 8);
    mix->keeps_bytes = random_chance(random, 500);
    mix->ordered = !random_chance(random, 70);
    mix->journal = !random_chance(random, 150);
    mix->stay = random_chance(random, 70);
    mix->short_tasks = random_chance(random, 300);
    mix->slow_input = random_chance(random, 200);
}

static void draw_troubles(struct mix *mix, struct random *random)
{
    uint32_t somewhere = (uint32_t)random_below(random, RECORDS);
    mix->poison = mix->input_fails = mix->output_fails = NOT_EVER;
    mix->flaky = (uint32_t)RANDOM_PICK(random, 0, 0, 20, 100);
    mix->crash = (uint32_t)RANDOM_PICK(random, 0, 0, 0, 20, 60);
    if (random_chance(random, 150))
        mix->poison = somewhere;
    else if (random_chance(random, 30))
        mix->input_fails = somewhere;
    else if (random_chance(random, 40))
        mix->output_fails = somewhere;
    else if (random_chance(random, 40))
        mix->interrupted = true;
    mix->output_status = (int)RANDOM_PICK(random, STATUS_IO, STATUS_OUTPUT_CLOSED);
}

static void allow(struct mix *mix, const char *kinds)
{
    static const char letters[] = "kmsbptl";
    for (; *kinds; kinds++)
        mix->kinds[strchr(letters, *kinds) - letters] = true;
}

static void draw_faults(struct mix *mix, struct random *random)
{
    static const char *const choices[] = {"",   "k",  "s",       "bp", "kb",
                                          "km", "ts", "kmsbptl", "l",  "kmsbptl"};
    allow(mix, choices[random_below(random, sizeof choices / sizeof *choices)]);
    if (!mix->ordered) /* what is released out of order is not committed by itself */
        mix->kinds[FAULT_KILL] = mix->kinds[FAULT_MANY] = false;
    for (int i = 0; i < FAULT_COUNT; i++)
        mix->kind_count += mix->kinds[i];
    mix->tail = (uint32_t)RANDOM_PICK(random, 0, 10, 100);
    mix->blind = (uint32_t)RANDOM_PICK(random, 0, 0, 500, 1000);
    mix->moves = random_chance(random, 200);
    mix->aim = random_chance(random, 400);
    mix->outcast = mix->workers > 1 && random_chance(random, 200);
    mix->faults_until_us = random_between(random, 5, 40) * SECOND_US;
    mix->fault_gap_us = RANDOM_PICK(random, 500000, 2000000, 5000000);
    mix->lag_us = RANDOM_PICK(random, 0, 0, 2000, 30000, 500000);
    mix->drain = (uint32_t)RANDOM_PICK(random, 1, 8, 1000);
    if (mix->lag_us > SECOND_US / 10) /* a slow loop that reads little would drown */
        mix->drain = 1000;
}

void mix_draw(struct mix *mix, struct random *random)
{
    *mix = (struct mix){0};
    draw_run(mix, random);
    draw_troubles(mix, random);
    draw_faults(mix, random);
}

void mix_print(const struct mix *mix, FILE *file)
{
    fprintf(file,
            "workers=%u window=%u retries=%u losses=%u min_workers=%u depth=%u "
            "buffer_chunks=%u keeps_bytes=%d ordered=%d journal=%d stay=%d short=%d "
            "slow_input=%d poison=%d flaky=%u crash=%u input_fails=%d output_fails=%d "
            "interrupted=%d tail=%u blind=%u moves=%d aim=%d outcast=%d until=%ds "
            "gap=%dms lag=%dus drain=%u faults:",
            mix->workers, mix->window, mix->retries, mix->losses, mix->min_workers,
            mix->depth, mix->buffer_chunks, mix->keeps_bytes, mix->ordered,
            mix->journal, mix->stay, mix->short_tasks, mix->slow_input,
            (int)mix->poison, mix->flaky, mix->crash, (int)mix->input_fails,
            (int)mix->output_fails, mix->interrupted, mix->tail, mix->blind, mix->moves,
            mix->aim, mix->outcast, (int)(mix->faults_until_us / SECOND_US),
            (int)(mix->fault_gap_us / 1000), (int)mix->lag_us, mix->drain);
    for (int i = 0; i < FAULT_COUNT; i++)
        if (mix->kinds[i])
            fprintf(file, " %s,", fault_text((enum fault)i));
    fputc('\n', file);
}
