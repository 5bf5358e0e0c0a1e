/* SPDX-License-Identifier: MIT */
/* Phases, and what follows from each change. */
#include "worker/program/slot_life.h"
#include "common/clock.h"
#include "common/log.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

enum { BARREN_MAX = 10 };

static const char *const phase_names[] = {
#define X(name) [SLOT_##name] = #name,
    SLOT_PHASES(X)
#undef X
};

static void set_phase(struct slot_life *life, enum slot_phase phase)
{
    static const unsigned allowed[] = {
        [SLOT_EMPTY] = 1u << SLOT_OCCUPIED | 1u << SLOT_BACKING_OFF,
        [SLOT_OCCUPIED] = 1u << SLOT_EMPTY | 1u << SLOT_BACKING_OFF,
        [SLOT_BACKING_OFF] = 1u << SLOT_EMPTY | 1u << SLOT_OCCUPIED |
                             1u << SLOT_BACKING_OFF | 1u << SLOT_PROVING,
        [SLOT_PROVING] = 1u << SLOT_EMPTY | 1u << SLOT_OCCUPIED |
                         1u << SLOT_BACKING_OFF,
    };
    assert(allowed[life->phase] & 1u << phase);
    log_event(LOG_LEVEL_TRACE, "slot_phase", "slot=%" PRIu32 " from=%s to=%s",
              life->number + 1, phase_names[life->phase], phase_names[phase]);
    life->context->occupied += phase == SLOT_OCCUPIED;
    life->context->occupied -= life->phase == SLOT_OCCUPIED;
    life->phase = phase;
}

static void report(struct slot_life *life, bool ready)
{
    const struct program_events *events = &life->context->events;
    if (!life->context->ending)
        events->slot(events->context, life->number, ready);
}

void slot_life_init(struct slot_life *life, struct runner_context *context,
                    uint32_t number)
{
    *life = (struct slot_life){.context = context, .number = number};
}

void slot_life_start(struct slot_life *life, bool prove)
{
    set_phase(life,
              prove && life->phase == SLOT_BACKING_OFF ? SLOT_PROVING : SLOT_OCCUPIED);
}

void slot_life_on_sign(struct slot_life *life)
{
    spawn_backoff_forget(&life->context->backoff, life->number);
    if (life->phase != SLOT_PROVING)
        return;
    set_phase(life, SLOT_OCCUPIED);
    report(life, true);
}

void slot_life_on_end(struct slot_life *life)
{
    set_phase(life, SLOT_EMPTY);
}

void slot_life_on_retry(struct slot_life *life)
{
    if (life->phase == SLOT_BACKING_OFF)
        set_phase(life, SLOT_EMPTY);
    report(life, true);
}

bool slot_life_on_unstartable(struct slot_life *life, int error)
{
    struct runner_context *context = life->context;
    set_phase(life, SLOT_BACKING_OFF);
    report(life, false);
    if (context->ending)
        return false;
    if (!runner_context_lacks(error))
        return true;
    return spawn_backoff_begin(&context->backoff, life->number, error,
                               clock_now_us()) &&
           context->occupied == 0;
}

bool slot_life_is_backing_off(const struct slot_life *life)
{
    return life->phase == SLOT_BACKING_OFF;
}

void slot_life_set_fruitful(struct slot_life *life)
{
    life->barren = 0;
}

void slot_life_set_barren(struct slot_life *life)
{
    life->barren++;
}

bool slot_life_is_hopeless(const struct slot_life *life)
{
    return life->barren >= BARREN_MAX;
}

void slot_life_report_ready(struct slot_life *life)
{
    report(life, true);
}

void slot_life_owe_ready(struct slot_life *life)
{
    life->ready_due = true;
    runner_context_wake(life->context);
}

void slot_life_pay_ready(struct slot_life *life, bool able)
{
    bool takes = life->phase == SLOT_EMPTY || life->phase == SLOT_OCCUPIED;
    if (life->ready_due && able && takes)
        report(life, true);
    life->ready_due = false;
}

void slot_life_tell_stopped(const struct report *report)
{
    char name[80];
    log_quote(name, sizeof name, report->text, strlen(report->text));
    if (report->signal)
        say("slot %" PRIu32
            "'s program (pid %d) was stopped by %s; waiting until it is "
            "continued (kill -CONT %d)",
            report->slot + 1, (int)report->value,
            report->signal == SIGTSTP ? "SIGTSTP" : "SIGSTOP", (int)report->value);
    else
        say("slot %" PRIu32 "'s process %s (pid %d) is stopped; waiting until it is "
            "continued (kill -CONT %d)",
            report->slot + 1, name, (int)report->value, (int)report->value);
}
