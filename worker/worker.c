/* SPDX-License-Identifier: MIT */
/*
 * The loop of the worker. Tasks come in by the uplink and lie on the session's ledger;
 * the program runs them in its slots; what the session wants said goes out by the
 * outbox. Nothing here decides what runs or what is sent again.
 */
#include "worker/worker.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/memory.h"
#include "common/place.h"
#include "common/signals.h"
#include "common/uplink.h"
#include "worker/identity.h"
#include "worker/outbox.h"
#include "worker/report.h"
#include "worker/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MESSAGES_MAX = 256, /* received in one iteration */
    HINT_US = 1000000,  /* of waiting, before a person is told */
    ERROR_MAX = 4096,
    PATIENT_SIGNALS = 2, /* the third ends it at once */
};

struct worker {
    const struct worker_options *options;
    struct place *place; /* NULL: an endpoint was given */
    const char *tasks;   /* the ventilator's endpoint */
    struct identity identity;
    bool warned; /* that another worker runs another program */
    struct program *program;
    struct uplink *uplink;
    struct outbox *outbox;
    struct session *session;
    zmq_pollitem_t *items;
    int signals; /* descriptor; -1: none */
    uint32_t signalled;
    int signal; /* the first one; 0: none */
    bool alive; /* the first task is done, and whoever wants to know was told */
    enum session_waits hinted;
    int64_t waiting_us; /* since when it waits for what it waits for */
    enum session_waits waits;
    int64_t now_us;
    bool over;
    int status; /* valid once over */
};

static void leave(struct worker *worker, int status)
{
    worker->over = true;
    worker->status = status;
}

/* ---- what the program says ----------------------------------------------------------
 */

static struct work *work_of(struct worker *worker, uint64_t seq)
{
    return session_cargo(worker->session, seq);
}

/* The session gets to know how far the work has come. */
static void tell(struct worker *worker, uint32_t slot, uint64_t seq, uint32_t attempt,
                 const struct work *work, enum work_state state)
{
    struct session *session = worker->session;
    switch (state) {
    case WORK_RUNS:
        session_on_part(session, slot, seq, attempt);
        return;
    case WORK_DONE:
        session_on_done(session, slot, seq, attempt, work->run_us);
        return;
    case WORK_FAILED:
        session_on_failed(session, slot, seq, attempt, work->run_us);
        return;
    }
}

static void on_done(void *context, uint32_t slot, uint64_t seq, uint32_t attempt,
                    uint64_t run_us, zmq_msg_t *result)
{
    struct worker *worker = context;
    if (!session_is_running(worker->session, slot, seq, attempt))
        return;
    struct work *work = work_of(worker, seq);
    tell(worker, slot, seq, attempt, work, work_on_done(work, run_us, result));
}

static void on_failed(void *context, uint32_t slot, uint64_t seq, uint32_t attempt,
                      uint64_t run_us, enum failure how, uint32_t code,
                      struct slice text)
{
    struct worker *worker = context;
    if (!session_is_running(worker->session, slot, seq, attempt))
        return;
    struct work *work = work_of(worker, seq);
    tell(worker, slot, seq, attempt, work,
         work_on_failed(work, run_us, how, code, text));
}

static void on_unstarted(void *context, uint32_t slot, uint64_t seq, uint32_t attempt)
{
    struct worker *worker = context;
    session_on_unstarted(worker->session, slot, seq, attempt);
}

static void on_slot(void *context, uint32_t slot, bool ready)
{
    struct worker *worker = context;
    session_on_slot(worker->session, slot, ready);
}

static void on_broken(void *context, int status, const char *text)
{
    struct worker *worker = context;
    say("%s", text);
    leave(worker, status);
}

/* ---- what the session wants done ----------------------------------------------------
 */

static void connect_uplink(struct worker *worker)
{
    if (uplink_socket(worker->uplink))
        log_event(LOG_LEVEL_WARN, "connecting_anew", "tasks=%s why=silence",
                  worker->tasks);
    int result = uplink_connect(worker->uplink);
    if (result == 0)
        return;
    say("cannot connect to %s: %s", worker->tasks, zmq_strerror(-result));
    leave(worker, result == -EINVAL ? STATUS_USAGE : STATUS_PEER);
}

/* What the monitor has to say; also once right after the opening, as what was true
 * before it watched wakes no poller. */
