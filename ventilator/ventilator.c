/* SPDX-License-Identifier: MIT */
/*
 * Makes the parts, connects them and runs the loop, until dispatch says that the run is
 * over. Each iteration: what came in (messages, signals), what is to be cut, the time,
 * and then all that dispatch wants done. Nothing in it blocks but the poll at its end.
 */
#include "ventilator/ventilator.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/place.h"
#include "common/protocol.h"
#include "common/signals.h"
#include "common/transport.h"
#include "ventilator/delivery.h"
#include "ventilator/dispatch.h"
#include "ventilator/dry_run.h"
#include "ventilator/failure_report.h"
#include "ventilator/feed.h"
#include "ventilator/job_log.h"
#include "ventilator/progress.h"
#include "ventilator/recent_peers.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    MESSAGES_MAX = 1000, /* received in one iteration */
    LOSSES_MAX = 10,     /* attempts lost with their workers, a chunk */
    TEXT_MAX = 4096,
};

struct ventilator {
    const struct ventilator_options *options;
    struct place *place; /* NULL: an endpoint was given */
    struct source *source;
    struct store *store;
    zsock_t *router;
    int signals; /* descriptor; -1: none */
    struct decoder *decoder;
    struct envelope envelope;
    struct dispatch *dispatch;
    struct delivery *delivery;
    struct feed feed;
    struct progress progress;
    struct job_log *job_log;           /* NULL: none */
    struct recent_peers malformed;     /* logged and answered */
    struct recent_peers different;     /* workers that run something else, logged */
    char format[FORMAT_MAX_BYTES + 1]; /* of records, as workers are told it */
    bool over;
    int signals_seen;
    int signalled; /* the first one */
};

/* ---- making ---- */

static int find_endpoint(struct ventilator *ventilator, const char **ret_endpoint)
{
    const struct common_options *options = &ventilator->options->common;
    char error[TEXT_MAX] = "";
    int result;
    if (options->tasks) {
        *ret_endpoint = options->tasks;
        result = endpoint_check(options->tasks, options->insecure, error, sizeof error);
    } else {
        result = place_open(options->name, &ventilator->place, error, sizeof error);
        if (result == 0)
            result = place_lock(ventilator->place, "ventilator", error, sizeof error);
        if (result == 0)
            *ret_endpoint = place_endpoint(ventilator->place, "tasks");
    }
    if (result == 0)
        return STATUS_OK;
    say("%s", error);
    return result == -EINVAL  ? STATUS_USAGE
           : result == -EBUSY ? STATUS_PEER
                              : STATUS_IO;
}

static int open_router(struct ventilator *ventilator)
{
    const char *endpoint;
    int status = find_endpoint(ventilator, &endpoint);
    if (status != STATUS_OK)
        return status;
    ventilator->router = transport_bind_router(endpoint, HEADER_MAX);
    if (ventilator->router) {
        log_event(LOG_LEVEL_INFO, "bound", "tasks=%s",
                  transport_endpoint(ventilator->router));
        return STATUS_OK;
    }
    int error = errno;
    say("cannot bind %s: %s", endpoint, transport_bind_text(error));
    return error == EADDRINUSE ? STATUS_PEER : STATUS_USAGE;
}

static int open_source(struct ventilator *ventilator)
{
    char error[TEXT_MAX];
    const struct ventilator_options *options = ventilator->options;
    struct source_config config = {
        .paths = options->inputs,
        .count = options->input_count,
        .chunker = options->chunker,
        .header_lines = options->header_lines,
        .header_out = options->header_out,
        .whole_files = options->whole_files,
        .as_it_is = options->as_it_is,
    };
    if (source_open(&config, &ventilator->source, error, sizeof error) < 0) {
        say("%s", error);
        return STATUS_IO;
    }
    ventilator->store = store_new(ventilator->source);
    if (source_is_terminal(ventilator->source) && !options->common.quiet)
        say("reading from the terminal; end with Ctrl-D");
    return STATUS_OK;
}

static int open_job_log(struct ventilator *ventilator)
{
    char error[TEXT_MAX];
    const struct ventilator_options *options = ventilator->options;
    struct job_log_config config = {
        .path = options->job_log,
        .append = options->resume,
        .inputs = options->inputs,
        .input_count = options->input_count,
    };
    if (!options->job_log)
        return STATUS_OK;
    int result = job_log_open(&config, &ventilator->job_log, error, sizeof error);
    if (result == 0)
        return STATUS_OK;
    say("%s", error);
    return result == -EINVAL ? STATUS_USAGE : STATUS_IO;
}

