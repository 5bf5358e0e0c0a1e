/* SPDX-License-Identifier: MIT */
/*
 * The loop of the worker. It moves tasks from the uplink onto the session's ledger,
 * from there into the slots of the program, and their ends back to the session; and it
 * carries out what the session decides, and decides nothing itself.
 */
#include "worker/worker.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/memory.h"
#include "common/net/connection_monitor.h"
#include "common/process/signals.h"
#include "worker/connections.h"
#include "worker/leash.h"
#include "worker/notices.h"
#include "worker/preemption.h"
#include "worker/resources.h"
#include "worker/service_report.h"
#include "worker/task_intake.h"
#include "worker/waiting_hint.h"
#include "worker/walltime.h"
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MESSAGES_MAX = 256,           /* received in one iteration */
    PATIENT_SIGNALS = 2,          /* the third ends it at once */
    TOLD_WAIT_MS = 1000,          /* for a signal that others have already */
    OWN_ITEMS = 5 + OUTBOX_ITEMS, /* polled beside the program's */
};

struct worker {
    const struct worker_options *options;
    struct resources resources;
    struct waiting_hint hint;
    struct preemption preemption;
    zmq_pollitem_t *items;
    uint32_t signalled; /* times */
    int signal;         /* the first one; 0: none */
    bool warned;        /* that another worker runs another program */
    bool alive;         /* the first task is done, and whoever wants to know was told */
    int64_t now_us;
    struct leash leash;
    bool draining; /* the session is over, and the programs end */
    bool over;
    int status; /* valid once over or draining */
};

static void leave(struct worker *worker, int status)
{
    worker->over = true;
    worker->status = status;
}

static void leave_if(struct worker *worker, int failure)
{
    if (failure)
        leave(worker, failure);
}

/* The first signal makes the worker finish its running tasks, the second hand them
 * back, the third leave without that. */
static void read_signals(struct worker *worker)
{
    for (int number;
         !worker->over && (number = signals_next(worker->resources.signals)) > 0;) {
        if (!worker->signal)
            worker->signal = number;
        if (worker->signalled++)
            log_hurry();
        if (worker->signalled <= PATIENT_SIGNALS)
            session_leave(worker->resources.session, worker->now_us);
        else
            leave(worker, STATUS_SIGNAL + worker->signal);
    }
}

static void read_leash(struct worker *worker)
{
    switch (leash_read(&worker->leash, worker->now_us)) {
    case LEASH_QUIET:
        return;
    case LEASH_HURRY:
        session_leave(worker->resources.session, worker->now_us);
        session_leave(worker->resources.session, worker->now_us);
        return;
    case LEASH_LEAVE:
        session_leave(worker->resources.session, worker->now_us);
        return;
    case LEASH_END:
        leave(worker, STATUS_PEER);
    }
}

/* ---- what the program reports ---- */

/* Tells the session how far the task has come. */
static void report_task(struct worker *worker, uint32_t slot, uint64_t seq,
                        uint32_t attempt, struct task *task, enum task_state state)
{
    struct session *session = worker->resources.session;
    if (state != TASK_RUNS)
        task->ended_us = worker->now_us;
    switch (state) {
    case TASK_RUNS:
        session_on_part(session, slot, seq, attempt);
        break;
    case TASK_DONE:
        session_on_done(session, slot, seq, attempt, task->run_us);
        break;
    case TASK_FAILED:
        session_on_failed(session, slot, seq, attempt, task->run_us);
    }
}

static void on_done(void *context, uint32_t slot, uint64_t seq, uint32_t attempt,
                    uint64_t run_us, const struct program_result *result)
{
    struct worker *worker = context;
    struct task *task =
        session_slot_cargo(worker->resources.session, slot, seq, attempt);
    if (!task)
        return;
    task->open |= !program_in_step(worker->resources.program, slot);
    report_task(worker, slot, seq, attempt, task,
                task_on_done(task, run_us, result->message, result->lent));
}

static void report_failed(struct worker *worker, const struct failed_run *run)
{
    struct task *task = session_slot_cargo(worker->resources.session, run->slot,
                                           run->seq, run->attempt);
    if (task)
        report_task(
            worker, run->slot, run->seq, run->attempt, task,
            task_on_failed(task, run->run_us, run->cause, run->code, run->text));
}

/* A signal to all processes may have come already. */
static void on_failed(void *context, uint32_t slot, uint64_t seq, uint32_t attempt,
                      uint64_t run_us, enum failure cause, uint32_t code,
                      struct slice text)
{
    struct worker *worker = context;
    struct failed_run run = {slot, seq, attempt, run_us, cause, code, text};
    read_signals(worker);
    if (worker->signal && preemption_excuses(&run))
        session_on_preempted(worker->resources.session, slot, seq, attempt);
    else if (!worker->signal && preemption_suspects(&run))
        preemption_add(&worker->preemption, &run, worker->now_us);
    else
        report_failed(worker, &run);
}