static void watch_way(struct worker *worker)
{
    struct connection_monitor *monitor = outbox_monitor(worker->outbox);
    enum connection_event event;
    while (monitor && (event = connection_monitor_next(monitor)) != CONNECTION_NONE) {
        bool open = event == CONNECTION_OPEN;
        log_event(LOG_LEVEL_DEBUG, "way", "open=%d", open);
        session_on_way(worker->session, open, worker->now_us);
    }
}

/* It is this host that lacks something, and another ventilator would not help. */
static bool is_ours(int result)
{
    return result == -EMFILE || result == -ENFILE || result == -ENOMEM;
}

static void open_way(struct worker *worker)
{
    program_set_max_result(worker->program, session_max_result(worker->session));
    int result = outbox_open_way(worker->outbox, session_endpoint(worker->session));
    if (is_ours(result)) {
        say("cannot open a socket for results: %s", zmq_strerror(-result));
        leave(worker, STATUS_IO);
        return;
    }
    if (result < 0) /* the session sees a way that stays shut */
        log_event(LOG_LEVEL_WARN, "no_way", "results=%s error=\"%s\"",
                  session_endpoint(worker->session), zmq_strerror(-result));
    watch_way(worker);
}

static void start(struct worker *worker, const struct session_action *action)
{
    struct work *work = action->cargo;
    struct program_task task = {
        .seq = action->seq,
        .attempt = action->attempt,
        .limit_ms = work->limit_ms,
        .header = session_header(worker->session),
    };
    enum work_state state = work_next(work, &task.input, &task.records);
    if (state == WORK_RUNS)
        program_start(worker->program, action->slot, &task);
    else
        tell(worker, action->slot, action->seq, action->attempt, work, state);
}

static void send_result(struct worker *worker, const struct session_action *action)
{
    struct id run = session_run(worker->session);
    outbox_result(worker->outbox, &run, session_epoch(worker->session), action->seq,
                  action->attempt, action->run_us, action->cargo);
}

static void part(struct worker *worker, int status)
{
    const char *farewell = session_farewell(worker->session);
    outbox_flush(worker->outbox);
    if (farewell[0])
        say("%s", farewell);
    leave(worker, worker->signal && !status ? STATUS_SIGNAL + worker->signal : status);
}

static void act(struct worker *worker, const struct session_action *action)
{
    switch (action->kind) {
    case SESSION_CONNECT:
        connect_uplink(worker);
        return;
    case SESSION_HELLO:
        report_hello(worker->outbox, &worker->identity, worker->options->slots,
                     worker->session, action->session);
        return;
    case SESSION_PING:
        report_ping(worker->outbox, worker->session, action->session);
        return;
    case SESSION_OPEN_WAY:
        open_way(worker);
        return;
    case SESSION_CLOSE_WAY:
        outbox_close_way(worker->outbox);
        return;
    case SESSION_START:
        start(worker, action);
        return;
    case SESSION_KILL:
        program_kill(worker->program, action->slot, action->seq, action->attempt);
        return;
    case SESSION_RESULT:
        send_result(worker, action);
        return;
    case SESSION_DONE:
        outbox_done(worker->outbox, action->session, action->seq, action->attempt,
                    action->run_us);
        return;
    case SESSION_FAILED:
        report_failed(worker->outbox, action);
        return;
    case SESSION_RETURNED:
        outbox_returned(worker->outbox, action->session, action->seq, action->attempt);
        return;
    case SESSION_DROP:
        outbox_drop(worker->outbox, action->cargo);
        return;
    case SESSION_GOODBYE:
        report_goodbye(worker->outbox, action->session);
        return;
    case SESSION_LEAVE:
        part(worker, action->status);
        return;
    }
}

static int64_t settle(struct worker *worker)
{
    struct session_action action;
    int64_t deadline_us = session_tick(worker->session, worker->now_us);
    while (!worker->over && session_next(worker->session, &action))
        act(worker, &action);
    outbox_flush(worker->outbox);
    program_flush(worker->program);
    return deadline_us;
}

/* ---- what comes in ------------------------------------------------------------------
 */

static void take_tasks(struct worker *worker, const struct message *message)
{
    size_t offset = 0;
    for (uint32_t i = 0; i < message->task.count; i++) {
        const struct task_entry *entry = &message->task.entries[i];
        struct work *work = work_new(entry, uplink_payload(worker->uplink), offset);
        offset += entry->length;
        if (!session_on_task(worker->session, message->task.session, entry, work,
                             worker->now_us))
            work_destroy(&work);
    }
}

