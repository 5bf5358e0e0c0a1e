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
#include "ventilator/failure_report.h"
#include "ventilator/progress.h"
#include "ventilator/recent_peers.h"
#include "ventilator/source.h"
#include "ventilator/store.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MESSAGES_MAX = 1000,         /* received in one iteration */
    CUT_CHUNKS_MAX = 4096,       /* cut in one iteration */
    CUT_BYTES_MAX = 4 << 20,     /* likewise; a chunk may go beyond */
    LOOK_AGAIN_BYTES = 64 << 10, /* cut on one answer of dispatch_wants */
    LOSSES_MAX = 10,             /* attempts lost with their workers, a chunk */
    TEXT_MAX = 4096,
};

enum input_state {
    INPUT_CLOSED, /* not to be read yet, or not any more */
    INPUT_READY,
    INPUT_WAITS, /* for source_fd to be readable */
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
    struct progress progress;
    struct recent_peers malformed; /* logged and answered */
    struct recent_peers different; /* workers that run something else, logged */
    enum input_state input;
    uint64_t total_bytes; /* of the input; 0: not known */
    uint64_t done_bytes;  /* of chunks whose results are written */
    bool over;
    int signalled; /* the first signal that came */
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

/* A file's, from where it is read; 0: nobody knows. */
static uint64_t find_total(const char *input)
{
    struct stat status;
    int result = input ? stat(input, &status) : fstat(STDIN_FILENO, &status);
    if (result < 0 || !S_ISREG(status.st_mode))
        return 0;
    off_t from = input ? 0 : lseek(STDIN_FILENO, 0, SEEK_CUR);
    return from >= 0 && from < status.st_size ? (uint64_t)(status.st_size - from) : 0;
}

static int open_source(struct ventilator *ventilator)
{
    char error[TEXT_MAX];
    const struct ventilator_options *options = ventilator->options;
    if (source_open(options->input, &options->chunker, &ventilator->source, error,
                    sizeof error) < 0) {
        say("%s", error);
        return STATUS_IO;
    }
    ventilator->total_bytes = find_total(options->input);
    ventilator->store = store_new(ventilator->source);
    if (source_is_terminal(ventilator->source) && !options->common.quiet)
        say("reading from the terminal; end with Ctrl-D");
    return STATUS_OK;
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
        .block_bytes = options->chunker.block_bytes,
        .keeps_bytes = !source_can_reread(ventilator->source),
        .retries = options->retries,
        .losses = LOSSES_MAX,
        .liveness_us = options->common.liveness_us,
        .min_workers = options->min_workers,
        .patience_us = options->common.patience_us,
    };
    ventilator->dispatch = dispatch_new(&config, now_us);
    int64_t liveness_ms = config.liveness_us / 1000;
    ventilator->delivery = delivery_new(&(struct delivery_config){
        .router = ventilator->router,
        .dispatch = ventilator->dispatch,
        .store = ventilator->store,
        .uid = config.uid,
        .liveness_ms = liveness_ms < UINT32_MAX ? (uint32_t)liveness_ms : UINT32_MAX,
        .sink_buffer_bytes = share,
        .format = "",
    });
    progress_init(&ventilator->progress, transport_endpoint(ventilator->router),
                  options->common.quiet, options->progress && !options->common.quiet,
                  options->min_workers, now_us);
}