static void make_core(struct ventilator *ventilator, int64_t now_us)
{
    const struct ventilator_options *options = ventilator->options;
    /* The sink's part is the larger one, and at least a byte, as 0 says nothing:
     * results as long as their chunks, all of them there because the output is slow,
     * are not to be spilled. */
    uint64_t share = options->buffer_bytes - options->buffer_bytes / 16 * 7;
    struct dispatch_config config = {
        .uid = id_random(),
        .window = options->window,
        .buffer_bytes = options->buffer_bytes - share,
        .block_bytes = options->block_most,
        .block_auto = options->chunker.block_auto,
        .keeps_bytes = !source_can_reread(ventilator->source),
        .retries = options->retries,
        .losses = LOSSES_MAX,
        .liveness_us = options->common.liveness_us,
        .on_error = options->on_error,
        .halt = options->halt,
        .limit_ms = options->limit_ms,
        .limit_percent = options->limit_percent,
        .speculate = options->speculate,
        .resume = options->resume,
        .tells_ends = options->job_log,
        .awaits_header = options->header_lines > 0,
        .min_workers = options->min_workers,
        .patience_us = options->common.patience_us,
    };
    record_format_print(&options->chunker.format, ventilator->format);
    ventilator->dispatch = dispatch_new(&config, now_us);
    int64_t liveness_ms = config.liveness_us / 1000;
    ventilator->delivery = delivery_new(&(struct delivery_config){
        .router = ventilator->router,
        .dispatch = ventilator->dispatch,
        .store = ventilator->store,
        .uid = config.uid,
        .liveness_ms = liveness_ms < UINT32_MAX ? (uint32_t)liveness_ms : UINT32_MAX,
        .sink_buffer_bytes = share,
        .header_out = options->header_out,
        .source = ventilator->source,
        .format = ventilator->format,
    });
    ventilator->feed = (struct feed){.source = ventilator->source,
                                     .store = ventilator->store,
                                     .dispatch = ventilator->dispatch,
                                     .timeout_us = options->block_timeout_us};
    progress_init(&ventilator->progress, transport_endpoint(ventilator->router),
                  options->common.quiet, options->progress && !options->common.quiet,
                  options->min_workers, now_us);
}

/* STATUS_OK, or the exit status after saying why. */
static int make(struct ventilator *ventilator)
{
    int status = open_source(ventilator);
    if (status == STATUS_OK)
        status = open_job_log(ventilator);
    if (status != STATUS_OK)
        return status;
    ventilator->signals = signals_open();
    if (ventilator->signals < 0) {
        say("cannot wait for signals: %s", strerror(-ventilator->signals));
        return STATUS_IO;
    }
    transport_init();
    status = open_router(ventilator);
    if (status != STATUS_OK)
        return status;
    ventilator->decoder = decoder_new();
    make_core(ventilator, clock_now_us());
    return STATUS_OK;
}

static void destroy(struct ventilator *ventilator)
{
    job_log_destroy(&ventilator->job_log);
    delivery_destroy(&ventilator->delivery);
    dispatch_destroy(&ventilator->dispatch);
    decoder_destroy(&ventilator->decoder);
    envelope_deinit(&ventilator->envelope);
    transport_close_bound(&ventilator->router);
    store_destroy(&ventilator->store);
    source_destroy(&ventilator->source);
    transport_deinit();
    place_close(&ventilator->place);
    if (ventilator->signals >= 0)
        close(ventilator->signals);
}

/* ---- what came in ---- */

static void on_malformed(struct ventilator *ventilator, const char *why)
{
    uint32_t peer = ventilator->envelope.peer;
    if (!recent_peers_add(&ventilator->malformed, peer))
        return;
    log_event(LOG_LEVEL_WARN, "malformed", "peer=%" PRIu32 " error=\"%s\"", peer, why);
    dispatch_on_malformed(ventilator->dispatch, peer);
}

/* A worker that runs something else than the first one: allowed, and hardly meant. */
static void check_program(struct ventilator *ventilator, const struct message *message)
{
    char host[512], command[512];
    uint64_t first = dispatch_program(ventilator->dispatch);
    if (message->hello_worker.version != PROTOCOL_VERSION || first == 0 ||
        message->hello_worker.program == first ||
        !recent_peers_add(&ventilator->different, ventilator->envelope.peer))
        return;
    log_event(LOG_LEVEL_WARN, "program_differs", "host=%s pid=%" PRIu32 " command=%s",
              log_quote(host, sizeof host, message->hello_worker.host.data,
                        message->hello_worker.host.size),
              message->hello_worker.pid,
              log_quote(command, sizeof command, message->hello_worker.command.data,
                        message->hello_worker.command.size));
}

