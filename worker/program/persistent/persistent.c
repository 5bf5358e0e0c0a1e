/* SPDX-License-Identifier: MIT */
/*
 * Gives tasks to the slots' processes, and hands each event to the part that it is for.
 * A process that breaks its mode's rules, or is silent, is killed first; the report of
 * that waits until it has ended.
 */
#include "worker/program/persistent/persistent.h"
#include "common/clock.h"
#include "common/memory.h"
#include "worker/program/persistent/persistent_answers.h"
#include "worker/program/persistent/persistent_drain.h"
#include "worker/program/persistent/persistent_exit.h"
#include "worker/program/persistent/persistent_quiet.h"
#include "worker/program/persistent/persistent_report.h"
#include "worker/program/persistent/persistent_timers.h"

#include <stdlib.h>

enum {
    HINT_LINES_US = 5000000, /* of silence since ever; but not late in --silence */
    HINT_FRAMES_US = 10000000,
    BURST_US = 5000, /* from the first task that is given to the last */
};

/* ---- life cycle ---- */

static int64_t hint_us(const struct program_config *config)
{
    if (config->mode == PROGRAM_FRAMES)
        return HINT_FRAMES_US;
    bool brief = config->silence_us && config->silence_us / 4 < HINT_LINES_US;
    return brief ? config->silence_us / 4 : HINT_LINES_US;
}

static int persistent_open(struct runner_context *context,
                           const struct program_config *config, void **ret_self)
{
    struct persistent *persistent = allocate(sizeof *persistent);
    *persistent = (struct persistent){
        .context = context,
        .mode = config->mode,
        .silence_us = config->mode == PROGRAM_LINES ? config->silence_us : 0,
        .hint_us = hint_us(config),
        .slots = allocate_zeroed(context->slots, sizeof *persistent->slots),
    };
    *ret_self = persistent;
    for (uint32_t number = 0; number < context->slots; number++)
        persistent_slot_init(&persistent->slots[number], persistent, number);
    for (uint32_t number = 0; number < context->slots; number++) {
        int result = persistent_slot_start(&persistent->slots[number]);
        if (result < 0)
            return result;
    }
    return 0;
}

static void persistent_destroy(void *self)
{
    struct persistent *persistent = self;
    for (uint32_t number = 0; number < persistent->context->slots; number++)
        persistent_slot_deinit(&persistent->slots[number]);
    free(persistent->slots);
    free(persistent);
}

/* Closes the inputs of the programs, and kills those that have tasks. */
static void persistent_end(void *self)
{
    struct persistent *persistent = self;
    persistent->context->ending = true;
    for (uint32_t number = 0; number < persistent->context->slots; number++) {
        struct persistent_slot *slot = &persistent->slots[number];
        if (slot->coprocess.given > 0)
            persistent_slot_kill(slot);
        else
            coprocess_close_input(&slot->coprocess);
    }
}

static bool persistent_is_over(const void *self)
{
    const struct persistent *persistent = self;
    return persistent->context->occupied == 0;
}

/* ---- in ---- */

static void write_input(struct persistent_slot *slot)
{
    if (!persistent_slot_serves(slot) || slot->closed_us ||
        coprocess_write(&slot->coprocess))
        return;
    /* It wants no more; mostly it ends now, and its words are better than ours. */
    slot->closed_us = clock_now_us();
    persistent_timers_set(slot);
}

static bool may_give(struct persistent_slot *slot)
{
    bool may = persistent_slot_serves(slot) && !slot->closed_us && !*slot->fault_text &&
               slot->coprocess.given < slot->coprocess.count;
    if (may && !slot->met)
        persistent_quiet_meet(slot, clock_now_us());
    return may && slot->met && !*slot->fault_text;
}

/* Lines: a burst is short, because a line too many and one too few in the same burst
 * make up for each other. */
static bool is_alone(const struct persistent_slot *slot)
{
    const struct persistent *persistent = slot->persistent;
    if (persistent->careful > 0 || persistent->mode != PROGRAM_LINES)
        return persistent->careful > 0;
    return slot->bursts < PERSISTENT_FIRST_BURSTS ||
           (slot->coprocess.given > 0 && clock_now_us() - slot->burst_us >= BURST_US);
}

static void give(struct persistent_slot *slot)
{
    struct coprocess *coprocess = &slot->coprocess;
    uint32_t *careful = &slot->persistent->careful;
    bool idle = !persistent_slot_at_work(slot);
    uint32_t before = coprocess->given;
    if (!may_give(slot) || !coprocess_give(coprocess, is_alone(slot))) {
        persistent_timers_set(slot);
        return;
    }
    if (*careful > 0)
        *careful -= coprocess->given > before;
    if (idle) {
        slot->begun_us = slot->heard_us = clock_now_us();
        slot->burst_us = before > 0 ? slot->burst_us : slot->begun_us;
        slot->confirm_us = 0;
        stderr_relay_speaker(slot->life.context->relays[slot->life.number],
                             coprocess_at(coprocess, before)->task.seq);
    }
    write_input(slot);
    persistent_timers_set(slot);
    /* A task of no bytes is answered without a word. */
    if (coprocess->asked == coprocess_at(coprocess, before)->begin)
        runner_context_wake(slot->life.context);
}

