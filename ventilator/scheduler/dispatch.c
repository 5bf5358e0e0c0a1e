/* SPDX-License-Identifier: MIT */
/*
 * The top of the scheduler: takes events to whom they belong, calls in each tick all
 * that is due, and hands the actions out. README.md says what lies below.
 */
#include "ventilator/scheduler/dispatch.h"

#include "common/clock.h"
#include "common/memory.h"
#include "ventilator/scheduler/admission.h"
#include "ventilator/scheduler/assign.h"
#include "ventilator/scheduler/attempts.h"
#include "ventilator/scheduler/ending.h"
#include "ventilator/scheduler/failures.h"
#include "ventilator/scheduler/limits.h"
#include "ventilator/scheduler/loss_charges.h"
#include "ventilator/scheduler/on_sink.h"
#include "ventilator/scheduler/on_worker.h"
#include "ventilator/scheduler/sessions.h"
#include "ventilator/scheduler/stragglers.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEARTBEATS_A_LIVENESS = 4 /* however many workers there are */ };

struct dispatch *dispatch_new(const struct dispatch_config *config, int64_t now_us)
{
    struct dispatch *dispatch = allocate_zeroed(1, sizeof *dispatch);
    dispatch->config = *config;
    if (!dispatch->config.min_workers)
        dispatch->config.min_workers = 1;
    ending_init_company(&dispatch->company, now_us);
    dispatch->check_us = dispatch->now_us = now_us;
    dispatch->demand.block_bytes = config->block_bytes;
    ring_init(&dispatch->actions, sizeof(struct dispatch_action));
    ring_init(&dispatch->complaints, sizeof(struct complaint));
    task_table_init(&dispatch->table);
    worker_pool_init(&dispatch->pool, config->window);
    dispatch->pool.heartbeat_most_ms =
        (uint32_t)(config->liveness_us / 1000 / HEARTBEATS_A_LIVENESS);
    completions_init(&dispatch->completions, config->tells_completions,
                     &dispatch->table, &dispatch->pool);
    return dispatch;
}

void dispatch_destroy(struct dispatch **dispatch_p)
{
    struct dispatch *dispatch = *dispatch_p;
    if (!dispatch)
        return;
    while (dispatch->pool.count)
        sessions_drop(dispatch, dispatch->pool.sessions[dispatch->pool.count - 1],
                      false, 0);
    completions_deinit(&dispatch->completions);
    worker_pool_deinit(&dispatch->pool);
    task_table_deinit(&dispatch->table);
    ring_deinit(&dispatch->actions);
    ring_deinit(&dispatch->complaints);
    admission_deinit(&dispatch->waiting);
    failures_deinit(&dispatch->failures);
    loss_charges_deinit(&dispatch->losses);
    free(dispatch);
    *dispatch_p = NULL;
}

/* ---- events ---- */

static void reject(struct dispatch *dispatch, uint32_t peer, enum reject reason,
                   const char *complaint)
{
    push_action(dispatch, DISPATCH_REJECT, peer)->reason = reason;
    struct complaint *kept = ring_push(&dispatch->complaints);
    snprintf(kept->text, sizeof kept->text, "%s", complaint);
}

static void on_hello(struct dispatch *dispatch, uint32_t peer,
                     const struct message *message, int64_t now_us)
{
    bool worker = message->type == MESSAGE_HELLO_WORKER;
    uint32_t version = worker ? message->hello_worker.version
                              : message->hello_sink.version;
    if (version != PROTOCOL_VERSION) {
        struct dispatch_action *action = push_action(dispatch, DISPATCH_REJECT, peer);
        action->reason = REJECT_VERSION;
        action->version = version;
    } else if (worker)
        admission_on_hello(dispatch, peer, message, now_us);
    else
        on_sink_hello(dispatch, peer, message, now_us);
}

bool dispatch_hears(enum message_type type)
{
    switch ((int)type) {
    case MESSAGE_WELCOME:
    case MESSAGE_REJECT:
    case MESSAGE_WHO:
    case MESSAGE_TASK:
    case MESSAGE_FORGET:
    case MESSAGE_RESULT:
    case MESSAGE_SKIP:
    case MESSAGE_END:
    case MESSAGE_STOP:
    case MESSAGE_PONG:
    case MESSAGE_ISOLATE:
    case MESSAGE_DRAIN:
        return false;
    default:
        return true;
    }
}

