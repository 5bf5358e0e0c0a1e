/* SPDX-License-Identifier: MIT */
/*
 * Makes the parts, connects them and runs the loop, until dispatch says that the run is
 * over. Each iteration receives messages and signals, cuts some input, tells dispatch
 * the time, and carries out dispatch's actions. Only the poll at its end blocks.
 */
#include "ventilator/ventilator.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/net/transport.h"
#include "common/process/signals.h"
#include "common/protocol/protocol.h"
#include "common/records/record_format_text.h"
#include "ventilator/front.h"
#include "ventilator/inbox.h"
#include "ventilator/ingest.h"
#include "ventilator/inputs.h"
#include "ventilator/join_line.h"
#include "ventilator/outbox.h"
#include "ventilator/report/dry_run.h"
#include "ventilator/report/given_up_report.h"
#include "ventilator/report/job_log_process.h"
#include "ventilator/report/notices.h"
#include "ventilator/report/progress.h"
#include "ventilator/report/service_report.h"
#include "ventilator/report/verdict_report.h"
#include "ventilator/report/worker_report.h"
#include "ventilator/scheduler/dispatch.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 4096 };

struct ventilator {
    const struct ventilator_options *options;
    struct source *source;
    struct chunk_store *chunk_store;
    struct front *front;
    int signals; /* descriptor; -1: none */
    struct dispatch *dispatch;
    struct inbox *inbox;
    struct outbox *outbox;
    struct ingest ingest;
    struct progress progress;
    struct service_manager manager;
    struct job_log_process *job_log; /* NULL: none */
    struct committed_line committed;
    struct given_up_report given_up;
    char format[FORMAT_MAX_BYTES + 1]; /* of records, as WELCOME says it */
    bool over;
    int signals_seen;
    int signalled; /* the first one */
};

/* ---- making ---- */

static int open_transport(void)
{
    char error[TEXT_MAX] = "";
    if (transport_init(error, sizeof error) == 0)
        return STATUS_OK;
    say("%s", error);
    return STATUS_IO;
}

static int open_source(struct ventilator *ventilator)
{
    int status = inputs_open(ventilator->options, &ventilator->source);
    if (status == STATUS_OK)
        ventilator->chunk_store = chunk_store_new(ventilator->source);
    return status;
}

static int open_job_log(struct ventilator *ventilator)
{
    char error[TEXT_MAX];
    const struct ventilator_options *options = ventilator->options;
    struct job_log_config config = {.path = options->job_log,
                                    .append = options->resume,
                                    .inputs = options->inputs,
                                    .input_count = options->input_count};
    if (!options->job_log)
        return STATUS_OK;
    int result =
        job_log_process_start(&config, &ventilator->job_log, error, sizeof error);
    if (result == 0)
        return STATUS_OK;
    say("%s", error);
    return result == -EINVAL ? STATUS_USAGE : STATUS_IO;
}

static void make_ingest(struct ventilator *ventilator)
{
    const struct ventilator_options *options = ventilator->options;
    ventilator->ingest = (struct ingest){
        .source = ventilator->source,
        .chunk_store = ventilator->chunk_store,
        .dispatch = ventilator->dispatch,
        .timeout_us = options->block_timeout_us,
        .eager_us = options->block_eager_us,
        .at_once = options->at_once,
        .look = {.wanted = !options->records_said && !options->common.quiet}};
}

static void make_core(struct ventilator *ventilator, int64_t now_us)
{
    const struct ventilator_options *options = ventilator->options;
    /* The sink's share is the larger one, at least a byte: behind a slow output,
     * results as long as their chunks wait in it, and should not be spilled. */
    uint64_t share = options->buffer_bytes - options->buffer_bytes / 16 * 7;
    struct dispatch_config config =
        dispatch_config_of(options, !source_can_reread(ventilator->source), share);
    record_format_print(&options->chunker.format, ventilator->format);
    ventilator->dispatch = dispatch_new(&config, now_us);
    ventilator->inbox = inbox_new(front_router(ventilator->front),
                                  front_zap(ventilator->front), ventilator->dispatch,
                                  options->by_reference);
    int64_t liveness_ms = config.liveness_us / 1000;
    ventilator->outbox = outbox_new(&(struct outbox_config){
        .router = front_router(ventilator->front),
        .dispatch = ventilator->dispatch,
        .chunk_store = ventilator->chunk_store,
        .uid = config.uid,
        .liveness_ms = liveness_ms < UINT32_MAX ? (uint32_t)liveness_ms : UINT32_MAX,
        .sink_buffer_bytes = share,
        .header_out = options->header_out,
        .compression = options->compression,
        .by_value = options->by_value,
        .source = ventilator->source,
        .format = ventilator->format,
    });
    make_ingest(ventilator);
    progress_init(&ventilator->progress,
                  &(struct progress_config){
                      .endpoint = front_endpoint(ventilator->front),
                      .quiet = options->common.quiet,
                      .line = options->progress && !options->common.quiet,
                      .block_auto = options->chunker.block_auto,
                      .watched = options->common.supervised && !options->public_tasks,
                      .min_workers = options->min_workers,
                  },
                  now_us);
}