static void on_envelope(struct ventilator *ventilator, int64_t now_us)
{
    struct envelope *envelope = &ventilator->envelope;
    struct message message;
    if (envelope->frames > 2) {
        on_malformed(ventilator, "too many frames");
        return;
    }
    enum decode_error error = decoder_read(
        ventilator->decoder, zmq_msg_data(&envelope->header),
        zmq_msg_size(&envelope->header),
        envelope->frames == 2 ? zmq_msg_size(&envelope->payload) : PAYLOAD_NONE,
        &message);
    if (error != DECODE_NONE) {
        on_malformed(ventilator, decode_error_text(error));
        return;
    }
    if (!dispatch_hears(message.type)) {
        on_malformed(ventilator, "not for a ventilator");
        return;
    }
    log_event(LOG_LEVEL_TRACE, "received", "type=%s peer=%" PRIu32,
              message_type_name(message.type), envelope->peer);
    dispatch_on_message(ventilator->dispatch, envelope->peer, &message, now_us);
    if (message.type == MESSAGE_HELLO_WORKER)
        check_program(ventilator, &message);
}

static void receive_messages(struct ventilator *ventilator, int64_t now_us)
{
    for (int i = 0; i < MESSAGES_MAX; i++) {
        int result =
            transport_receive_router(ventilator->router, &ventilator->envelope);
        if (result < 0)
            log_event(LOG_LEVEL_WARN, "receive_failed", "error=\"%s\"",
                      zmq_strerror(-result));
        if (result <= 0)
            return;
        on_envelope(ventilator, now_us);
    }
}

/* ---- signals ---- */

/* A launcher has said so: it alone knows which signal it was that came first. */
static void say_draining(const struct ventilator *ventilator, const char *what)
{
    const struct common_options *options = &ventilator->options->common;
    uint32_t busy = dispatch_counts(ventilator->dispatch).busy;
    if (busy && !options->quiet && !options->supervised)
        say("%s: finishing %" PRIu32 " chunk%s that run%s; again to stop at once", what,
            busy, busy == 1 ? "" : "s", busy == 1 ? "s" : "");
}

/* The first lets what runs be finished, the second ends the run without it, the third
 * ends this program, whoever else is still there. The first says why. */
