/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/ending.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/timing.h"
#include "ventilator/scheduler/attempts.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    ENDING_US = 5000, /* between looks at who is still there at the end */
    SINK_BACK_US =
        500000, /* for a sink to connect again, where a signal ends the run */
};

/* ---- the end itself ---- */

void ending_finish(struct dispatch *dispatch, int64_t now_us)
{
    if (!run_state_is_over(&dispatch->run)) {
        run_state_set_over(&dispatch->run, now_us);
        dispatch->check_us = now_us + ENDING_US;
        for (uint32_t i = 0; i < dispatch->pool.count; i++)
            push_action(dispatch, DISPATCH_STOP, dispatch->pool.sessions[i]->peer);
        for (uint32_t i = 0; i < dispatch->waiting.count; i++)
            push_action(dispatch, DISPATCH_STOP, dispatch->waiting.workers[i].peer);
        dispatch->waiting.count = 0;
    }
    if (dispatch->sink.here)
        push_action(dispatch, DISPATCH_GOODBYE, dispatch->sink.said.peer);
}

void ending_give_up_run(struct dispatch *dispatch, const char *text, int64_t now_us)
{
    run_state_stop(&dispatch->run, OUTCOME_STOPPED, STATUS_PEER, text, now_us);
    ending_finish(dispatch, now_us);
}

/* Nothing more is said or heard. */
static void finish_all(struct dispatch *dispatch)
{
    run_state_set_gone(&dispatch->run);
    completions_end(&dispatch->completions, dispatch->now_us);
    push_action(dispatch, DISPATCH_OVER, 0);
}

void ending_leave(struct dispatch *dispatch, const char *text, int64_t now_us)
{
    run_state_stop(&dispatch->run, OUTCOME_STOPPED, STATUS_PEER, text, now_us);
    run_state_set_over(&dispatch->run, now_us);
    finish_all(dispatch);
}

/* ---- results that only the end of a program proves ---- */

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
    run_state_stop(&dispatch->run, OUTCOME_DOUBT, STATUS_IO, text, now_us);
}

void ending_on_doubt(struct dispatch *dispatch, const struct known_worker *worker,
                     const struct message *message, int64_t now_us)
{
    char why[600];
    bool any = worker->drain.drains && worker->drain.gave;
    if (!any || message->doubt.from >= dispatch->table.cut)
        return;
    slice_copy_printable(message->doubt.text, why, sizeof why);
    end_in_doubt(dispatch, worker, message->doubt.from, why, now_us);
}

static void give_up_worker(struct dispatch *dispatch, struct known_worker *worker,
                           int64_t now_us)
{
    worker->drain.gone_us = NEVER_US;
    end_in_doubt(dispatch, worker, drain_state_doubt(&worker->drain),
                 "the worker is gone, and did not show that its programs had written "
                 "what they were asked, and no more",
                 now_us);
}

void ending_on_goodbye(struct dispatch *dispatch, struct known_worker *worker,
                       int64_t now_us)
{
    if (drain_state_doubt(&worker->drain) != NEVER_SEQ)
        give_up_worker(dispatch, worker, now_us);
}

void ending_check_doubts(struct dispatch *dispatch, int64_t now_us)
{
    for (uint32_t i = 0; dispatch->drains && i < dispatch->pool.worker_count; i++) {
        struct known_worker *worker = dispatch->pool.workers[i];
        if (drain_state_is_gone(&worker->drain) &&
            now_us - worker->drain.gone_us > dispatch->config.liveness_us)
            give_up_worker(dispatch, worker, now_us);
    }
}

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

/* No task is left: asks those who are to be drained, and says whether all are. One that
 * is lost may come back, or not: ending_check_doubts tells. */
static bool drain_all(struct dispatch *dispatch)
{
    for (uint32_t i = 0; dispatch->drains && i < dispatch->pool.worker_count; i++)
        if (drain_state_is_gone(&dispatch->pool.workers[i]->drain))
            return false;
    return drain_sessions(dispatch);
}

bool ending_is_told(const struct dispatch *dispatch)
{
    return !dispatch->drains && dispatch->run.end_sent &&
           !run_state_is_stopped(&dispatch->run) &&
           dispatch->released < dispatch->table.cut;
}

/* ---- each tick ---- */

static bool is_held_until(const struct dispatch *dispatch, uint64_t end)
{
    for (uint64_t seq = dispatch->released; seq < end; seq++)
        if (task_table_find(&dispatch->table, seq)->state != TASK_HELD)
            return false;
    return true;
}

