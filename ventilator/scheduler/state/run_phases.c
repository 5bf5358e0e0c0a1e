/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/state/run_phases.h"

#include <assert.h>
#include <stdio.h>

#define BIT(phase) (1u << (phase))

static void set_phase(struct run_state *run, enum run_phase phase)
{
    static const unsigned next[] = {
        [RUN_WAITING] = BIT(RUN_RUNNING) | BIT(RUN_DRAINING) | BIT(RUN_STOPPING) |
                        BIT(RUN_OVER),
        [RUN_RUNNING] = BIT(RUN_ENDING) | BIT(RUN_DRAINING) | BIT(RUN_STOPPING) |
                        BIT(RUN_OVER),
        [RUN_ENDING] = BIT(RUN_DRAINING) | BIT(RUN_STOPPING) | BIT(RUN_OVER),
        [RUN_DRAINING] = BIT(RUN_STOPPING) | BIT(RUN_OVER),
        [RUN_STOPPING] = BIT(RUN_OVER),
        [RUN_OVER] = BIT(RUN_GONE),
        [RUN_GONE] = 0,
    };
    assert(next[run->phase] & BIT(phase));
    run->phase = phase;
}

static struct verdict verdict(enum outcome outcome, int status, const char *text)
{
    struct verdict verdict = {.outcome = outcome, .status = status};
    snprintf(verdict.text, sizeof verdict.text, "%s", text);
    return verdict;
}

void run_state_on_begin(struct run_state *run)
{
    run->end_sent = false;
    if (run->phase != RUN_WAITING)
        return;
    set_phase(run, RUN_RUNNING);
    if (run->input != INPUT_OPEN)
        set_phase(run, RUN_ENDING);
}

static void end_input(struct run_state *run, enum run_input input)
{
    run->input = input;
    if (run->phase == RUN_RUNNING)
        set_phase(run, RUN_ENDING);
}

void run_state_on_input_end(struct run_state *run)
{
    if (run->input == INPUT_OPEN)
        end_input(run, INPUT_ENDED);
}

void run_state_on_input_failure(struct run_state *run, int status, const char *text)
{
    if (run->input != INPUT_OPEN)
        return;
    run->input_failed = verdict(OUTCOME_STOPPED, status, text);
    end_input(run, INPUT_FAILED);
}

void run_state_stop(struct run_state *run, enum outcome outcome, int status,
                    const char *text, int64_t now_us)
{
    if (run->phase >= RUN_STOPPING)
        return;
    set_phase(run, RUN_STOPPING);
    run->verdict = verdict(outcome, status, text);
    run->stopping_us = now_us;
    run->end_sent = false;
}

void run_state_drain(struct run_state *run, enum outcome outcome, int status,
                     const char *text)
{
    if (run->phase >= RUN_DRAINING)
        return;
    set_phase(run, RUN_DRAINING);
    run->drained = verdict(outcome, status, text);
}

void run_state_set_over(struct run_state *run, int64_t now_us)
{
    set_phase(run, RUN_OVER);
    run->over_us = now_us;
}

void run_state_set_gone(struct run_state *run)
{
    set_phase(run, RUN_GONE);
}

bool run_state_is_stopped(const struct run_state *run)
{
    return run->phase >= RUN_STOPPING;
}

bool run_state_is_over(const struct run_state *run)
{
    return run->phase >= RUN_OVER;
}