static void on_signal(struct ventilator *ventilator, int number, int64_t now_us)
{
    if (++ventilator->signals_seen == 1)
        ventilator->signalled = number;
    int first = ventilator->signalled, status = STATUS_SIGNAL + first;
    const char *what = first == SIGINT   ? "interrupted"
                       : first == SIGHUP ? "hung up"
                                         : "terminated";
    switch (ventilator->signals_seen) {
    case 1:
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

/* ---- what is to be done ---- */

static void check_delivery(struct ventilator *ventilator, enum delivery_outcome outcome,
                           int64_t now_us)
{
    if (outcome == DELIVERY_NO_BYTES)
        feed_fail(&ventilator->feed, now_us);
}

static void discard(struct ventilator *ventilator, uint64_t seq, int64_t now_us)
{
    if (delivery_has_tasks(ventilator->delivery))
        check_delivery(ventilator, delivery_flush(ventilator->delivery, now_us),
                       now_us);
    feed_discard(&ventilator->feed, seq);
}

static void start(struct ventilator *ventilator, int64_t now_us)
{
    if (ventilator->job_log)
        job_log_begin(ventilator->job_log);
    feed_start(&ventilator->feed, now_us);
}

static void carry_out(struct ventilator *ventilator, int64_t now_us)
{
    struct dispatch_action action;
    while (dispatch_next(ventilator->dispatch, &action)) {
        if (action.kind == DISPATCH_START)
            start(ventilator, now_us);
        else if (action.kind == DISPATCH_DISCARD)
            discard(ventilator, action.seq, now_us);
        else if (action.kind == DISPATCH_OVER)
            ventilator->over = true;
        else
            check_delivery(ventilator,
                           delivery_do(ventilator->delivery, &action, now_us), now_us);
    }
    check_delivery(ventilator, delivery_flush(ventilator->delivery, now_us), now_us);
}

/* ---- the loop ---- */

/* Sleeps until something comes in, or until the deadline. A file that may be cut is
 * always ready. */
static void wait_for_events(struct ventilator *ventilator, int64_t now_us,
                            int64_t deadline_us)
{
    zmq_pollitem_t items[] = {
        {.socket = zsock_resolve(ventilator->router), .events = ZMQ_POLLIN},
        {.fd = ventilator->signals, .events = ZMQ_POLLIN},
        {.fd = source_fd(ventilator->source), .events = ZMQ_POLLIN},
    };
    enum feed_state feed = ventilator->feed.state;
    bool wanted = feed != FEED_CLOSED && dispatch_wants(ventilator->dispatch) > 0;
    int64_t feed_us = feed_deadline(&ventilator->feed);
    if (wanted && feed == FEED_READY)
        deadline_us = now_us;
    else if (wanted && feed_us < deadline_us)
        deadline_us = feed_us;
    int count = wanted && feed == FEED_WAITS ? 3 : 2;
    if (zmq_poll(items, count, clock_poll_ms(now_us, deadline_us, -1)) < 0 &&
        errno != EINTR)
        log_event(LOG_LEVEL_WARN, "poll_failed", "error=\"%s\"", zmq_strerror(errno));
}

static struct progress_bytes count_bytes(const struct ventilator *ventilator)
{
    return (struct progress_bytes){
        .read = source_bytes(ventilator->source),
        .done = ventilator->feed.done_bytes,
        .total = source_total(ventilator->source),
        .checks = source_checks(ventilator->source),
    };
}

/* Returns when it wants to be called again. */
static int64_t log_ends(struct ventilator *ventilator, int64_t now_us)
{
    struct dispatch_end end;
    if (!ventilator->job_log)
        return NEVER_US;
    while (dispatch_next_end(ventilator->dispatch, &end))
        job_log_add(ventilator->job_log, &end, now_us);
    return job_log_tick(ventilator->job_log, now_us);
}

static void iterate(struct ventilator *ventilator)
{
    int64_t now_us = clock_now_us();
    receive_messages(ventilator, now_us);
    read_signals(ventilator, now_us);
    feed_cut(&ventilator->feed, now_us);
    int64_t deadline_us = dispatch_tick(ventilator->dispatch, now_us);
    carry_out(ventilator, now_us);
    if (delivery_lost_peer(ventilator->delivery))
        deadline_us = now_us; /* its tasks can go to others at once */
    int64_t log_us = log_ends(ventilator, now_us);
    if (log_us < deadline_us)
        deadline_us = log_us;
    struct progress_bytes bytes = count_bytes(ventilator);
    int64_t speak_us =
        progress_tick(&ventilator->progress, ventilator->dispatch, &bytes, now_us);
    if (!ventilator->over)
        wait_for_events(ventilator, now_us,
                        speak_us < deadline_us ? speak_us : deadline_us);
}

static void say_verdict(const struct ventilator *ventilator,
                        const struct verdict *verdict)
{
    char text[TEXT_MAX];
    const struct dispatch_failure *failure = dispatch_failure(ventilator->dispatch);
    const struct chunk *chunk = failure ? store_find(ventilator->store, failure->seq)
                                        : NULL;
    bool supervised = ventilator->options->common.supervised;
    if (verdict->status == STATUS_OUTPUT_CLOSED)
        return;
    if (verdict->status == STATUS_CHUNK_FAILED && failure)
        say("%s", failure_report(text, sizeof text, failure, chunk,
                                 chunk ? source_name(ventilator->source, chunk->input)
                                       : NULL));
    else if (supervised &&
             (verdict->relayed || verdict->outcome == OUTCOME_INTERRUPTED))
        log_event(LOG_LEVEL_INFO, "said_elsewhere", "status=%d", verdict->status);
    else if (verdict->relayed && verdict->text[0])
        say("the sink ended the run: %s",
            log_quote(text, sizeof text, verdict->text, strlen(verdict->text)));
    else if (verdict->text[0])
        say("%s", verdict->text);
}

static void log_end(const struct ventilator *ventilator, int status)
{
    struct dispatch_counts counts = dispatch_counts(ventilator->dispatch);
    log_event(LOG_LEVEL_INFO, "end",
              "status=%d cut=%" PRIu64 " sent=%" PRIu64 " retried=%" PRIu64
              " adopted=%" PRIu64 " returned=%" PRIu64 " failed=%" PRIu64
              " given_up=%" PRIu64 " dead=%" PRIu64 " speculated=%" PRIu64
              " lost_sessions=%" PRIu64 " parked=%" PRIu64,
              status, counts.cut, counts.sent, counts.retried, counts.adopted,
              counts.returned, counts.failed, counts.given_up, counts.dead,
              counts.speculated, counts.lost_sessions, counts.parked);
}

static int finish(struct ventilator *ventilator)
{
    struct progress_bytes bytes = count_bytes(ventilator);
    progress_end(&ventilator->progress, ventilator->dispatch, &bytes, clock_now_us());
    struct verdict verdict = dispatch_verdict(ventilator->dispatch);
    say_verdict(ventilator, &verdict);
    log_end(ventilator, verdict.status);
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
    if (status != STATUS_OK)
        return status;
    while (!ventilator->over)
        iterate(ventilator);
    return finish(ventilator);
}

int ventilator_run(const struct ventilator_options *options)
{
    struct ventilator ventilator = {.options = options, .signals = -1};
    envelope_init(&ventilator.envelope);
    int status = options->dry_run ? list_chunks(&ventilator) : run(&ventilator);
    destroy(&ventilator);
    /* The launcher says who it was that was terminated. */
    if (options->common.supervised && ventilator.signalled &&
        status == STATUS_SIGNAL + ventilator.signalled)
        signals_end_by(ventilator.signalled);
    return status;
}