/* The chunks before the failure of the input are worked on and written. */
void ending_check_input_failure(struct dispatch *dispatch, int64_t now_us)
{
    const struct verdict *failed = &dispatch->run.input_failed;
    if (dispatch->run.phase < RUN_STOPPING &&
        is_held_until(dispatch, dispatch->table.cut) && drain_all(dispatch))
        run_state_stop(&dispatch->run, failed->outcome, failed->status, failed->text,
                       now_us);
}

/* A run whose chunks have all been sent is simply done. */
static void check_drained(struct dispatch *dispatch, int64_t now_us)
{
    const struct task_table *table = &dispatch->table;
    const struct verdict *drained = &dispatch->run.drained;
    if (dispatch->epoch && !is_held_until(dispatch, table->fresh))
        return;
    if (dispatch->run.input == INPUT_ENDED && table->fresh == table->cut)
        return;
    if (dispatch->epoch && !drain_all(dispatch))
        return;
    run_state_stop(&dispatch->run, drained->outcome, drained->status, drained->text,
                   now_us);
}

/* A worker that served the ventilator before this one, and looks for it: what it gave
 * may be in doubt. */
static bool may_come_back(const struct dispatch *dispatch, int64_t now_us)
{
    return dispatch->config.strangers && dispatch->began_at > 0 &&
           now_us - dispatch->began_us <= dispatch->config.liveness_us;
}

/* The sink may know the total early, and finishes when it has all: but not before it is
 * shown that all is right. */
static bool may_tell_end(struct dispatch *dispatch, int64_t now_us)
{
    if (dispatch->run.phase == RUN_STOPPING)
        return true;
    if (dispatch->run.input != INPUT_ENDED)
        return false;
    if (dispatch->pool.worker_count && !dispatch->drains)
        return true;
    return is_held_until(dispatch, dispatch->table.cut) && drain_all(dispatch) &&
           !may_come_back(dispatch, now_us);
}

static void send_end(struct dispatch *dispatch)
{
    struct run_state *run = &dispatch->run;
    run->end_sent = true;
    run->end_told |= !run_state_is_stopped(run);
    push_action(dispatch, DISPATCH_END, dispatch->sink.said.peer)->seq =
        dispatch->table.cut;
}

/* A run that is stopped waits for the sink to finish, if there is one that can: also
 * for one whose connection broke just now, as it connects again; but somebody who has
 * asked twice for the end waits only a moment for that. */
static void check_stopping(struct dispatch *dispatch, int64_t now_us)
{
    int64_t liveness_us = dispatch->config.liveness_us;
    bool gone = !dispatch->sink.here &&
                dispatch->run.verdict.outcome == OUTCOME_INTERRUPTED &&
                now_us - dispatch->run.stopping_us > SINK_BACK_US;
    if (!dispatch->epoch || gone ||
        sink_word_silence_us(&dispatch->sink.word, now_us) > liveness_us ||
        now_us - dispatch->run.stopping_us > 2 * liveness_us)
        ending_finish(dispatch, now_us);
}

void ending_check_requests(struct dispatch *dispatch, int64_t now_us)
{
    const struct run_state *run = &dispatch->run;
    if (run->phase == RUN_DRAINING)
        check_drained(dispatch, now_us);
    if (!run->end_sent && dispatch->sink.begun && may_tell_end(dispatch, now_us))
        send_end(dispatch);
    if (run->phase == RUN_STOPPING)
        check_stopping(dispatch, now_us);
}

/* Who has gone shows when it is spoken to. */
void ending_check_over(struct dispatch *dispatch, int64_t now_us)
{
    bool late = now_us - dispatch->run.over_us > 2 * dispatch->config.liveness_us;
    bool empty = !dispatch->pool.count && !dispatch->sink.here;
    if (dispatch->run.phase != RUN_GONE && (late || empty))
        finish_all(dispatch);
    if (dispatch->run.phase == RUN_GONE || now_us < dispatch->check_us)
        return;
    dispatch->check_us = now_us + ENDING_US;
    for (uint32_t i = 0; i < dispatch->pool.count; i++)
        push_action(dispatch, DISPATCH_PONG, dispatch->pool.sessions[i]->peer);
    if (dispatch->sink.here)
        push_action(dispatch, DISPATCH_GOODBYE, dispatch->sink.said.peer);
}

