/* SPDX-License-Identifier: MIT */
/*
 * The producer of DEALER/1 (common/DEALER.md). Its id is the run's, in hexadecimal;
 * record N is message N + 1. It keeps nothing itself: the file has all that is not
 * stored, and a rewind reads it again.
 */
#include "common/clock.h"
#include "common/dealer/dealer_format.h"
#include "common/files/own_path.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/net/monitor_pair.h"
#include "common/net/transport.h"
#include "common/net/zap.h"
#include "common/redial/redial.h"
#include "sink/sender/link.h"
#include "sink/sender/record_envelope.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { GREETING_US = 500000, SILENCE_US = 2000000 };
/* Of resends that move nothing: before the fourth in a row, and at most. */
enum { AGAIN_FREE = 3, AGAIN_PAUSE_US = 10000, AGAIN_MOST_US = 10000000 };
enum { LINGER_MS = 500, FRAMES_MAX = 8, ANSWER_BYTES = 4096 };
/* A frame above this breaks the connection; of one below, ANSWER_BYTES are read. */
enum { ANSWER_FRAME_MAX = 1 << 20 };

struct dealer {
    zsock_t *socket;
    zsock_t *events; /* of its monitor */
    struct redial redial;
    struct own_path path; /* of a bound socket */
    char id[ID_TEXT_SIZE];
    bool greets;      /* no answer to HELLO yet */
    uint64_t sent;    /* records below this number were, since the last rewind */
    uint64_t allowed; /* records below may be */
    int64_t heard_us; /* or said hello */
    unsigned agains;  /* in a row, without a record more that is stored */
    uint64_t again;   /* from this record on it sends at `again_us` */
    int64_t again_us; /* 0: no pause */
};

/* ---- sending ---- */

static bool send_frame(struct dealer *dealer, struct slice frame, bool more)
{
    int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
    return zmq_send(zsock_resolve(dealer->socket), frame.data, frame.size, flags) >= 0;
}

/* What stands in front of a payload, or all of it. False: there is no room now. */
static bool send_head(struct dealer *dealer, const struct dealer_message *message,
                      bool more)
{
    struct slice frames[DEALER_FRAMES];
    uint8_t scratch[12];
    size_t count = dealer_write(message, scratch, frames);
    for (size_t i = 0; i < count; i++)
        if (!send_frame(dealer, frames[i], more || i + 1 < count))
            return false;
    return true;
}

static void hello(struct dealer *dealer, int64_t now_us)
{
    dealer->greets = true;
    dealer->heard_us = now_us;
    send_head(
        dealer,
        &(struct dealer_message){.verb = DEALER_HELLO, .id = slice_of_text(dealer->id)},
        false);
}

static int send_record(struct link *link, uint64_t number, struct slice record)
{
    struct dealer *dealer = link->own;
    uint8_t bytes[RECORD_ENVELOPE_MAX];
    const struct dealer_message data = {
        .verb = DEALER_DATA, .id = slice_of_text(dealer->id), .number = number + 1};
    if (dealer->greets || dealer->again_us || number >= dealer->allowed ||
        !send_head(dealer, &data, true))
        return 0;
    if (link->config.envelope)
        send_frame(dealer, record_envelope(&link->run, number, bytes), true);
    if (!send_frame(dealer, record, false)) {
        snprintf(link->error, sizeof link->error, "%s", zmq_strerror(errno));
        return -errno;
    }
    if (dealer->sent == link->stored) /* from here on it waits for an answer */
        dealer->heard_us = clock_now_us();
    dealer->sent = number + 1;
    return 1;
}

/* ---- answers ---- */

static void rewind_to(struct link *link, uint64_t number)
{
    struct dealer *dealer = link->own;
    link->rewinds = true;
    link->from = dealer->sent = number;
    dealer->again_us = 0;
}

/* A receiver that asks for the same records whatever it gets would have them sent
 * without end. */
static void on_again(struct link *link, uint64_t number)
{
    struct dealer *dealer = link->own;
    if (dealer->again_us)
        return; /* of what was sent before the pause */
    int64_t pause_us = AGAIN_PAUSE_US;
    for (unsigned i = AGAIN_FREE; i < dealer->agains && pause_us < AGAIN_MOST_US; i++)
        pause_us *= 2;
    if (pause_us > AGAIN_MOST_US)
        pause_us = AGAIN_MOST_US;
    if (dealer->agains++ < AGAIN_FREE) {
        rewind_to(link, number);
        return;
    }
    dealer->again = number;
    dealer->again_us = clock_now_us() + pause_us;
    if (pause_us >= SECOND_US && !link->config.quiet)
        say("the receiver at dealer:%s has asked %u times for message %" PRIu64
            " again, and takes nothing: sending it in %.1f s",
            link->config.end.endpoint, dealer->agains, number + 1,
            (double)pause_us / SECOND_US);
}

static int on_have(struct link *link, const struct dealer_message *have)
{
    struct dealer *dealer = link->own;
    if (have->number < link->stored) {
        snprintf(link->error, sizeof link->error,
                 "the receiver has lost records that it had: it has %" PRIu64
                 " of %" PRIu64,
                 have->number, link->stored);
        return -EPROTO;
    }
    if (have->number > link->stored)
        dealer->agains = 0;
    link->stored = have->number;
    dealer->allowed = have->number + have->credit;
    if (dealer->greets || dealer->sent < have->number)
        rewind_to(link, have->number);
    dealer->greets = false;
    return 0;
}

