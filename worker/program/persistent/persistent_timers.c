/* SPDX-License-Identifier: MIT */
/*
 * A time limit counts from when the program turns to a chunk: when the answer before
 * was there; for its first, when it says that it is ready, or has taken some of it. The
 * time that it needs before, to prepare itself, is not the chunk's.
 *
 * As long as nothing has ever come from any slot, a silence is probably the program's
 * way: a person is told early, once, and a chunk that fails of it fails for good.
 */
#include "worker/program/persistent/persistent_timers.h"
#include "common/clock.h"
#include "common/log.h"
#include "worker/program/persistent/persistent_answers.h"
#include "worker/program/persistent/persistent_quiet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    CLOSED_US = 1000000,    /* from a closed pipe to the end of the process */
    PREPARE_US = 600000000, /* at most, where there is a time limit */
    LOOK_US = 50000,        /* whether it has taken its first chunk */
    HELD_END_US = 1000000,  /* more for its end, where nobody reads its last lines */
    HELD_ENDS_MAX = 60,     /* times: it may write for ever */
};

static int64_t limit_us(struct persistent_slot *slot)
{
    const struct coprocess_task *item = persistent_slot_at_work(slot);
    return item ? item->task.limit_ms * INT64_C(1000) : 0;
}

static int64_t silence_due(struct persistent_slot *slot)
{
    int64_t silence_us = slot->persistent->silence_us;
    if (!silence_us || !persistent_slot_at_work(slot))
        return NEVER_US;
    return slot->heard_us + silence_us;
}

static int64_t hint_due(struct persistent_slot *slot)
{
    const struct persistent *persistent = slot->persistent;
    if (persistent->voice != PERSISTENT_SILENT || !persistent_slot_at_work(slot))
        return NEVER_US;
    int64_t due_us = slot->heard_us + persistent->hint_us;
    return due_us > persistent->hint_due_us ? due_us : persistent->hint_due_us;
}

static int64_t earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static int64_t next_time(struct persistent_slot *slot)
{
    if (slot->phase == PERSISTENT_OVERDUE && persistent_slot_is_alive(slot))
        return slot->kill_us ? slot->kill_us : NEVER_US;
    if (slot->phase == PERSISTENT_ENDING && persistent_slot_is_alive(slot))
        return slot->end_us;
    if (!persistent_slot_serves(slot))
        return NEVER_US;
    int64_t due_us = earlier(silence_due(slot), hint_due(slot));
    if (!slot->met && slot->coprocess.count > 0 && !slot->closed_us &&
        !*slot->fault_text)
        due_us = earlier(due_us, slot->look_us ? slot->look_us : 1);
    if (slot->confirm_us)
        due_us = earlier(due_us, slot->confirm_us);
    if (slot->closed_us)
        due_us = earlier(due_us, slot->closed_us + CLOSED_US);
    if (limit_us(slot))
        due_us = earlier(due_us, slot->begun_us + limit_us(slot));
    if (limit_us(slot) && slot->phase == PERSISTENT_PREPARING)
        due_us = earlier(due_us, clock_now_us() + LOOK_US);
    return due_us;
}

void persistent_timers_set(struct persistent_slot *slot)
{
    int64_t due_us = next_time(slot);
    slot_timers_set(&slot->life.context->limits, slot->life.number,
                    due_us == NEVER_US ? 0 : due_us);
}

static void on_silence(struct persistent_slot *slot)
{
    const struct persistent *persistent = slot->persistent;
    uint64_t answered, wanted;
    coprocess_count_lines(&slot->coprocess, &answered, &wanted);
    lines_too_few(slot->fault_text, sizeof slot->fault_text, answered, wanted,
                  (double)persistent->silence_us / 1e6);
    persistent_slot_find_fault(
        slot, FAILURE_PROTOCOL,
        persistent->voice == PERSISTENT_HEARD ? 0 : FAILURE_PROTOCOL_MUTE);
}

/* Of lines that are not even read there is nothing to say yet. */
static void hint(struct persistent_slot *slot, int64_t now_us)
{
    struct persistent *persistent = slot->persistent;
    char text[FAULT_MAX], why[FAULT_MAX + 64];
    double silence_s = (double)persistent->hint_us / 1e6;
    bool read = persistent_slot_has_begun(slot);
    persistent->hint_due_us = now_us + persistent->hint_us;
    if (persistent->mode == PROGRAM_LINES && !read)
        return;
    persistent->voice = PERSISTENT_HINTED;
    if (persistent->mode == PROGRAM_LINES)
        lines_mute(text, sizeof text, silence_s);
    else
        frames_mute(text, sizeof text, read, silence_s);
    log_event(LOG_LEVEL_WARN, "no_answer", "slot=%" PRIu32 " why=%s",
              slot->life.number + 1, log_quote(why, sizeof why, text, strlen(text)));
}