/* ---- once a heartbeat ---- */

static bool is_sink_missing(const struct dispatch *dispatch, int64_t now_us)
{
    const struct sink_link *sink = &dispatch->sink;
    int64_t liveness_us = dispatch->config.liveness_us;
    return !sink_word_is_spoken_for(&sink->word, liveness_us, now_us) &&
           (!sink->here || sink_word_silence_us(&sink->word, now_us) > liveness_us);
}

/* A scheduler has none free yet, or none is needed now. */
static bool waits_for_places(const struct dispatch *dispatch)
{
    return dispatch->company.awaited && (dispatch->config.patience_us < 0 ||
                                         dispatch->released == dispatch->table.cut);
}

/* MISSING_LINKS: none reaches the sink; ALL_STUCK: none of those that do starts
 * anything; MISSING_KINDS: some worker may give results. */
static enum missing look_at_links(const struct worker_pool *pool)
{
    bool reach = false;
    for (uint32_t i = 0; i < pool->count; i++) {
        const struct worker_session *session = pool->sessions[i];
        if (session->link == LINK_SHUT)
            continue;
        if (!session->worker->health.stuck)
            return MISSING_KINDS;
        reach = true;
    }
    return reach ? ALL_STUCK : MISSING_LINKS;
}

static void find_missing(const struct dispatch *dispatch, int64_t now_us,
                         bool *ret_missing)
{
    bool sink = is_sink_missing(dispatch, now_us);
    bool workers = dispatch->pool.count || dispatch->waiting.count;
    ret_missing[MISSING_SINK] = sink;
    ret_missing[MISSING_WORKERS] = !workers && !waits_for_places(dispatch);
    if (sink || !workers || dispatch->waiting.count || !dispatch->sink.begun)
        return; /* no worker is told yet where the sink is: links tell nothing */
    enum missing links = look_at_links(&dispatch->pool);
    if (links != MISSING_KINDS)
        ret_missing[links] = true;
}

static void describe_missing(const struct dispatch *dispatch, enum missing missing,
                             int64_t patience_us, char *text, size_t size)
{
    const struct endpoint_list *list = &dispatch->sink.now.endpoints;
    long long s = (long long)(patience_us / SECOND_US);
    if (missing == MISSING_LINKS)
        snprintf(text, size,
                 "no worker could connect to the sink at %s for %lld s: its "
                 "--advertise says where workers reach it",
                 list->count ? list->endpoints[0].name : "", s);
    else if (missing == ALL_STUCK)
        snprintf(text, size, "no worker started what it was given for %lld s", s);
    else
        snprintf(text, size, "no %s came for %lld s",
                 missing == MISSING_SINK ? "sink" : "worker", s);
}

void ending_init_company(struct company *company, int64_t now_us)
{
    for (int i = 0; i < MISSING_KINDS; i++)
        company->since_us[i] = NEVER_US;
    company->since_us[MISSING_SINK] = company->since_us[MISSING_WORKERS] = now_us;
}

/* Each has a time of its own: workers that wait for a sink cannot connect to it before
 * it comes. */
static void note_missing(struct company *company, const bool *missing, int64_t now_us)
{
    for (int i = 0; i < MISSING_KINDS; i++)
        if (!missing[i])
            company->since_us[i] = NEVER_US;
        else if (company->since_us[i] == NEVER_US)
            company->since_us[i] = now_us;
}

void ending_check_company(struct dispatch *dispatch, int64_t now_us)
{
    struct company *company = &dispatch->company;
    char text[NAME_MAX_BYTES + 160];
    bool missing[MISSING_KINDS] = {false};
    bool workers = dispatch->pool.count || dispatch->waiting.count;
    company->was_there |= dispatch->sink.here && workers;
    find_missing(dispatch, now_us, missing);
    note_missing(company, missing, now_us);
    int64_t patience_us = dispatch->config.patience_us;
    if (patience_us < 0 && !company->was_there)
        return;
    if (patience_us < 0)
        patience_us = PATIENCE_S * SECOND_US;
    for (int i = 0; i < MISSING_KINDS; i++) {
        if (!missing[i] || now_us - company->since_us[i] < patience_us)
            continue;
        describe_missing(dispatch, i, patience_us, text, sizeof text);
        run_state_stop(&dispatch->run, OUTCOME_STOPPED, STATUS_PEER, text, now_us);
        return;
    }
}
