/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/drains.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "ventilator/scheduler/attempts.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool names(const struct message *message, const char *name)
{
    for (uint32_t i = 0; i < message->hello_worker.capability_count; i++) {
        struct slice said = message->hello_worker.capabilities[i].name;
        if (said.size == strlen(name) && memcmp(said.data, name, said.size) == 0)
            return true;
    }
    return false;
}

bool drains_comes_late(const struct dispatch *dispatch, const struct message *message)
{
    const struct run_state *run = &dispatch->run;
    bool left = dispatch->released < dispatch->table.cut;
    return !dispatch->drains && run->end_sent && !run_state_is_stopped(run) && left &&
           names(message, "drain");
}

/* A worker that served another ventilator may have given it results that this run
 * has. */
void drains_on_hello(struct dispatch *dispatch, struct known_worker *worker,
                     const struct message *message)
{
    struct drain_state *drain = &worker->drain;
    if (!drain->drains && names(message, "drain"))
        *drain = (struct drain_state){.drains = true,
                                      .due = true,
                                      .opens = true,
                                      .open_from = NEVER_SEQ,
                                      .unsaid_from = NEVER_SEQ};
    drain->gone_us = NEVER_US;
    drain->asked = false;
    dispatch->drains |= drain->drains;
}

static void note_open(uint64_t *from, uint64_t seq)
{
    if (seq < *from)
        *from = seq;
}

/* `known`: the sink did not hold it before. */
void drains_on_done(struct known_worker *worker, const struct done_entry *entry,
                    bool known)
{
    struct drain_state *drain = &worker->drain;
    if (!drain->drains)
        return;
    drain->due = true;
    drain->asked = false;
    drain->opens = entry->open || drain->open_from != NEVER_SEQ;
    if (entry->open)
        note_open(&drain->open_from, entry->seq);
    if (!known && drain->unsaid > 0 && --drain->unsaid == 0)
        drain->unsaid_from = NEVER_SEQ;
}

void drains_on_held(struct known_worker *worker, uint64_t seq)
{
    struct drain_state *drain = &worker->drain;
    if (!drain->drains)
        return;
    drain->due = true;
    drain->asked = false;
    drain->unsaid++;
    note_open(&drain->unsaid_from, seq);
}

void drains_on_drained(struct known_worker *worker)
{
    struct drain_state *drain = &worker->drain;
    drain->due = false;
    drain->unsaid = 0;
    drain->open_from = drain->unsaid_from = NEVER_SEQ;
}

/* ---- doubt ---- */

static void end_in_doubt(struct dispatch *dispatch, const struct known_worker *worker,
                         uint64_t from, const char *why, int64_t now_us)
{
    char text[900], host[64];
    struct slice said = {(const uint8_t *)worker->host,
                         worker->host ? strlen(worker->host) : 0};
    slice_copy_printable(said, host, sizeof host);
    snprintf(text, sizeof text,
             "the output is in doubt from chunk %" PRIu64 " on: host %s: %s", from,
             host, why);
    run_state_stop(&dispatch->run, OUTCOME_STOPPED, STATUS_IO, text, now_us);
}

void drains_on_doubt(struct dispatch *dispatch, const struct known_worker *worker,
                     const struct message *message, int64_t now_us)
{
    char why[600];
    slice_copy_printable(message->doubt.text, why, sizeof why);
    end_in_doubt(dispatch, worker, message->doubt.from, why, now_us);
}

/* The lowest seq in doubt should the worker be lost; NEVER_SEQ: none is. */
static uint64_t in_doubt(const struct known_worker *worker)
{
    const struct drain_state *drain = &worker->drain;
    uint64_t from = drain->open_from;
    if (drain->drains && drain->opens)
        note_open(&from, drain->unsaid_from);
    return drain->drains ? from : NEVER_SEQ;
}

void drains_on_lost(struct known_worker *worker, int64_t now_us)
{
    if (in_doubt(worker) != NEVER_SEQ)
        worker->drain.gone_us = now_us;
}

static void give_up(struct dispatch *dispatch, struct known_worker *worker,
                    int64_t now_us)
{
    worker->drain.gone_us = NEVER_US;
    end_in_doubt(dispatch, worker, in_doubt(worker),
                 "the worker is gone, and did not show that its programs had written "
                 "what they were asked, and no more",
                 now_us);
}

void drains_on_goodbye(struct dispatch *dispatch, struct known_worker *worker,
                       int64_t now_us)
{
    if (in_doubt(worker) != NEVER_SEQ)
        give_up(dispatch, worker, now_us);
}

static bool is_gone(const struct known_worker *worker)
{
    return worker->drain.drains && worker->drain.gone_us != NEVER_US;
}

void drains_check(struct dispatch *dispatch, int64_t now_us)
{
    if (!dispatch->drains)
        return;
    for (uint32_t i = 0; i < dispatch->pool.worker_count; i++) {
        struct known_worker *worker = dispatch->pool.workers[i];
        if (is_gone(worker) &&
            now_us - worker->drain.gone_us > dispatch->config.liveness_us)
            give_up(dispatch, worker, now_us);
    }
}

/* ---- the end ---- */

static bool drain_sessions(struct dispatch *dispatch)
{
    bool all = true;
    for (uint32_t i = 0; i < dispatch->pool.count; i++) {
        const struct worker_session *session = dispatch->pool.sessions[i];
        struct drain_state *drain = &session->worker->drain;
        if (!drain->drains || !drain->due)
            continue;
        all = false;
        if (!drain->asked)
            push_action(dispatch, DISPATCH_DRAIN, session->peer)->session =
                session->number;
        drain->asked = true;
    }
    return all;
}

bool drains_settle(struct dispatch *dispatch)
{
    if (!dispatch->drains)
        return true;
    for (uint32_t i = 0; i < dispatch->pool.worker_count; i++)
        if (is_gone(dispatch->pool.workers[i]))
            return false; /* it may come back, or not: drains_check tells */
    return drain_sessions(dispatch);
}