static void persistent_start(void *self, uint32_t number,
                             const struct program_task *task)
{
    struct persistent *persistent = self;
    struct persistent_slot *slot = &persistent->slots[number];
    /* The words of an earlier attempt, or of another part, are not about this one. */
    stderr_relay_forget(persistent->context->relays[number], task->seq);
    coprocess_push(&slot->coprocess, task);
    slot->missing = slot->life.phase == SLOT_EMPTY; /* it was drained */
    if (slot_life_is_backing_off(&slot->life) || *slot->fault_text || slot->missing)
        runner_context_wake(persistent->context);
}

static void persistent_flush(void *self)
{
    struct persistent *persistent = self;
    for (uint32_t number = 0; number < persistent->context->slots; number++)
        give(&persistent->slots[number]);
}

static void persistent_on_input(void *self, uint32_t number)
{
    struct persistent *persistent = self;
    struct persistent_slot *slot = &persistent->slots[number];
    write_input(slot);
    persistent_answers_report(slot, clock_now_us() - slot->begun_us);
}

/* ---- out ---- */

static void persistent_on_output(void *self, uint32_t number)
{
    struct persistent *persistent = self;
    struct persistent_slot *slot = &persistent->slots[number];
    if (!persistent_slot_is_alive(slot) || persistent_slot_is_killed(slot))
        return;
    persistent_answers_read(slot, PERSISTENT_READS_MAX);
    give(slot);
    persistent_timers_set(slot);
    persistent_drain_step(persistent);
}

static void persistent_on_limit(void *self, uint32_t number)
{
    struct persistent *persistent = self;
    persistent_timers_on_due(&persistent->slots[number]);
    give(&persistent->slots[number]);
    persistent_drain_step(persistent);
}

static void persistent_on_stopped(void *self, int64_t by_us)
{
    struct persistent *persistent = self;
    for (uint32_t number = 0; number < persistent->context->slots; number++)
        persistent_timers_shift(&persistent->slots[number], by_us);
}

static void persistent_on_retry(void *self, uint32_t number)
{
    struct persistent *persistent = self;
    if (!persistent->context->ending)
        persistent_exit_start_again(&persistent->slots[number]);
}

static void persistent_on_report(void *self, const struct report *report)
{
    struct persistent *persistent = self;
    persistent_exit_on_report(&persistent->slots[report->slot], report);
    persistent_drain_step(persistent);
}

static void persistent_kill(void *self, uint32_t number, uint64_t seq, uint32_t attempt)
{
    struct persistent *persistent = self;
    struct persistent_slot *slot = &persistent->slots[number];
    struct coprocess *coprocess = &slot->coprocess;
    for (uint32_t i = 0; i < coprocess->count; i++) {
        struct coprocess_task *item = coprocess_at(coprocess, i);
        if (item->task.seq != seq || item->task.attempt != attempt || item->muted)
            continue;
        if (i < coprocess->given) {
            item->muted = true;
            persistent_slot_kill(slot);
            return;
        }
        coprocess_remove(coprocess, i); /* no reason to prepare again */
        break;
    }
    slot_life_owe_ready(&slot->life);
}

/* The next task is charged with a fault that was found between two. */
static void settle_fault(struct persistent_slot *slot)
{
    if (*slot->fault_text && persistent_slot_is_alive(slot) &&
        !persistent_slot_is_killed(slot) && slot->coprocess.count > 0)
        persistent_report_guilty(slot, VERDICT_FAULT, 0, 0);
}

static void persistent_settle(void *self)
{
    struct persistent *persistent = self;
    bool holds = stderr_queue_holds(persistent->context->queue);
    for (uint32_t number = 0; number < persistent->context->slots; number++) {
        struct persistent_slot *slot = &persistent->slots[number];
        if (slot->missing && !holds && slot->life.phase == SLOT_EMPTY)
            persistent_exit_start_again(slot);
        settle_fault(slot);
        if (slot_life_is_backing_off(&slot->life))
            persistent_exit_hand_back(slot);
        else if (persistent_slot_serves(slot) && slot->coprocess.given > 0)
            persistent_answers_parse(slot); /* tasks that are answered by no bytes */
        slot_life_pay_ready(&slot->life, persistent_slot_is_alive(slot) &&
                                             !persistent_slot_is_killed(slot));
        persistent_timers_set(slot);
    }
    persistent_drain_step(persistent);
}

static bool persistent_in_step(const void *self, uint32_t number)
{
    const struct persistent *persistent = self;
    return !persistent->slots[number].doubt.open;
}

static void persistent_drain(void *self)
{
    struct persistent *persistent = self;
    persistent->draining = true;
}

static bool persistent_running(void *self, uint32_t number, uint64_t *ret_seq)
{
    struct persistent *persistent = self;
    const struct coprocess_task *item =
        persistent_slot_at_work(&persistent->slots[number]);
    if (item)
        *ret_seq = item->task.seq;
    return item != NULL;
}

const struct runner_ops persistent_runner = {
    .depth = COPROCESS_DEPTH,
    .open = persistent_open,
    .destroy = persistent_destroy,
    .start = persistent_start,
    .flush = persistent_flush,
    .kill = persistent_kill,
    .on_input = persistent_on_input,
    .on_output = persistent_on_output,
    .on_limit = persistent_on_limit,
    .on_retry = persistent_on_retry,
    .on_report = persistent_on_report,
    .on_stopped = persistent_on_stopped,
    .settle = persistent_settle,
    .in_step = persistent_in_step,
    .drain = persistent_drain,
    .running = persistent_running,
    .end = persistent_end,
    .is_over = persistent_is_over,
};