static void on_closed(struct persistent_slot *slot)
{
    if (persistent_slot_at_work(slot))
        snprintf(slot->fault_text, sizeof slot->fault_text,
                 "the program closed its standard %s before it had answered",
                 slot->coprocess.output < 0 ? "output" : "input");
    persistent_slot_find_fault(slot, FAILURE_PROTOCOL, 0);
}

/* A program prepares itself in its own time, to which we set a limit of ours. */
static void check_preparation(struct persistent_slot *slot, int64_t now_us)
{
    if (slot->phase != PERSISTENT_PREPARING || !persistent_slot_at_work(slot))
        return;
    bool begun = persistent_slot_has_begun(slot);
    if (begun)
        persistent_slot_set_phase(slot, PERSISTENT_SERVING);
    if (begun || now_us - slot->opened_us < PREPARE_US)
        slot->begun_us = now_us;
}

static void on_overdue(struct persistent_slot *slot, int64_t now_us)
{
    persistent_slot_set_phase(slot, PERSISTENT_OVERDUE);
    slot->kill_us = now_us + RUNNER_GRACE_US;
    slot->confirm_us = 0;
    runner_context_terminate(slot->life.context, slot->life.number);
}

/* The program stands still because nobody reads our stderr, and not for reasons of its
 * own. A time limit counts on, as it does for any program that waits. */
static bool is_held(const struct persistent_slot *slot)
{
    return stderr_relay_is_held(slot->life.context->relays[slot->life.number]);
}

/* It had time to end. */
static void check_ending(struct persistent_slot *slot, int64_t now_us)
{
    if (is_held(slot) && slot->held_ends++ < HELD_ENDS_MAX)
        slot->end_us = now_us + HELD_END_US;
    else
        persistent_slot_kill(slot);
}

/* SIGTERM was not enough, perhaps. */
static void check_overdue(struct persistent_slot *slot, int64_t now_us)
{
    if (slot->kill_us && now_us >= slot->kill_us) {
        slot->kill_us = 0;
        runner_context_kill(slot->life.context, slot->life.number);
    }
}

static void check_serving(struct persistent_slot *slot, int64_t now_us)
{
    int64_t confirm_us = slot->confirm_us;
    persistent_answers_read(slot, PERSISTENT_READS_MAX);
    check_preparation(slot, now_us);
    if (is_held(slot))
        slot->heard_us = now_us;
    if (now_us >= hint_due(slot))
        hint(slot, now_us);
    if (persistent_slot_is_killed(slot))
        ; /* its end comes */
    else if (slot->confirm_us && slot->confirm_us == confirm_us && now_us >= confirm_us)
        persistent_quiet_check(slot, now_us);
    else if (limit_us(slot) && now_us - slot->begun_us >= limit_us(slot))
        on_overdue(slot, now_us);
    else if (now_us >= silence_due(slot))
        on_silence(slot);
    else if (slot->closed_us && now_us - slot->closed_us >= CLOSED_US)
        on_closed(slot);
}

void persistent_timers_on_due(struct persistent_slot *slot)
{
    int64_t now_us = clock_now_us();
    if (!persistent_slot_is_alive(slot) || persistent_slot_is_killed(slot))
        return;
    if (slot->phase == PERSISTENT_OVERDUE)
        check_overdue(slot, now_us);
    else if (slot->phase == PERSISTENT_ENDING && now_us >= slot->end_us)
        check_ending(slot, now_us);
    else if (slot->phase != PERSISTENT_ENDING)
        check_serving(slot, now_us);
    persistent_timers_set(slot);
}

void persistent_timers_shift(struct persistent_slot *slot, int64_t by_us)
{
    int64_t *times[] = {&slot->opened_us,   &slot->begun_us,   &slot->burst_us,
                        &slot->heard_us,    &slot->confirm_us, &slot->closed_us,
                        &slot->answered_us, &slot->asked_us,   &slot->look_us,
                        &slot->end_us,      &slot->kill_us};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (*times[i])
            *times[i] += by_us;
    persistent_timers_set(slot);
}