/* STATUS_OK, or the exit status after saying why. */
static int make(struct ventilator *ventilator)
{
    int status = open_source(ventilator);
    if (status == STATUS_OK)
        status = open_job_log(ventilator);
    if (status == STATUS_OK)
        status = front_new(ventilator->options, &ventilator->front);
    if (status != STATUS_OK)
        return status;
    ventilator->signals = signals_open(ventilator->options->common.supervised
                                           ? SIGNALS_FROM_LAUNCHER_FIRST
                                           : SIGNALS_FROM_PERSON);
    if (ventilator->signals < 0) {
        say("cannot wait for signals: %s", strerror(-ventilator->signals));
        return STATUS_IO;
    }
    status = open_transport();
    if (status == STATUS_OK)
        status = front_bind(ventilator->front, ventilator->options);
    if (status == STATUS_OK)
        status = inputs_connect(ventilator->source, ventilator->front);
    if (status == STATUS_OK)
        make_core(ventilator, clock_now_us());
    return status;
}

static void destroy(struct ventilator *ventilator)
{
    job_log_process_stop(&ventilator->job_log, ventilator->signals_seen > 1);
    inbox_destroy(&ventilator->inbox);
    outbox_destroy(&ventilator->outbox);
    dispatch_destroy(&ventilator->dispatch);
    if (ventilator->front)
        endpoint_file_remove(ventilator->options);
    front_close(&ventilator->front);
    chunk_store_destroy(&ventilator->chunk_store);
    source_destroy(&ventilator->source);
    transport_deinit();
    committed_line_deinit(&ventilator->committed);
    if (ventilator->signals >= 0)
        close(ventilator->signals);
}

/* ---- signals ---- */

/* A launcher that supervises says it itself: it alone knows which signal came first. */
static void say_draining(const struct ventilator *ventilator, const char *what)
{
    const struct common_options *options = &ventilator->options->common;
    uint32_t busy = dispatch_counts(ventilator->dispatch).busy;
    if (busy && !options->quiet && !options->supervised)
        say("%s: finishing %" PRIu32 " running chunk%s; again to stop at once", what,
            busy, busy == 1 ? "" : "s");
}

/* After the first, workers finish the running chunks; the second ends the run at once;
 * the third ends this program, whoever else is still there. The first is the reason. */
static void on_signal(struct ventilator *ventilator, int number, int64_t now_us)
{
    if (++ventilator->signals_seen == 1)
        ventilator->signalled = number;
    else
        log_hurry();
    int first = ventilator->signalled, status = STATUS_SIGNAL + first;
    const char *what = first == SIGINT   ? "interrupted"
                       : first == SIGHUP ? "hung up"
                                         : "terminated";
    switch (ventilator->signals_seen) {
    case 1:
        if (ingest_drain(&ventilator->ingest))
            break;
        say_draining(ventilator, what);
        dispatch_drain(ventilator->dispatch, OUTCOME_INTERRUPTED, status, what);
        break;
    case 2:
        dispatch_stop(ventilator->dispatch, OUTCOME_INTERRUPTED, status, what, now_us);
        break;
    default:
        ventilator->over = true;
    }
}

static void read_signals(struct ventilator *ventilator, int64_t now_us)
{
    for (int number; (number = signals_next(ventilator->signals)) > 0;)
        on_signal(ventilator, number, now_us);
}

/* ---- actions ---- */

static void on_outcome(struct ventilator *ventilator, enum outbox_outcome outcome,
                       int64_t now_us)
{
    if (outcome == OUTBOX_NO_BYTES)
        ingest_fail(&ventilator->ingest, now_us);
}

static void discard(struct ventilator *ventilator, uint64_t seq, int64_t now_us)
{
    if (outbox_has_tasks(ventilator->outbox))
        on_outcome(ventilator, outbox_flush(ventilator->outbox, now_us), now_us);
    ingest_discard(&ventilator->ingest, seq);
    committed_line_set(&ventilator->committed, ventilator->ingest.committed);
}

