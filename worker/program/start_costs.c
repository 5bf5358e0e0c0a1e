/* SPDX-License-Identifier: MIT */
/* A hint that is wrong costs more than one that is missing: it has to be plain. */
#include "worker/program/start_costs.h"

#include "common/clock.h"
#include <inttypes.h>
#include <stdio.h>

enum {
    FIRST = 4,       /* processes whose first read is seen, */
    EVERY = 8,       /* and of the others one of so many, as that costs a little */
    SEEN_LEAST = 2,  /* before they say something of the others */
    SOME = 4,        /* tasks a slot: of fewer, longer ones could leave slots idle */
    MANY = 200,      /* likewise, where nothing was seen, */
    BRIEF_US = 5000, /* but no task ran for longer than a process takes to start */
};

#define SHORT_US (2 * SECOND_US) /* of each slot: nobody waits for that */

bool start_costs_begin(struct start_costs *costs, int64_t now_us)
{
    if (costs->started == 0)
        costs->began_us = now_us;
    uint64_t number = costs->started++;
    return number < FIRST || number % EVERY == 0;
}

void start_costs_end(struct start_costs *costs, uint64_t run_us, int64_t start_us)
{
    costs->runs++;
    costs->run_us += run_us;
    if (start_us < 0)
        return;
    costs->seen++;
    costs->seen_run_us += run_us;
    costs->seen_start_us += (uint64_t)start_us;
}

static const char remedy[] =
    "longer chunks (--block, -N) start it less often, and --mode lines "
    "or frames once in each slot";
static const char remedy_of_few[] =
    "--mode lines or frames starts it once in each slot";

/* Slots that mostly wait for a stream have time to start programs. */
static bool were_busy(const struct start_costs *costs, uint32_t slots, int64_t now_us)
{
    uint64_t busy_us = costs->run_us / slots;
    return busy_us >= SHORT_US && busy_us >= (uint64_t)(now_us - costs->began_us) / 2;
}

bool start_costs_take_hint(struct start_costs *costs, uint32_t slots, int64_t now_us,
                           char *text, size_t size)
{
    struct start_costs now = *costs;
    *costs = (struct start_costs){0};
    if (!were_busy(&now, slots, now_us) || now.runs <= slots)
        return false;
    if (now.seen >= SEEN_LEAST && now.seen_start_us > now.seen_run_us / 2) {
        snprintf(text, size,
                 "hint: the command took %d%% of its time to start, before it read "
                 "anything, %" PRIu64 " times; %s",
                 (int)(now.seen_start_us * 100 / now.seen_run_us), now.runs,
                 now.runs / slots < SOME ? remedy_of_few : remedy);
        return true;
    }
    if (now.seen || now.runs / slots < MANY || now.run_us / now.runs > BRIEF_US)
        return false;
    snprintf(text, size,
             "hint: the command ran %" PRIu64 " times for about %.1f ms, hardly longer "
             "than a process takes to start; %s",
             now.runs, (double)now.run_us / (double)now.runs / 1000, remedy);
    return true;
}
