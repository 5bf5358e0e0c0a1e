/* SPDX-License-Identifier: MIT */
/*
 * Takes what has come, syncs it, answers, tells the ventilator, waits. While a sync
 * takes its time more messages come, so groups are as large as the disk is slow.
 *
 *     TAKING --drain--> DRAINING --nothing has come--> OVER
 *        \---the message that ends it, or nothing for too long---^
 */
#include "ventilator/source/receive/receiver.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/net/zap.h"
#include "common/process/signals.h"
#include "ventilator/source/receive/message_intake.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    GROUP_MESSAGES = 4096, /* that are synced at once */
    GROUP_BYTES = 4 << 20,
    ROOM_US = 1000000,       /* between two looks whether the disk has room again */
    SAY_AGAIN_US = 60000000, /* between two words about the same wait */
    LINE_MAX_BYTES = 64,
};

enum receiver_phase { RECEIVER_TAKING, RECEIVER_DRAINING, RECEIVER_OVER };

struct receiver {
    const struct message_input_config *messages;
    const struct spool_config *spool_config;
    struct spool_writer *spool; /* the intake's */
    struct message_intake intake;
    struct zap *zap; /* NULL: the input has no keys */
    enum receiver_phase phase;
    bool stops; /* the ventilator has closed standard input */
    char line[LINE_MAX_BYTES];
    size_t line_size;
    bool told_drop;   /* the ventilator knows that a message was dropped */
    uint64_t left;    /* while it drains: messages that it still takes */
    uint64_t told;    /* entries that the ventilator knows to be on the disk */
    int64_t heard_us; /* when something came last */
    int64_t retry_us; /* the disk had no room; 0: it has */
    int status;       /* of the run, if no socket could be bound; else STATUS_OK */
    int64_t said_us;  /* when it said that it waits for room; 0: never */
    char error[1024];
};

/* ---- to the ventilator ---- */

/* `waits`: it must come through, though the ventilator reads nothing now. */
static void tell(const char *text, bool waits)
{
    size_t size = strlen(text);
    while (size > 0) {
        ssize_t put = write(STDOUT_FILENO, text, size);
        if (put > 0) {
            text += put;
            size -= (size_t)put;
        } else if (put < 0 && errno == EAGAIN && waits) {
            struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};
            poll(&ready, 1, -1);
        } else if (errno != EINTR)
            return; /* a full pipe is readable, which is all that a "." says */
    }
}

static void tell_synced(struct receiver *receiver)
{
    uint64_t synced = spool_writer_synced(receiver->spool);
    if (synced != receiver->told)
        tell(".", false);
    receiver->told = synced;
}

static void tell_drop(struct receiver *receiver)
{
    if (receiver->intake.dropped > 0 && !receiver->told_drop)
        tell("D", true);
    receiver->told_drop = receiver->intake.dropped > 0;
}

/* With the first entry that no run has committed, and the one that comes next. */
static void tell_ready(struct receiver *receiver)
{
    char line[64];
    snprintf(line, sizeof line, "R%" PRIu64 " %" PRIu64 "\n",
             spool_writer_position(receiver->spool)->number,
             spool_writer_next(receiver->spool));
    tell(line, true);
}

/* ---- from the ventilator ---- */

static int fail_spool(struct receiver *receiver, int result)
{
    snprintf(receiver->error, sizeof receiver->error, "%s",
             spool_writer_error(receiver->spool));
    return result;
}

static int on_committed(struct receiver *receiver, uint64_t number)
{
    int result = spool_writer_cut(receiver->spool, number);
    if (result == -ENOSPC || result == -EDQUOT)
        result = 0; /* a new segment found no room: the next commit tries again */
    return result < 0 ? fail_spool(receiver, result) : 0;
}

static int on_line(struct receiver *receiver, const char *line)
{
    uint64_t number;
    if (sscanf(line, "committed %" SCNu64, &number) == 1)
        return on_committed(receiver, number);
    if (strcmp(line, "lost") == 0)
        return spool_position_lose(spool_writer_position(receiver->spool));
    if (strcmp(line, "drain") == 0 && receiver->phase == RECEIVER_TAKING) {
        receiver->phase = RECEIVER_DRAINING;
        receiver->left = message_socket_leave(&receiver->intake.socket);
    }
    return 0;
}