void dispatch_on_message(struct dispatch *dispatch, uint32_t peer,
                         const struct message *message, int64_t now_us)
{
    struct worker_session *session;
    if (!dispatch_hears(message->type))
        reject(dispatch, peer, REJECT_MALFORMED,
               "no ventilator takes this type of message");
    else if (message->type == MESSAGE_HELLO_WORKER ||
             message->type == MESSAGE_HELLO_SINK)
        on_hello(dispatch, peer, message, now_us);
    else if (dispatch->sink.here && dispatch->sink.said.peer == peer)
        on_sink_message(dispatch, message, now_us);
    else if (message->type == MESSAGE_STALLED)
        on_sink_stalled(dispatch, message, now_us);
    else if ((session = worker_pool_find(&dispatch->pool, peer)))
        on_worker_message(dispatch, session, message, now_us);
    else if (message->type != MESSAGE_GOODBYE)
        push_action(dispatch, DISPATCH_WHO, peer);
}

void dispatch_on_malformed(struct dispatch *dispatch, uint32_t peer, enum reject reason,
                           const char *complaint)
{
    assert(reason == REJECT_MALFORMED || reason == REJECT_TYPE);
    reject(dispatch, peer, reason, complaint);
}

void dispatch_on_refused(struct dispatch *dispatch, uint32_t peer, const char *why,
                         int64_t now_us)
{
    reject(dispatch, peer, REJECT_KEY, why);
    dispatch_on_unreachable(dispatch, peer, now_us);
}

void dispatch_on_excused(struct dispatch *dispatch, const char *place)
{
    struct known_worker *worker = worker_pool_find_place(&dispatch->pool, place);
    if (!worker)
        return;
    worker->excused = true;
    loss_charges_waive(dispatch, worker);
}

void dispatch_on_awaited(struct dispatch *dispatch, bool awaited)
{
    dispatch->company.awaited = awaited;
}

void dispatch_on_unreachable(struct dispatch *dispatch, uint32_t peer, int64_t now_us)
{
    on_sink_unreachable(dispatch, peer, now_us);
    struct worker_session *session = worker_pool_find(&dispatch->pool, peer);
    if (session)
        sessions_drop(dispatch, session, true, now_us);
    admission_on_unreachable(dispatch, peer);
}

void dispatch_on_input_end(struct dispatch *dispatch)
{
    run_state_on_input_end(&dispatch->run);
}

void dispatch_on_input_failure(struct dispatch *dispatch, int status, const char *text)
{
    run_state_on_input_failure(&dispatch->run, status, text);
}

void dispatch_on_header(struct dispatch *dispatch, int64_t now_us)
{
    dispatch->config.awaits_header = false;
    if (!run_state_is_over(&dispatch->run))
        admission_welcome(dispatch, now_us);
}

void dispatch_stop(struct dispatch *dispatch, enum outcome outcome, int status,
                   const char *text, int64_t now_us)
{
    run_state_stop(&dispatch->run, outcome, status, text, now_us);
}

void dispatch_drain(struct dispatch *dispatch, enum outcome outcome, int status,
                    const char *text)
{
    run_state_drain(&dispatch->run, outcome, status, text);
}

/* ---- time ---- */

static void on_heartbeat(struct dispatch *dispatch, int64_t now_us)
{
    dispatch->check_us = now_us +
                         (int64_t)worker_pool_heartbeat_ms(&dispatch->pool) * 1000;
    if (dispatch->sink.here)
        push_action(dispatch, DISPATCH_PONG, dispatch->sink.said.peer);
    on_sink_check_second(dispatch, now_us);
    sessions_check(dispatch, now_us);
    loss_charges_settle(dispatch, now_us);
    ending_check_doubts(dispatch, now_us);
    completions_settle(&dispatch->completions, now_us - dispatch->config.liveness_us);
    limits_check(dispatch, now_us);
    stragglers_copy(dispatch, now_us);
    ending_check_company(dispatch, now_us);
}