static void start(struct ventilator *ventilator, int64_t now_us)
{
    job_log_process_begin(ventilator->job_log);
    if (front_publish(ventilator->front, ventilator->options,
                      dispatch_results(ventilator->dispatch)) != STATUS_OK)
        log_event(LOG_LEVEL_WARN, "endpoint_file", "results=unwritten");
    ingest_start(&ventilator->ingest, now_us);
    if (ventilator->ingest.committed.seq > 0)
        committed_line_set(&ventilator->committed, ventilator->ingest.committed);
}

/* A chunk that was given up. */
static void skip(struct ventilator *ventilator, const struct dispatch_action *action)
{
    const struct chunk *chunk =
        chunk_store_find(ventilator->chunk_store, action->failure->seq);
    given_up_report_say(&ventilator->given_up, action->failure, chunk,
                        chunk ? source_name(ventilator->source, chunk->input) : NULL);
}

static void carry_out(struct ventilator *ventilator, int64_t now_us)
{
    struct dispatch_action action;
    char text[TEXT_MAX];
    while (dispatch_next(ventilator->dispatch, &action)) {
        if (action.kind == DISPATCH_SKIP)
            skip(ventilator, &action);
        if (action.kind == DISPATCH_START)
            start(ventilator, now_us);
        else if (action.kind == DISPATCH_DISCARD)
            discard(ventilator, action.seq, now_us);
        else if (action.kind == DISPATCH_NOTICE)
            notices_say(&action);
        else if (action.kind == DISPATCH_OVER)
            ventilator->over = true;
        else if (action.kind == DISPATCH_ASIDE || action.kind == DISPATCH_BACK)
            say("%s", worker_report(text, sizeof text, &action));
        else
            on_outcome(ventilator, outbox_do(ventilator->outbox, &action, now_us),
                       now_us);
    }
    on_outcome(ventilator, outbox_flush(ventilator->outbox, now_us), now_us);
}

/* ---- the loop ---- */

/* Sleeps until something comes in, or until the deadline. A file is always ready to be
 * cut. */
static void wait_for_events(struct ventilator *ventilator, int64_t now_us,
                            int64_t deadline_us)
{
    struct zap *zap = front_zap(ventilator->front);
    zsock_t *sockets[] = {front_router(ventilator->front), zap_socket(zap),
                          zap_watch_socket(zap)};
    zmq_pollitem_t items[] = {
        [3] = {.fd = ventilator->signals, .events = ZMQ_POLLIN},
        [4] = {.fd = front_places_descriptor(ventilator->front), .events = ZMQ_POLLIN},
        [5] = {.fd = front_keys_descriptor(ventilator->front), .events = ZMQ_POLLIN},
        [6] = {.fd = front_input_keys_descriptor(ventilator->front),
               .events = ZMQ_POLLIN},
        [7] = {.fd = ventilator->committed.fd, .events = ZMQ_POLLOUT},
        [8] = {.socket = source_socket(ventilator->source),
               .fd = source_fd(ventilator->source),
               .events = ZMQ_POLLIN},
    };
    for (int i = 0; i < 3; i++)
        items[i] = (zmq_pollitem_t){sockets[i] ? zsock_resolve(sockets[i]) : NULL, -1,
                                    ZMQ_POLLIN, 0};
    if (!committed_line_write(&ventilator->committed))
        items[7].fd = -1;
    enum ingest_state ingest = ventilator->ingest.state;
    bool wanted = ingest != INGEST_CLOSED && dispatch_wants(ventilator->dispatch) > 0;
    int64_t ingest_us = ingest_deadline(&ventilator->ingest);
    if (wanted && ingest == INGEST_READY)
        deadline_us = now_us;
    else if (wanted && ingest_us < deadline_us)
        deadline_us = ingest_us;
    int count = wanted && ingest == INGEST_WAITS ? 9 : 8;
    if (zmq_poll(items, count, clock_poll_ms(now_us, deadline_us, -1)) < 0 &&
        errno != EINTR)
        log_event(LOG_LEVEL_WARN, "poll_failed", "error=\"%s\"", zmq_strerror(errno));
}