static int take_lines(struct receiver *receiver)
{
    int result = 0;
    char *end;
    while (result == 0 &&
           (end = memchr(receiver->line, '\n', receiver->line_size)) != NULL) {
        *end = '\0';
        result = on_line(receiver, receiver->line);
        receiver->line_size -= (size_t)(end + 1 - receiver->line);
        memmove(receiver->line, end + 1, receiver->line_size);
    }
    return result;
}

static int read_commands(struct receiver *receiver)
{
    for (;;) {
        ssize_t got = read(STDIN_FILENO, receiver->line + receiver->line_size,
                           sizeof receiver->line - receiver->line_size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return 0;
        if (got <= 0) {
            receiver->stops = true;
            return 0;
        }
        receiver->line_size += (size_t)got;
        int result = take_lines(receiver);
        if (result < 0)
            return result;
    }
}

/* ---- messages ---- */

static bool may_take(const struct receiver *receiver)
{
    return receiver->phase != RECEIVER_OVER && !receiver->stops &&
           receiver->retry_us == 0 && !receiver->intake.ended &&
           !spool_writer_is_full(receiver->spool);
}

static bool is_idle(const struct receiver *receiver, int64_t now_us)
{
    int64_t idle_us = receiver->messages->idle_us;
    return idle_us && now_us - receiver->heard_us >= idle_us;
}

/* Nothing is there to take now. */
static void on_nothing(struct receiver *receiver, int64_t now_us)
{
    if (message_socket_doubts(&receiver->intake.socket))
        return;
    if (receiver->phase == RECEIVER_DRAINING || is_idle(receiver, now_us))
        receiver->phase = RECEIVER_OVER;
}

/* 0, or -errno. */
static int take_messages(struct receiver *receiver, int64_t now_us)
{
    int result = 1;
    for (int i = 0; i < GROUP_MESSAGES && result > 0 && may_take(receiver) &&
                    spool_writer_pending(receiver->spool) < GROUP_BYTES;
         i++) {
        if (receiver->phase == RECEIVER_DRAINING && receiver->left-- == 0) {
            receiver->phase = RECEIVER_OVER;
            break;
        }
        result = message_intake_take(&receiver->intake);
        if (result > 0)
            receiver->heard_us = now_us;
        else if (result == 0)
            on_nothing(receiver, now_us);
        else
            snprintf(receiver->error, sizeof receiver->error, "%s",
                     receiver->intake.error);
    }
    if (receiver->intake.ended)
        receiver->phase = RECEIVER_OVER;
    return result < 0 ? result : 0;
}

/* ---- the disk ---- */

static void say_waiting(struct receiver *receiver, const char *why, int64_t now_us)
{
    if (receiver->said_us && now_us - receiver->said_us < SAY_AGAIN_US)
        return;
    receiver->said_us = now_us;
    if (!receiver->messages->socket.quiet)
        say("%s", why);
}

static void on_no_room(struct receiver *receiver, int64_t now_us)
{
    char text[600];
    snprintf(text, sizeof text, "%s; messages wait until there is room",
             spool_writer_error(receiver->spool));
    say_waiting(receiver, text, now_us);
    receiver->retry_us = now_us + ROOM_US;
}

static void say_full(struct receiver *receiver, int64_t now_us)
{
    char text[600];
    snprintf(text, sizeof text,
             "%s: the spool is full (--spool-size): messages wait until the run has "
             "committed some of it",
             receiver->spool_config->path);
    if (spool_writer_is_full(receiver->spool))
        say_waiting(receiver, text, now_us);
}

/* 0, or -errno for good. */
static int sync_spool(struct receiver *receiver, int64_t now_us)
{
    if (receiver->retry_us > now_us)
        return 0;
    receiver->retry_us = 0;
    int result = spool_writer_sync(receiver->spool);
    if (result == -ENOSPC || result == -EDQUOT) {
        on_no_room(receiver, now_us);
        return 0;
    }
    return result < 0 ? fail_spool(receiver, result) : 0;
}

/* ---- the loop ---- */

static void tell_end(const struct receiver *receiver)
{
    uint64_t dropped = receiver->intake.dropped;
    if (dropped > 0)
        say("dropped %" PRIu64 " message%s, none of DEALER/1", dropped,
            dropped > 1 ? "s" : "");
    tell("E", true);
}

static struct keyring *keyring_of(const struct receiver *receiver)
{
    return message_socket_keyring(&receiver->intake.socket);
}

static int64_t tick_keys(struct receiver *receiver, int64_t now_us)
{
    if (!receiver->zap)
        return NEVER_US;
    zap_answer(receiver->zap);
    return keyring_tick(keyring_of(receiver), now_us);
}

static int64_t deadline(const struct receiver *receiver)
{
    int64_t idle_us = receiver->messages->idle_us;
    int64_t due_us = receiver->retry_us ? receiver->retry_us : NEVER_US;
    if (may_take(receiver))
        due_us = clock_earlier(due_us, message_socket_due_us(&receiver->intake.socket));
    if (idle_us && receiver->phase == RECEIVER_TAKING && may_take(receiver) &&
        !message_socket_doubts(&receiver->intake.socket))
        due_us = clock_earlier(due_us, receiver->heard_us + idle_us);
    return due_us;
}

static void wait_for_events(struct receiver *receiver, int64_t now_us, int64_t due_us)
{
    zsock_t *asks = zap_socket(receiver->zap);
    zmq_pollitem_t items[] = {
        {.fd = STDIN_FILENO, .events = ZMQ_POLLIN},
        {.socket = asks ? zsock_resolve(asks) : NULL, .fd = -1, .events = ZMQ_POLLIN},
        {.socket = zsock_resolve(receiver->intake.socket.socket), .events = ZMQ_POLLIN},
    };
    if (!may_take(receiver))
        items[2].events = 0;
    zmq_poll(items, 3,
             clock_poll_ms(now_us, clock_earlier(due_us, deadline(receiver)), -1));
}

/* One time round. 0; 1: it is told to end; -errno. */
static int iterate(struct receiver *receiver)
{
    int64_t now_us = clock_now_us();
    enum receiver_phase before = receiver->phase;
    int64_t keys_us = tick_keys(receiver, now_us);
    int result = read_commands(receiver);
    if (result < 0)
        return result;
    int taken = take_messages(receiver, now_us);
    tell_drop(receiver);
    result = sync_spool(receiver, now_us);
    if (result < 0)
        return result;
    message_intake_answer(&receiver->intake);
    tell_synced(receiver);
    if (taken < 0)
        return taken;
    if (receiver->phase == RECEIVER_OVER && before != RECEIVER_OVER)
        tell_end(receiver);
    if (receiver->stops)
        return 1;
    say_full(receiver, now_us);
    wait_for_events(receiver, now_us, keys_us);
    return 0;
}

/* ---- life ---- */

static int open_spool(struct receiver *receiver)
{
    const struct spool_writer_config config = {
        .path = receiver->spool_config->path,
        .size_max = receiver->spool_config->size_max,
    };
    int result = spool_writer_open(&config, &receiver->spool, receiver->error,
                                   sizeof receiver->error);
    if (result == 0)
        receiver->told = spool_writer_synced(receiver->spool);
    return result;
}

static int open_socket(struct receiver *receiver)
{
    struct message_intake *intake = &receiver->intake;
    int result = transport_init(receiver->error, sizeof receiver->error);
    if (result < 0)
        return result;
    if (keyring_of(receiver)) {
        receiver->zap = zap_new(NULL);
        if (!receiver->zap)
            return -errno;
        zap_set_input(receiver->zap, keyring_of(receiver));
    }
    result =
        message_socket_open(&intake->socket, receiver->error, sizeof receiver->error);
    if (result < 0)
        receiver->status = transport_bind_status(-result);
    receiver->heard_us = clock_now_us();
    return result;
}

static int open_all(struct receiver *receiver)
{
    int result = open_spool(receiver);
    if (result < 0) {
        spool_writer_close(&receiver->spool);
        return result;
    }
    result =
        message_intake_open(&receiver->intake, receiver->messages, receiver->spool);
    if (result == 0)
        result = open_socket(receiver);
    else
        snprintf(receiver->error, sizeof receiver->error, "%s", receiver->intake.error);
    return result;
}

/* The ventilator alone decides whether the run continues. */
static void settle_in(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    signals_ignore(numbers, sizeof numbers / sizeof *numbers);
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK);
}

int receiver_run(const struct message_input_config *messages,
                 const struct spool_config *spool)
{
    static struct receiver receiver;
    receiver.messages = messages;
    receiver.spool_config = spool;
    settle_in();
    int result = open_all(&receiver);
    if (result == 0)
        tell_ready(&receiver);
    while (result == 0)
        result = iterate(&receiver);
    if (result < 0) {
        tell("F", true);
        tell(receiver.error[0] ? receiver.error : strerror(-result), true);
    }
    message_intake_close(&receiver.intake);
    zap_destroy(&receiver.zap);
    transport_deinit();
    return result < 0 && receiver.status == STATUS_OK ? STATUS_IO : receiver.status;
}
