/* SPDX-License-Identifier: MIT */
/*
 * The times of slots whose programs last, one alarm a slot: time limits and what
 * follows them, silence, the quiet after a burst, a pipe that was closed.
 *
 * A time limit counts from when the program turns to a chunk: when the answer before
 * was there; for its first, when it says that it is ready, or has taken some of it.
 * What it needs before that, to prepare itself, is not the chunk's.
 *
 * As long as nothing has ever come from any slot, a silence is probably the program's
 * way: that is said early, once, and a chunk that fails of it fails for good.
 */
#include "common/clock.h"
#include "common/log.h"
#include "worker/lasting_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    CLOSED_US = 1000000,    /* from a closed pipe to the end of the process */
    PREPARE_US = 600000000, /* at most, where there is a time limit */
    LOOK_US = 50000,        /* whether it has taken its first chunk */
};

static int64_t limit_us(struct lasting_slot *slot)
{
    const struct coprocess_task *item = lasting_at_work(slot);
    return item ? item->task.limit_ms * INT64_C(1000) : 0;
}

static int64_t silence_due(const struct lasting *lasting, struct lasting_slot *slot)
{
    if (!lasting->silence_us || !lasting_at_work(slot))
        return NEVER_US;
    return slot->heard_us + lasting->silence_us;
}

static int64_t hint_due(const struct lasting *lasting, struct lasting_slot *slot)
{
    if (lasting->voiced || lasting->hinted || !lasting_at_work(slot))
        return NEVER_US;
    int64_t due_us = slot->heard_us + lasting->hint_us;
    return due_us > lasting->hint_due_us ? due_us : lasting->hint_due_us;
}

static int64_t earlier(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static int64_t next_time(const struct lasting *lasting, struct lasting_slot *slot)
{
    if (slot->killed || !slot->alive)
        return NEVER_US;
    if (slot->overdue)
        return slot->kill_us ? slot->kill_us : NEVER_US;
    int64_t due_us = earlier(silence_due(lasting, slot), hint_due(lasting, slot));
    if (slot->confirm_us)
        due_us = earlier(due_us, slot->confirm_us);
    if (slot->closed_us)
        due_us = earlier(due_us, slot->closed_us + CLOSED_US);
    if (limit_us(slot))
        due_us = earlier(due_us, slot->begun_us + limit_us(slot));
    if (limit_us(slot) && !slot->prepared)
        due_us = earlier(due_us, clock_now_us() + LOOK_US);
    return due_us;
}

void lasting_mind_time(struct lasting *lasting, uint32_t number)
{
    int64_t due_us = next_time(lasting, &lasting->slots[number]);
    alarms_set(&lasting->stage->limits, number, due_us == NEVER_US ? 0 : due_us);
}

static void on_silence(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    uint64_t answered, wanted;
    coprocess_count_lines(&slot->coprocess, &answered, &wanted);
    lines_too_few(slot->fault_text, sizeof slot->fault_text, answered, wanted,
                  (double)lasting->silence_us / 1e6);
    lasting_find_fault(lasting, number, FAILURE_PROTOCOL,
                       lasting->voiced ? 0 : FAILURE_PROTOCOL_MUTE);
}

/* Of lines that are not even read there is nothing to say yet. */
static void hint(struct lasting *lasting, uint32_t number, int64_t now_us)
{
    struct lasting_slot *slot = &lasting->slots[number];
    char text[FAULT_MAX], why[FAULT_MAX + 64];
    double silence_s = (double)lasting->hint_us / 1e6;
    bool read = lasting_has_begun(slot);
    lasting->hint_due_us = now_us + lasting->hint_us;
    if (lasting->mode == PROGRAM_LINES && !read)
        return;
    lasting->hinted = true;
    if (lasting->mode == PROGRAM_LINES)
        lines_mute(text, sizeof text, silence_s);
    else
        frames_mute(text, sizeof text, read, silence_s);
    log_event(LOG_LEVEL_WARN, "no_answer", "slot=%" PRIu32 " why=%s", number + 1,
              log_quote(why, sizeof why, text, strlen(text)));
}

static void on_closed(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    if (lasting_at_work(slot))
        snprintf(slot->fault_text, sizeof slot->fault_text,
                 "the program closed its standard %s before it had answered",
                 slot->coprocess.output < 0 ? "output" : "input");
    lasting_find_fault(lasting, number, FAILURE_PROTOCOL, 0);
}

/* What is spent before is for its own preparation, to which we set a limit of ours. */
static void mind_preparation(struct lasting_slot *slot, int64_t now_us)
{
    if (slot->prepared || !lasting_at_work(slot))
        return;
    slot->prepared = lasting_has_begun(slot);
    if (slot->prepared || now_us - slot->opened_us < PREPARE_US)
        slot->begun_us = now_us;
}

static void on_overdue(struct lasting *lasting, uint32_t number, int64_t now_us)
{
    struct lasting_slot *slot = &lasting->slots[number];
    slot->overdue = true;
    slot->kill_us = now_us + STAGE_GRACE_US;
    slot->confirm_us = 0;
    stage_terminate(lasting->stage, number);
}

void lasting_on_time(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    int64_t now_us = clock_now_us();
    if (!slot->alive || slot->killed)
        return;
    if (slot->overdue && slot->kill_us && now_us >= slot->kill_us) {
        slot->kill_us = 0;
        stage_kill(lasting->stage, number);
    }
    if (slot->overdue) {
        lasting_mind_time(lasting, number);
        return;
    }
    int64_t confirm_us = slot->confirm_us;
    lasting_hear(lasting, number, READS_MAX);
    mind_preparation(slot, now_us);
    if (now_us >= hint_due(lasting, slot))
        hint(lasting, number, now_us);
    if (slot->killed)
        ; /* its end comes */
    else if (slot->confirm_us && slot->confirm_us == confirm_us && now_us >= confirm_us)
        lasting_confirm(lasting, number);
    else if (limit_us(slot) && now_us - slot->begun_us >= limit_us(slot))
        on_overdue(lasting, number, now_us);
    else if (now_us >= silence_due(lasting, slot))
        on_silence(lasting, number);
    else if (slot->closed_us && now_us - slot->closed_us >= CLOSED_US)
        on_closed(lasting, number);
    lasting_mind_time(lasting, number);
}