static int64_t settle_failures(struct worker *worker)
{
    struct failed_run run;
    while (preemption_take(&worker->preemption, worker->signal, worker->now_us, &run))
        if (worker->signal)
            session_on_preempted(worker->resources.session, run.slot, run.seq,
                                 run.attempt);
        else
            report_failed(worker, &run);
    return preemption_deadline(&worker->preemption);
}

static void on_unstarted(void *context, uint32_t slot, uint64_t seq, uint32_t attempt)
{
    struct worker *worker = context;
    session_on_unstarted(worker->resources.session, slot, seq, attempt);
}

static void on_slot(void *context, uint32_t slot, bool ready)
{
    struct worker *worker = context;
    session_on_slot(worker->resources.session, slot, ready);
}

/* The worker is told to leave, or will be in a moment. */
static bool on_told(void *context)
{
    struct worker *worker = context;
    struct pollfd polled = {.fd = worker->resources.signals, .events = POLLIN};
    if (!worker->signal && poll(&polled, 1, TOLD_WAIT_MS) > 0)
        read_signals(worker);
    return worker->signal != 0;
}

/* Nobody can take back what was sent: the ventilator ends the run, as soon as it hears
 * of it. A launcher shows what that says, and ends as that does. */
static void on_doubt(void *context, const struct program_doubt *doubt)
{
    struct worker *worker = context;
    struct session *session = worker->resources.session;
    char text[512];
    bool heard = !worker->draining && session_is_open(session);
    snprintf(text, sizeof text, "slot %" PRIu32 ": %s", doubt->slot + 1, doubt->text);
    if (!worker->draining)
        session_on_doubt(session, doubt->from, text);
    if (heard && worker->options->common.supervised)
        return;
    worker->status = STATUS_IO;
    notices_on_doubt(doubt->from, text);
}

static void on_drained(void *context)
{
    struct worker *worker = context;
    if (worker->draining)
        worker->over = true;
    else
        session_on_drained(worker->resources.session);
}

static void on_broken(void *context, int status, const char *text)
{
    struct worker *worker = context;
    if (on_told(worker)) {
        session_leave(worker->resources.session, worker->now_us);
        return;
    }
    say("%s", text);
    leave(worker, status);
}

/* ---- what the session decides ---- */

static void start(struct worker *worker, const struct session_action *action)
{
    struct task *task = action->cargo;
    struct program_task input = {.seq = action->seq,
                                 .attempt = action->attempt,
                                 .limit_ms = task->limit_ms,
                                 .part = task->part_run != NULL,
                                 .header = session_header(worker->resources.session)};
    enum task_state state = task_next(task, &input.input, &input.records);
    input.extent = task->extent;
    task->started_us = task->started_us ? task->started_us : worker->now_us;
    if (state == TASK_RUNS)
        program_start(worker->resources.program, action->slot, &input);
    else
        report_task(worker, action->slot, action->seq, action->attempt, task, state);
}

/* Says why, if there is something to say. Where all went well, programs end first. A
 * launcher starts another worker in place of one that somebody else told to leave, and
 * knows it by its status. */
static void end(struct worker *worker, int status)
{
    const char *reason = session_exit_reason(worker->resources.session);
    outbox_flush(worker->resources.outbox);
    notices_on_end(reason, worker->resources.uplink);
    if (worker->status) /* results are in doubt */
        status = worker->status;
    bool well = !status;
    if (worker->signal && worker->options->common.supervised && well)
        status = STATUS_SIGNAL + worker->signal;
    leave(worker, status);
    worker->draining = well;
    worker->over = !well;
    if (well)
        program_drain(worker->resources.program);
}

static void act(struct worker *worker, const struct session_action *action)
{
    struct session *session = worker->resources.session;
    struct outbox *outbox = worker->resources.outbox;
    switch (action->kind) {
    case SESSION_CONNECT:
        leave_if(worker, connections_connect(&worker->resources));
        return;
    case SESSION_HELLO:
        outbox_hello(outbox, &worker->resources.identity, session, action);
        return;
    case SESSION_PING:
        outbox_ping(outbox, session, action);
        return;
    case SESSION_OPEN_LINK:
        leave_if(worker, connections_open(&worker->resources, worker->now_us));
        return;
    case SESSION_CLOSE_LINK:
        outbox_close_link(outbox);
        return;
    case SESSION_START:
        start(worker, action);
        return;
    case SESSION_KILL:
        program_kill(worker->resources.program, action->slot, action->seq,
                     action->attempt);
        return;
    case SESSION_RESULT:
        outbox_result(outbox, session, action);
        return;
    case SESSION_DONE:
        outbox_done(outbox, action, worker->now_us);
        return;
    case SESSION_FAILED:
        outbox_failed(outbox, action);
        return;
    case SESSION_RETURNED:
        outbox_returned(outbox, action);
        return;
    case SESSION_DROP:
        outbox_drop(outbox, action->cargo);
        return;
    case SESSION_DRAIN:
        program_drain(worker->resources.program);
        return;
    case SESSION_DRAINED:
        outbox_drained(outbox, action);
        return;
    case SESSION_DOUBT:
        outbox_doubt(outbox, session, action);
        return;
    case SESSION_GOODBYE:
        outbox_goodbye(outbox, action);
        return;
    case SESSION_LEAVE:
        end(worker, action->status);
        return;
    }
}