static struct progress_bytes count_bytes(const struct ventilator *ventilator)
{
    return (struct progress_bytes){
        .read = source_bytes(ventilator->source),
        .before = source_bytes_before(ventilator->source),
        .done = ventilator->ingest.done_bytes,
        .total = source_total(ventilator->source),
        .checks = source_checks(ventilator->source),
        .starved = ventilator->ingest.state == INGEST_WAITS,
    };
}

/* Returns when it must be called again. */
static int64_t log_completions(struct ventilator *ventilator, int64_t now_us)
{
    struct completion completion;
    while (dispatch_next_completion(ventilator->dispatch, &completion))
        job_log_process_add(ventilator->job_log, &completion);
    return job_log_process_tick(ventilator->job_log, now_us);
}

static void iterate(struct ventilator *ventilator)
{
    struct dispatch *dispatch = ventilator->dispatch;
    int64_t now_us = clock_now_us();
    inbox_receive(ventilator->inbox, now_us);
    read_signals(ventilator, now_us);
    ingest_cut(&ventilator->ingest, now_us);
    int64_t deadline_us = dispatch_tick(dispatch, now_us);
    carry_out(ventilator, now_us);
    if (outbox_lost_peer(ventilator->outbox))
        deadline_us = now_us; /* other workers can have its tasks at once */
    deadline_us = clock_earlier(deadline_us, log_completions(ventilator, now_us));
    deadline_us = clock_earlier(
        deadline_us, front_tick(ventilator->front, &ventilator->ingest, now_us));
    struct progress_bytes bytes = count_bytes(ventilator);
    int64_t progress_us =
        progress_tick(&ventilator->progress, dispatch, &bytes, now_us);
    bool ends = ventilator->over || ventilator->signals_seen;
    int64_t told_us = service_report_tick(&ventilator->manager, dispatch, ends, now_us);
    deadline_us = clock_earlier(deadline_us, clock_earlier(progress_us, told_us));
    if (!ventilator->over)
        wait_for_events(ventilator, now_us, deadline_us);
}

/* The sentence about the chunk whose failure ended the run; NULL: none did. */
static const char *describe_failure(const struct ventilator *ventilator, char *text,
                                    size_t size)
{
    const struct dispatch_failure *failure = dispatch_failure(ventilator->dispatch);
    if (!failure)
        return NULL;
    const struct chunk *chunk = chunk_store_find(ventilator->chunk_store, failure->seq);
    return failure_report(text, size, failure, chunk,
                          chunk ? source_name(ventilator->source, chunk->input) : NULL);
}

static int finish(struct ventilator *ventilator)
{
    char text[FAILURE_REPORT_MAX];
    struct progress_bytes bytes = count_bytes(ventilator);
    progress_end(&ventilator->progress, ventilator->dispatch, &bytes, clock_now_us());
    struct verdict verdict = dispatch_verdict(ventilator->dispatch);
    if (verdict.outcome == OUTCOME_COMPLETE) {
        ingest_discard_all(&ventilator->ingest);
        committed_line_set(&ventilator->committed, ventilator->ingest.committed);
    }
    committed_line_end(&ventilator->committed);
    if (verdict.outcome != OUTCOME_INTERRUPTED &&
        csv_look_found(&ventilator->ingest.look))
        say("hint: there are line ends within quotes, as in csv: --format csv keeps "
            "each of these records whole");
    struct dispatch_counts counts = dispatch_counts(ventilator->dispatch);
    verdict_report_say(&verdict, describe_failure(ventilator, text, sizeof text),
                       ventilator->options->common.supervised);
    verdict_report_log(&verdict, &counts);
    return verdict.status;
}

static int list_chunks(struct ventilator *ventilator)
{
    int status = open_source(ventilator);
    return status == STATUS_OK ? dry_run(ventilator->source) : status;
}

static int run(struct ventilator *ventilator)
{
    int status = make(ventilator);
    while (status == STATUS_OK && !ventilator->over)
        iterate(ventilator);
    return status == STATUS_OK ? finish(ventilator) : status;
}

int ventilator_run(const struct ventilator_options *options)
{
    struct ventilator ventilator = {.options = options, .signals = -1};
    service_manager_open(&ventilator.manager, clock_now_us());
    committed_line_init(&ventilator.committed, options->committed_fd);
    int status = options->dry_run ? list_chunks(&ventilator) : run(&ventilator);
    destroy(&ventilator);
    /* The launcher sees by the signal that this program was terminated, and says so. */
    if (options->common.supervised && ventilator.signalled &&
        status == STATUS_SIGNAL + ventilator.signalled)
        signals_end_by(ventilator.signalled);
    return status;
}