static int on_message(struct link *link, const struct dealer_message *message)
{
    struct dealer *dealer = link->own;
    if (message->verb == DEALER_HAVE)
        return on_have(link, message);
    if (message->verb == DEALER_AGAIN && message->number > link->stored &&
        message->number - 1 <= dealer->sent)
        on_again(link, message->number - 1);
    if (message->verb != DEALER_REJECT)
        return 0;
    char reason[400];
    slice_copy_printable(message->reason, reason, sizeof reason);
    snprintf(link->error, sizeof link->error, "the receiver rejects it: %s", reason);
    return -EPROTO;
}

/* 1: an answer was read; 0: there is none; -errno. */
static int receive(struct link *link)
{
    struct dealer *dealer = link->own;
    uint8_t bytes[FRAMES_MAX][ANSWER_BYTES];
    struct slice frames[FRAMES_MAX];
    struct dealer_message message;
    size_t count = 0, size = sizeof(int);
    int more = 1;
    while (more) {
        size_t at = count < FRAMES_MAX ? count : FRAMES_MAX - 1;
        int got = zmq_recv(zsock_resolve(dealer->socket), bytes[at], ANSWER_BYTES,
                           ZMQ_DONTWAIT);
        if (got < 0)
            return 0;
        frames[at] = (struct slice){
            bytes[at], got < ANSWER_BYTES ? (size_t)got : (size_t)ANSWER_BYTES};
        count = at + 1;
        zmq_getsockopt(zsock_resolve(dealer->socket), ZMQ_RCVMORE, &more, &size);
    }
    if (!dealer_read(frames, count, &message) ||
        message.id.size != strlen(dealer->id) ||
        memcmp(message.id.data, dealer->id, message.id.size) != 0)
        return 1;
    dealer->heard_us = clock_now_us();
    link->there = true;
    int result = on_message(link, &message);
    return result < 0 ? result : 1;
}

static bool waits(const struct link *link)
{
    const struct dealer *dealer = link->own;
    return dealer->greets || dealer->sent > link->stored ||
           dealer->sent >= dealer->allowed;
}

static int64_t tick(struct link *link, int64_t now_us)
{
    struct dealer *dealer = link->own;
    int result;
    while ((result = receive(link)) == 1)
        continue;
    if (result < 0)
        return result;
    redial_take_events(&dealer->redial, dealer->events, now_us);
    int64_t due_us = redial_tick(&dealer->redial, now_us);
    if (dealer->again_us && now_us >= dealer->again_us)
        rewind_to(link, dealer->again < link->stored ? link->stored : dealer->again);
    if (dealer->again_us)
        return clock_earlier(due_us, dealer->again_us);
    if (!waits(link))
        return due_us;
    int64_t patience_us = dealer->greets ? GREETING_US : SILENCE_US;
    if (now_us - dealer->heard_us >= patience_us) {
        link->there = false;
        hello(dealer, now_us);
    }
    return clock_earlier(due_us, dealer->heard_us +
                                     (dealer->greets ? GREETING_US : SILENCE_US));
}

static void fill_item(const struct link *link, bool output, zmq_pollitem_t items[2])
{
    struct dealer *dealer = link->own;
    bool room = output && !dealer->greets && !dealer->again_us &&
                dealer->sent < dealer->allowed;
    items[0].socket = zsock_resolve(dealer->socket);
    items[0].events = (short)(ZMQ_POLLIN | (room ? ZMQ_POLLOUT : 0));
}

static int finish(struct link *link)
{
    const struct dealer *dealer = link->own;
    return dealer->sent <= link->stored;
}

/* ---- life ---- */

static int open_link(struct link *link)
{
    struct dealer *dealer = allocate_zeroed(1, sizeof *dealer);
    const struct message_end *end = &link->config.end;
    link->own = dealer;
    id_text(&link->run, dealer->id);
    dealer->sent = dealer->allowed = link->stored;
    dealer->socket =
        transport_open(ZMQ_DEALER, (int)link->config.hwm, ANSWER_FRAME_MAX, LINGER_MS);
    if (dealer->socket)
        dealer->events = monitor_pair_open(dealer->socket, REDIAL_EVENTS);
    if (!dealer->events) {
        int result = -errno;
        snprintf(link->error, sizeof link->error, "cannot %s %s: %s",
                 end->binds ? "bind" : "connect to", end->endpoint,
                 zmq_strerror(-result));
        return result;
    }
    redial_init(&dealer->redial, dealer->socket, end, 1, link->config.keys,
                link->config.quiet);
    int result = transport_meet(dealer->socket, end, link->config.keys, ZAP_OUTPUT,
                                link->error, sizeof link->error);
    if (result == 0 && end->binds)
        own_path_note(&dealer->path, transport_path(end->endpoint));
    if (result == 0)
        hello(dealer, clock_now_us());
    return result;
}

static void close_link(struct link *link)
{
    struct dealer *dealer = link->own;
    if (!dealer)
        return;
    if (dealer->events)
        monitor_pair_close(dealer->socket, &dealer->events);
    redial_deinit(&dealer->redial);
    zsock_destroy(&dealer->socket);
    own_path_remove(&dealer->path);
    free(dealer);
    link->own = NULL;
}

const struct link_kind dealer_link_kind = {open_link, send_record, tick,
                                           fill_item, finish,      close_link};