static void take_isolate(struct worker *worker, const struct message *message)
{
    struct session *session = worker->session;
    struct parts_config config = {
        .format = session_format(session),
        .header_out = session_header_out(session),
        .max_result = session_max_result(session),
    };
    struct work *work =
        work_new_isolate(message, uplink_payload(worker->uplink), &config);
    if (!session_on_isolate(session, message, work, worker->now_us))
        work_destroy(&work);
}

/* Allowed, and hardly meant; said once. */
static void check_program(struct worker *worker, const struct message *message)
{
    if (message->welcome.program == 0 ||
        message->welcome.program == worker->identity.program || worker->warned)
        return;
    worker->warned = true;
    log_event(LOG_LEVEL_WARN, "program_differs",
              "why=\"the first worker of this run has another mode or command\"");
}

/* That the run did not end well is not this worker's fault, but explains its end. */
static void tell_stopped(const struct worker *worker, const struct message *message)
{
    char reason[512];
    struct slice text = message->stop.text;
    if (worker->options->common.supervised || worker->signal ||
        message->stop.outcome == OUTCOME_COMPLETE)
        return;
    if (text.size)
        say("the run was stopped: %s",
            log_quote(reason, sizeof reason, text.data, text.size));
    else
        say("the run was stopped");
}

static void receive_messages(struct worker *worker)
{
    struct message message;
    for (int i = 0; i < MESSAGES_MAX && uplink_receive(worker->uplink, &message); i++) {
        if (message.type == MESSAGE_WELCOME)
            check_program(worker, &message);
        if (message.type == MESSAGE_STOP)
            tell_stopped(worker, &message);
        if (message.type == MESSAGE_TASK)
            take_tasks(worker, &message);
        else if (message.type == MESSAGE_ISOLATE)
            take_isolate(worker, &message);
        else
            session_on_message(worker->session, &message, worker->now_us);
    }
}

/* The first drains, the second hands back at once, the third does not even do that. */
static void read_signals(struct worker *worker)
{
    for (int number; !worker->over && (number = signals_next(worker->signals)) > 0;) {
        if (!worker->signal)
            worker->signal = number;
        if (worker->signalled++ < PATIENT_SIGNALS)
            session_leave(worker->session, worker->now_us);
        else
            leave(worker, STATUS_SIGNAL + worker->signal);
    }
}

/* ---- people -------------------------------------------------------------------------
 */

static void tell_alive(struct worker *worker)
{
    int fd = worker->options->alive_fd;
    if (worker->alive || fd < 0 || !session_finished(worker->session))
        return;
    worker->alive = true;
    if (write(fd, "", 1) < 0)
        log_event(LOG_LEVEL_DEBUG, "alive_unsaid", "error=\"%s\"", strerror(errno));
}

/* Says what it waits for, once it has waited for a while; returns when to look again.
 */
static int64_t hint(struct worker *worker)
{
    enum session_waits waits = session_waits(worker->session);
    if (waits != worker->waits) {
        worker->waits = waits;
        worker->waiting_us = worker->now_us;
    }
    if (worker->options->common.quiet || worker->options->common.supervised ||
        waits == SESSION_WAITS_NOTHING || waits == worker->hinted)
        return NEVER_US;
    if (worker->now_us - worker->waiting_us < HINT_US)
        return worker->waiting_us + HINT_US;
    worker->hinted = waits;
    if (waits == SESSION_WAITS_VENTILATOR)
        say("waiting for a ventilator at %s", worker->tasks);
    else
        say("waiting for the sink at %s", session_endpoint(worker->session));
    return NEVER_US;
}

/* ---- the loop -----------------------------------------------------------------------
 */

static void *socket_or_null(zsock_t *socket)
{
    return socket ? zsock_resolve(socket) : NULL;
}

static void wait_for_events(struct worker *worker, int64_t deadline_us)
{
    struct connection_monitor *monitor = outbox_monitor(worker->outbox);
    zmq_pollitem_t *items = worker->items;
    uint32_t own = 0;
    items[own++] = (zmq_pollitem_t){.fd = worker->signals, .events = ZMQ_POLLIN};
    items[own++] = (zmq_pollitem_t){
        .socket = socket_or_null(uplink_socket(worker->uplink)), .events = ZMQ_POLLIN};
    if (monitor)
        items[own++] = (zmq_pollitem_t){
            .socket = socket_or_null(connection_monitor_socket(monitor)),
            .events = ZMQ_POLLIN};
    uint32_t count = program_poll(worker->program, items + own);
    zmq_poll(items, (int)(own + count), clock_poll_ms(worker->now_us, deadline_us, -1));
    worker->now_us = clock_now_us();
    program_handle(worker->program, items + own, count, worker->now_us);
}