int64_t dispatch_tick(struct dispatch *dispatch, int64_t now_us)
{
    int64_t recall_us = NEVER_US;
    dispatch->now_us = now_us;
    dispatch->demand.counted = false;
    if (dispatch->run.phase < RUN_OVER) {
        assign_note_workers(dispatch);
        if (now_us >= dispatch->check_us)
            on_heartbeat(dispatch, now_us);
        assign_all(dispatch);
        if (dispatch->run.input == INPUT_FAILED)
            ending_check_input_failure(dispatch, now_us);
        recall_us = assign_recall(dispatch);
        ending_check_requests(dispatch, now_us);
    }
    if (dispatch->run.phase >= RUN_OVER)
        ending_check_over(dispatch, now_us);
    return recall_us < dispatch->check_us ? recall_us : dispatch->check_us;
}

/* ---- actions ---- */

static const struct dispatch_welcome *fill_welcome(struct dispatch *dispatch,
                                                   uint32_t peer)
{
    const struct worker_session *session = worker_pool_find(&dispatch->pool, peer);
    bool finds = session && !session->worker->unborrowed; /* the sink, its results */
    dispatch->welcome = (struct dispatch_welcome){
        .heartbeat_ms = worker_pool_heartbeat_ms(&dispatch->pool),
        .max_result = dispatch->sink.now.max_result,
        .program = dispatch->program,
        .run = dispatch->run_id,
        .epoch = dispatch->epoch,
        .endpoints = &dispatch->sink.now.endpoints,
        .compressions = dispatch->sink.now.compressions,
        .borrows = dispatch->sink.now.borrows && finds,
        .takes_parts = dispatch->sink.now.takes_parts && finds,
    };
    return &dispatch->welcome;
}

static const struct worker_remark *fill_remark(struct dispatch *dispatch,
                                               uint64_t number)
{
    const struct known_worker *worker = dispatch->pool.workers[number - 1];
    dispatch->remark = (struct worker_remark){
        .host = worker->host,
        .pid = worker->pid,
        .chunks = worker->health.stuck ? 0 : worker->health.outdone,
        .failure = worker->failure};
    return &dispatch->remark;
}

/* Fills in what the action borrows, as it is now. */
bool dispatch_next(struct dispatch *dispatch, struct dispatch_action *ret_action)
{
    const struct task *task;
    while (ring_pop(&dispatch->actions, ret_action))
        switch ((int)ret_action->kind) {
        case DISPATCH_WELCOME_SINK:
        case DISPATCH_WELCOME:
            ret_action->welcome = fill_welcome(dispatch, ret_action->peer);
            return true;
        case DISPATCH_REJECT:
            if (ret_action->reason == REJECT_MALFORMED ||
                ret_action->reason == REJECT_TYPE || ret_action->reason == REJECT_KEY) {
                ring_pop(&dispatch->complaints, &dispatch->complaint);
                ret_action->complaint = dispatch->complaint.text;
            }
            return true;
        case DISPATCH_ISOLATE:
            ret_action->isolation = failures_isolation(dispatch, ret_action->seq);
            return true;
        case DISPATCH_SKIP:
            task = task_table_find(&dispatch->table, ret_action->seq);
            if (!task)
                break; /* the sink has settled it meanwhile: nobody needs to hear */
            assert(task->failure);
            ret_action->epoch = dispatch->epoch;
            ret_action->failure = task->failure;
            return true;
        case DISPATCH_END:
            ret_action->epoch = dispatch->epoch;
            ret_action->verdict = &dispatch->run.verdict;
            return true;
        case DISPATCH_STOP:
            ret_action->verdict = &dispatch->run.verdict;
            return true;
        case DISPATCH_ASIDE:
        case DISPATCH_BACK:
            ret_action->remark = fill_remark(dispatch, ret_action->seq);
            return true;
        default:
            return true;
        }
    return false;
}

bool dispatch_next_completion(struct dispatch *dispatch,
                              struct completion *ret_completion)
{
    return completions_next(&dispatch->completions, ret_completion);
}

/* ---- queries ---- */

uint64_t dispatch_program(const struct dispatch *dispatch)
{
    return dispatch->program;
}

const char *dispatch_worker_host(const struct dispatch *dispatch, const struct id *uuid)
{
    const struct known_worker *worker = worker_pool_look_up(&dispatch->pool, uuid);
    return worker ? worker->host : NULL;
}