/* STATUS_OK, or the exit status after saying why. */
static int make(struct ventilator *ventilator)
{
    int status = open_source(ventilator);
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

/* The first signal ends the run in good order, the second at once. */
static void read_signals(struct ventilator *ventilator, int64_t now_us)
{
    for (int number; (number = signals_next(ventilator->signals)) > 0;) {
        if (ventilator->signalled) {
            ventilator->over = true;
            return;
        }
        ventilator->signalled = number;
        dispatch_stop(ventilator->dispatch, OUTCOME_INTERRUPTED, STATUS_SIGNAL + number,
                      number == SIGINT   ? "interrupted"
                      : number == SIGHUP ? "hung up"
                                         : "terminated",
                      now_us);
    }
}

/* ---- cutting ---- */

static void stop_for_input(struct ventilator *ventilator, int64_t now_us)
{
    ventilator->input = INPUT_CLOSED;
    dispatch_stop(ventilator->dispatch, OUTCOME_STOPPED, STATUS_IO,
                  source_error(ventilator->source), now_us);
}

static void start_input(struct ventilator *ventilator, int64_t now_us)
{
    if (source_start(ventilator->source, dispatch_mark(ventilator->dispatch)))
        ventilator->input = INPUT_READY;
    else
        stop_for_input(ventilator, now_us);
}

/* One chunk; returns its length, 0 where there is none now. */
static uint64_t cut_chunk(struct ventilator *ventilator, int64_t now_us)
{
    struct chunk chunk;
    switch (source_next(ventilator->source, &chunk)) {
    case SOURCE_CHUNK:
        store_put(
            ventilator->store,
            dispatch_on_cut(ventilator->dispatch, chunk.length, chunk.records, now_us),
            &chunk);
        return chunk.length;
    case SOURCE_MORE:
        break;
    case SOURCE_WAITS:
        ventilator->input = INPUT_WAITS;
        break;
    case SOURCE_ENDED:
        ventilator->input = INPUT_CLOSED;
        dispatch_on_input_end(ventilator->dispatch);
        break;
    case SOURCE_FAILED:
        stop_for_input(ventilator, now_us);
        break;
    }
    return 0;
}

/* As many as dispatch wants. It is not asked after each small one, as it looks at all
 * workers to answer. */
static void cut_chunks(struct ventilator *ventilator, int64_t now_us)
{
    if (ventilator->input == INPUT_WAITS)
        ventilator->input = INPUT_READY;
    uint64_t bytes = 0, asked_at = 0;
    uint32_t wanted = 0;
    for (int i = 0; i < CUT_CHUNKS_MAX && bytes < CUT_BYTES_MAX; i++) {
        if (ventilator->input != INPUT_READY)
            return;
        if (wanted == 0 || bytes - asked_at >= LOOK_AGAIN_BYTES) {
            wanted = dispatch_wants(ventilator->dispatch);
            asked_at = bytes;
        }
        if (wanted == 0)
            return;
        uint64_t length = cut_chunk(ventilator, now_us);
        if (length == 0)
            return;
        bytes += length;
        wanted--;
    }
}

/* ---- what is to be done ---- */

static void check_delivery(struct ventilator *ventilator, enum delivery_outcome outcome,
                           int64_t now_us)
{
    if (outcome == DELIVERY_NO_BYTES)
        stop_for_input(ventilator, now_us);
}

static void discard(struct ventilator *ventilator, uint64_t seq, int64_t now_us)
{
    if (delivery_has_tasks(ventilator->delivery))
        check_delivery(ventilator, delivery_flush(ventilator->delivery, now_us),
                       now_us);
    const struct chunk *chunk = store_find(ventilator->store, seq);
    ventilator->done_bytes += chunk ? chunk->length : 0;
    store_discard(ventilator->store, seq);
}

static void carry_out(struct ventilator *ventilator, int64_t now_us)
{
    struct dispatch_action action;
    while (dispatch_next(ventilator->dispatch, &action)) {
        if (action.kind == DISPATCH_START)
            start_input(ventilator, now_us);
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
    bool wanted = ventilator->input != INPUT_CLOSED &&
                  dispatch_wants(ventilator->dispatch) > 0;
    if (wanted && ventilator->input == INPUT_READY)
        deadline_us = now_us;
    int count = wanted && ventilator->input == INPUT_WAITS ? 3 : 2;
    if (zmq_poll(items, count, clock_poll_ms(now_us, deadline_us, -1)) < 0 &&
        errno != EINTR)
        log_event(LOG_LEVEL_WARN, "poll_failed", "error=\"%s\"", zmq_strerror(errno));
}

static struct progress_bytes count_bytes(const struct ventilator *ventilator)
{
    return (struct progress_bytes){
        .read = source_bytes(ventilator->source),
        .done = ventilator->done_bytes,
        .total = ventilator->total_bytes,
    };
}

static void iterate(struct ventilator *ventilator)
{
    int64_t now_us = clock_now_us();
    receive_messages(ventilator, now_us);
    read_signals(ventilator, now_us);
    cut_chunks(ventilator, now_us);
    int64_t deadline_us = dispatch_tick(ventilator->dispatch, now_us);
    carry_out(ventilator, now_us);
    if (delivery_lost_peer(ventilator->delivery))
        deadline_us = now_us; /* its tasks can go to others at once */
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
    bool supervised = ventilator->options->common.supervised;
    if (verdict->status == STATUS_OUTPUT_CLOSED)
        return;
    if (verdict->status == STATUS_CHUNK_FAILED && failure)
        say("%s", failure_report(text, sizeof text, failure,
                                 store_find(ventilator->store, failure->seq)));
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
              " lost_sessions=%" PRIu64 " parked=%" PRIu64,
              status, counts.cut, counts.sent, counts.retried, counts.adopted,
              counts.returned, counts.failed, counts.lost_sessions, counts.parked);
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

int ventilator_run(const struct ventilator_options *options)
{
    struct ventilator ventilator = {.options = options, .signals = -1};
    envelope_init(&ventilator.envelope);
    int status = make(&ventilator);
    if (status == STATUS_OK) {
        while (!ventilator.over)
            iterate(&ventilator);
        status = finish(&ventilator);
    }
    destroy(&ventilator);
    /* The launcher says who it was that was terminated. */
    if (options->common.supervised && ventilator.signalled &&
        status == STATUS_SIGNAL + ventilator.signalled)
        signals_end_by(ventilator.signalled);
    return status;
}