static void loop(struct worker *worker)
{
    while (!worker->over) {
        read_signals(worker);
        receive_messages(worker);
        watch_way(worker);
        int64_t deadline_us = settle(worker);
        int64_t hint_us = hint(worker);
        tell_alive(worker);
        if (!worker->over)
            wait_for_events(worker, hint_us < deadline_us ? hint_us : deadline_us);
    }
}

/* ---- the beginning and the end ------------------------------------------------------
 */

/* The user's code comes first: before any thread or socket, and before anybody counts
 * on this worker. */
static int open_program(struct worker *worker)
{
    const struct worker_options *options = worker->options;
    char error[ERROR_MAX] = "";
    struct program_config config = {
        .mode = options->mode,
        .argv = options->command,
        .plugin = options->plugin,
        .slots = options->slots,
        .shell = options->shell,
        .workdir = options->workdir,
        .niceness = options->niceness,
        .memory_bytes = options->memory_bytes,
        .prepare_each = options->prepare_each,
        .silence_us = options->silence_us,
        .worker = worker->identity.uuid_text,
    };
    struct program_events events = {
        .context = worker,
        .done = on_done,
        .failed = on_failed,
        .unstarted = on_unstarted,
        .slot = on_slot,
        .broken = on_broken,
    };
    int status = program_open(&config, &events, &worker->program, error, sizeof error);
    if (status)
        say("%s", error);
    else
        worker->items = allocate_zeroed(program_poll_max(worker->program) + 3,
                                        sizeof *worker->items);
    return status;
}

static int find_tasks(struct worker *worker)
{
    const struct common_options *common = &worker->options->common;
    char error[ERROR_MAX] = "";
    int result;
    if (common->tasks) {
        worker->tasks = common->tasks;
        result = endpoint_check(common->tasks, common->insecure, error, sizeof error);
    } else {
        result = place_open(common->name, &worker->place, error, sizeof error);
        if (result == 0)
            worker->tasks = place_endpoint(worker->place, "tasks");
    }
    if (result == 0)
        return STATUS_OK;
    say("%s", error);
    return result == -EINVAL ? STATUS_USAGE : STATUS_IO;
}

static void open_session(struct worker *worker)
{
    const struct worker_options *options = worker->options;
    struct session_config config = {
        .uuid = worker->identity.uuid,
        .slots = options->slots,
        .depth = program_depth(worker->program),
        .monitor = true,
        .stay = options->stay,
        .liveness_us = options->common.liveness_us,
        .patience_us = options->common.patience_us,
    };
    worker->now_us = worker->waiting_us = clock_now_us();
    worker->waits = SESSION_WAITS_VENTILATOR;
    worker->hinted = SESSION_WAITS_NOTHING;
    worker->session = session_new(&config, worker->now_us);
}

static int open_all(struct worker *worker)
{
    identity_init(&worker->identity, worker->options);
    int status = find_tasks(worker);
    if (status == STATUS_OK)
        status = open_program(worker);
    if (status != STATUS_OK)
        return status;
    worker->signals = signals_open();
    if (worker->signals < 0) {
        say("cannot wait for signals: %s", strerror(-worker->signals));
        return STATUS_IO;
    }
    transport_init();
    worker->uplink = uplink_new(worker->tasks);
    worker->outbox = outbox_new(worker->uplink);
    open_session(worker);
    return STATUS_OK;
}

static void drop_work(void *cargo)
{
    struct work *work = cargo;
    work_destroy(&work);
}

static void close_all(struct worker *worker)
{
    program_close(&worker->program);
    session_destroy(&worker->session, drop_work);
    outbox_destroy(&worker->outbox);
    uplink_destroy(&worker->uplink);
    transport_deinit();
    place_close(&worker->place);
    free(worker->items);
    if (worker->signals >= 0)
        close(worker->signals);
}

int worker_run(const struct worker_options *options)
{
    struct worker worker = {.options = options, .signals = -1};
    worker.status = open_all(&worker);
    if (worker.status == STATUS_OK)
        loop(&worker);
    close_all(&worker);
    return worker.status;
}