const char *dispatch_peer_host(const struct dispatch *dispatch, uint32_t peer)
{
    const struct worker_session *session = worker_pool_find(&dispatch->pool, peer);
    return session ? session->worker->host : NULL;
}

struct slice dispatch_mark(const struct dispatch *dispatch)
{
    return (struct slice){dispatch->input.mark, dispatch->input.mark_size};
}

struct slice dispatch_input(const struct dispatch *dispatch)
{
    return (struct slice){dispatch->input.name, dispatch->input.name_size};
}

struct verdict dispatch_verdict(const struct dispatch *dispatch)
{
    return dispatch->run.verdict;
}

const struct dispatch_failure *dispatch_failure(const struct dispatch *dispatch)
{
    const struct dispatch_failure *failure = &dispatch->failures.stopped_by;
    return failure->attempts ? failure : NULL;
}

bool dispatch_waits_for_output(const struct dispatch *dispatch)
{
    const struct task *next = task_table_find(&dispatch->table, dispatch->released);
    return next && next->state == TASK_HELD && dispatch_wants(dispatch) == 0;
}

const struct endpoint_list *dispatch_results(const struct dispatch *dispatch)
{
    return &dispatch->sink.now.endpoints;
}

struct dispatch_lost dispatch_lost(const struct dispatch *dispatch)
{
    const struct known_worker *last = dispatch->company.last_lost;
    return (struct dispatch_lost){
        .workers = dispatch->company.lost,
        .host = last ? last->host : NULL,
        .pid = last ? last->pid : 0,
        .sink = dispatch->epoch && !dispatch->sink.here,
        .ends = run_state_is_stopped(&dispatch->run) ||
                run_state_is_over(&dispatch->run),
    };
}

bool dispatch_begun(const struct dispatch *dispatch)
{
    return dispatch->epoch != 0;
}

struct dispatch_counts dispatch_counts(const struct dispatch *dispatch)
{
    struct dispatch_counts counts = dispatch->counts;
    counts.cut = dispatch->table.cut;
    counts.released = dispatch->released;
    counts.committed = dispatch->table.first;
    counts.longest_us = dispatch->run_times.longest_us;
    counts.sessions = dispatch->pool.count;
    counts.slots = dispatch->pool.slots;
    const struct worker_sums *sums = worker_tallies_sums(dispatch->pool.tallies);
    counts.reaching = sums->reaching;
    counts.busy = (uint32_t)sums->busy;
    return counts;
}

/* ---- for what the run waits ---- */

/* The worker that has it, and since when. */
static void name_worker(const struct attempt *attempt, struct dispatch_wait *wait)
{
    const struct known_worker *worker = attempt->session->worker;
    wait->host = worker->host;
    wait->pid = worker->pid;
    wait->attempt = attempt->number;
    wait->since_us = attempt->running ? attempt->running_us : attempt->sent_us;
}

/* Of several copies the one that was sent first. */
static const struct attempt *first_attempt(const struct task *task)
{
    const struct attempt *found = LIST_FIRST(&task->open), *attempt;
    LIST_FOREACH (attempt, &task->open, of_task)
        if (attempt->number < found->number)
            found = attempt;
    return found;
}

struct dispatch_wait dispatch_wait(const struct dispatch *dispatch)
{
    struct dispatch_wait wait = {.kind = DISPATCH_WAITS_INPUT,
                                 .seq = dispatch->released,
                                 .longest_us = dispatch->run_times.longest_us};
    const struct task *task = task_table_find(&dispatch->table, wait.seq);
    if (!task)
        return wait;
    const struct attempt *attempt = first_attempt(task);
    if (task->state == TASK_QUEUED)
        wait.kind = DISPATCH_WAITS_WORKER;
    else if (task->state != TASK_ASSIGNED || !attempt)
        wait.kind = DISPATCH_WAITS_SINK;
    else
        wait.kind = attempt->done ? DISPATCH_WAITS_HELD : DISPATCH_WAITS_RESULT;
    if (task->state == TASK_ASSIGNED && attempt)
        name_worker(attempt, &wait);
    return wait;
}