static int64_t settle(struct worker *worker)
{
    struct session *session = worker->resources.session;
    struct session_action action;
    int64_t failure_us = settle_failures(worker);
    int64_t deadline_us = session_tick(session, worker->now_us);
    while (!worker->over && session_next(session, &action))
        act(worker, &action);
    outbox_end_turn(worker->resources.outbox, worker->now_us);
    program_flush(worker->resources.program);
    return clock_earlier(failure_us, deadline_us);
}

/* ---- what comes in ---- */

static void receive_messages(struct worker *worker)
{
    struct resources *parts = &worker->resources;
    struct message message;
    for (int i = 0; i < MESSAGES_MAX && task_intake_next(parts, &message); i++) {
        if (message.type == MESSAGE_WELCOME)
            notices_on_welcome(&message, worker->resources.identity.program,
                               &worker->warned);
        if (message.type == MESSAGE_STOP && !worker->signal)
            notices_on_stop(&message, &worker->options->common,
                            worker->resources.program);
        if (message.type == MESSAGE_TASK)
            task_intake_tasks(&worker->resources, &message, worker->now_us);
        else if (message.type == MESSAGE_ISOLATE)
            task_intake_isolate(&worker->resources, &message, worker->now_us);
        else
            session_on_message(worker->resources.session, &message, worker->now_us);
    }
}

/* ---- the loop ---- */

static void wait_for_events(struct worker *worker, int64_t deadline_us)
{
    const struct resources *resources = &worker->resources;
    struct connection_monitor *monitors[] = {uplink_connection(resources->uplink),
                                             outbox_monitor(resources->outbox)};
    zsock_t *uplink = uplink_socket(resources->uplink);
    zmq_pollitem_t *items = worker->items;
    uint32_t own = 0;
    for (; own < 2; own++)
        items[own] = connection_monitor_item(monitors[own]);
    items[own++] = (zmq_pollitem_t){.fd = resources->signals, .events = ZMQ_POLLIN};
    items[own++] = (zmq_pollitem_t){.socket = uplink ? zsock_resolve(uplink) : NULL,
                                    .events = ZMQ_POLLIN};
    if (worker->leash.held)
        items[own++] = (zmq_pollitem_t){.fd = STDIN_FILENO, .events = ZMQ_POLLIN};
    deadline_us = clock_earlier(deadline_us, worker->leash.end_us);
    own += outbox_poll(resources->outbox, items + own);
    uint32_t count = program_poll(resources->program, items + own);
    zmq_poll(items, (int)(own + count), clock_poll_ms(worker->now_us, deadline_us, -1));
    worker->now_us = clock_now_us();
    for (uint32_t i = 0; i < 2; i++)
        if (items[i].revents)
            connection_monitor_wake(monitors[i]);
    program_handle(resources->program, items + own, count, worker->now_us);
}

static void loop(struct worker *worker)
{
    struct resources *parts = &worker->resources;
    while (!worker->over) {
        read_signals(worker);
        read_leash(worker);
        receive_messages(worker);
        leave_if(worker, connections_watch(parts, worker->now_us));
        int64_t now_us = worker->now_us, due_us = settle(worker);
        due_us = clock_earlier(due_us, walltime_tick(parts, now_us));
        due_us = clock_earlier(due_us, connections_tick(parts, now_us));
        int64_t hint_us = waiting_hint_tick(&worker->hint, parts->session, now_us);
        bool ends = worker->signal || worker->draining || worker->over;
        due_us = clock_earlier(due_us, service_report_tick(parts, ends, now_us));
        if (!worker->alive && session_finished(parts->session)) {
            worker->alive = true;
            notices_tell_alive(worker->options->alive_fd);
        }
        if (!worker->over)
            wait_for_events(worker, clock_earlier(due_us, hint_us));
    }
}

static void begin(struct worker *worker)
{
    const struct common_options *common = &worker->options->common;
    bool hints = !common->quiet && (!common->supervised || worker->options->leash);
    uint32_t items = OWN_ITEMS + program_poll_max(worker->resources.program);
    worker->items = allocate_zeroed(items, sizeof *worker->items);
    worker->now_us = clock_now_us();
    worker->resources.leave_us = walltime_find_us(worker->options, worker->now_us);
    leash_init(&worker->leash, worker->options->leash);
    waiting_hint_init(&worker->hint, hints ? worker->resources.uplink : NULL);
}

int worker_run(const struct worker_options *options)
{
    struct worker worker = {.options = options};
    struct program_events events = {
        .context = &worker,
        .done = on_done,
        .failed = on_failed,
        .unstarted = on_unstarted,
        .slot = on_slot,
        .doubt = on_doubt,
        .drained = on_drained,
        .broken = on_broken,
        .told = on_told,
    };
    worker.status = resources_open(&worker.resources, options, &events);
    if (worker.status == STATUS_OK) {
        begin(&worker);
        loop(&worker);
    }
    resources_close(&worker.resources, worker.signalled >= PATIENT_SIGNALS);
    preemption_deinit(&worker.preemption);
    free(worker.items);
    return worker.status;
}
