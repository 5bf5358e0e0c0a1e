/* SPDX-License-Identifier: MIT */
/*
 * libzmq does not say of a socket that is open whether its queue is empty. But a closed
 * one lives on until the queue is, or its linger is over, and the last event of its
 * monitor tells that: so the last messages are waited for in the loop.
 */
#include "sink/messages/message_sender.h"

#include "common/clock.h"
#include "common/files/own_path.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/net/endpoint_family.h"
#include "common/net/monitor_pair.h"
#include "common/net/transport.h"
#include "common/net/zap.h"
#include "common/redial/redial.h"
#include "sink/messages/kept_connections.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINGER_MS = 2000,          /* of a run that failed */
    FRAME_BYTES_MAX = 1 << 20, /* of what is thrown away; more breaks the connection */
    IGNORED_MAX = 1000,        /* messages a call */
};

struct message_sender {
    struct message_sender_config config;
    zsock_t *socket;      /* NULL: not open yet, or closed */
    zsock_t *events;      /* of its monitor; lives as long as the sender */
    struct own_path path; /* of a bound socket */
    struct kept_connections connections;
    struct redial redial; /* zeroed when the socket is closed */
    unsigned receivers;   /* connected */
    bool flushing;        /* the socket is closed, and may live on in libzmq */
    bool flushed;         /* it does not: libzmq has written all */
    bool refused;         /* but if the connection ended, and nobody tried again */
    int64_t limit_us;     /* valid when flushing */
};

/* ---- life ---- */

struct message_sender *message_sender_new(const struct message_sender_config *config)
{
    struct message_sender *sender = allocate_zeroed(1, sizeof *sender);
    sender->config = *config;
    return sender;
}

void message_sender_destroy(struct message_sender **sender_p)
{
    struct message_sender *sender = *sender_p;
    if (!sender)
        return;
    own_path_remove(&sender->path);
    if (sender->socket) {
        monitor_pair_close(sender->socket, &sender->events);
    }
    zsock_destroy(&sender->socket);
    zsock_destroy(&sender->events); /* outlives a socket that is closed to flush */
    kept_connections_deinit(&sender->connections);
    redial_deinit(&sender->redial);
    if (sender->flushing && !sender->flushed)
        transport_abandon();
    free(sender);
    *sender_p = NULL;
}

/* Before the socket is bound or connected, so that no receiver is missed. */
static int watch(struct message_sender *sender)
{
    enum { EVENTS = REDIAL_EVENTS | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_MONITOR_STOPPED };
    redial_init(&sender->redial, sender->socket, &sender->config.end, 1,
                sender->config.keys, sender->config.quiet);
    sender->events = monitor_pair_open(sender->socket, EVENTS);
    return sender->events ? 0 : -errno;
}

static void say_bound(const struct message_sender *sender)
{
    const char *endpoint = transport_endpoint(sender->socket);
    log_event(LOG_LEVEL_INFO, "bound", "output=%s", endpoint);
    if (sender->config.quiet)
        return;
    if (ports_is_chosen(sender->config.end.endpoint, NULL))
        say("sends messages at %s", endpoint);
    if (transport_is_tcp(endpoint) && !sender->config.keys)
        say("warning: no --keys-out: anyone who can reach %s can take messages of the "
            "run",
            endpoint);
}

/* libzmq asks again and again without a word. */
static void warn_of_nowhere(const struct message_sender *sender)
{
    char text[1200];
    if (!sender->config.quiet &&
        endpoint_is_nowhere(sender->config.end.endpoint, text, sizeof text))
        say("warning: %s of -o; trying again", text);
}

int message_sender_open(struct message_sender *sender, char *error, size_t error_size)
{
    const struct message_end *end = &sender->config.end;
    sender->socket = transport_open(transport_message_type(end->kind),
                                    (int)sender->config.hwm, FRAME_BYTES_MAX,
                                    LINGER_MS);
    int result = sender->socket ? watch(sender) : -errno;
    if (result < 0) {
        snprintf(error, error_size, "cannot open a socket for messages: %s",
                 zmq_strerror(-result));
        return result;
    }
    result = transport_meet(sender->socket, end, sender->config.keys, ZAP_OUTPUT, error,
                            error_size);
    if (result == 0 && end->binds) {
        own_path_note(&sender->path, transport_path(end->endpoint));
        say_bound(sender);
    } else if (result == 0)
        warn_of_nowhere(sender);
    return result;
}

/* ---- sending ---- */

/* Copies: a record is a small part of a result, whose bytes others share. */
static int send_frame(struct message_sender *sender, struct slice frame, int flags)
{
    zmq_msg_t message;
    int rc;
    if (zmq_msg_init_size(&message, frame.size) < 0)
        abort_out_of_memory();
    if (frame.size > 0)
        memcpy(zmq_msg_data(&message), frame.data, frame.size);
    do
        rc =
            zmq_msg_send(&message, zsock_resolve(sender->socket), ZMQ_DONTWAIT | flags);
    while (rc < 0 && errno == EINTR);
    if (rc >= 0)
        return 1;
    int error = errno;
    zmq_msg_close(&message);
    return error == EAGAIN ? 0 : -error;
}

/* libzmq finds room for a message's first frame, and then takes all. */
int message_sender_send(struct message_sender *sender, struct slice envelope,
                        struct slice body)
{
    int outcome = 1;
    if (!sender->socket)
        return -EPIPE;
    if (envelope.size > 0)
        outcome = send_frame(sender, envelope, ZMQ_SNDMORE);
    return outcome == 1 ? send_frame(sender, body, 0) : outcome;
}

/* ---- receivers, and the end ---- */

static void on_event(struct message_sender *sender, const struct monitor_event *event,
                     int64_t now_us)
{
    int connection = (int)event->value; /* of those that tell of one */
    if (sender->socket)                 /* it has one end, whatever its address */
        redial_see(&sender->redial, event->number, sender->config.end.endpoint, now_us);
    if (event->number != ZMQ_EVENT_MONITOR_STOPPED)
        sender->refused = event->number == ZMQ_EVENT_DISCONNECTED &&
                          !sender->config.end.binds;
    if (event->number == ZMQ_EVENT_CONNECTED || event->number == ZMQ_EVENT_ACCEPTED)
        kept_connections_opened(&sender->connections, connection);
    else if (event->number == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
        sender->receivers++;
    else if (event->number == ZMQ_EVENT_MONITOR_STOPPED)
        sender->flushed = true;
    else if (event->number == ZMQ_EVENT_DISCONNECTED) {
        kept_connections_closed(&sender->connections, connection);
        sender->receivers -= sender->receivers > 0;
    }
}

static void take_events(struct message_sender *sender)
{
    struct monitor_event event;
    int64_t now_us = clock_now_us();
    while (monitor_pair_next(sender->events, &event))
        on_event(sender, &event, now_us);
    if (sender->socket)
        redial_tick(&sender->redial, now_us);
}

void message_sender_take_input(struct message_sender *sender)
{
    zmq_msg_t message;
    take_events(sender);
    if (sender->config.end.kind != MESSAGE_DEALER || !sender->socket)
        return;
    zmq_msg_init(&message);
    for (int i = 0; i < IGNORED_MAX; i++)
        if (zmq_msg_recv(&message, zsock_resolve(sender->socket), ZMQ_DONTWAIT) < 0)
            break;
    zmq_msg_close(&message);
}

int message_sender_patience_ms(int64_t patience_us)
{
    enum { DEFAULT_MS = 300000, LONGEST_MS = 86400000 };
    if (patience_us < 0)
        return DEFAULT_MS;
    return patience_us / 1000 < LONGEST_MS ? (int)(patience_us / 1000) : LONGEST_MS;
}

/* A publisher drops what a subscriber is too slow for, and waits for none. */
static void begin_flush(struct message_sender *sender, int limit_ms)
{
    sender->flushing = true;
    sender->limit_us = clock_now_us() + limit_ms * INT64_C(1000);
    take_events(sender);
    if (sender->config.end.kind != MESSAGE_PUB)
        kept_connections_keep(&sender->connections);
    zsock_set_linger(sender->socket, -1); /* so its end says that all has left */
    own_path_remove(&sender->path);
    zsock_destroy(&sender->socket);
}

int message_sender_flush(struct message_sender *sender, int limit_ms)
{
    if (!sender->flushing)
        begin_flush(sender, limit_ms);
    take_events(sender);
    if (sender->flushed && kept_connections_all_read(&sender->connections))
        return sender->refused ? -EPROTO : 1;
    return clock_now_us() < sender->limit_us ? 0 : -ETIMEDOUT;
}

bool message_sender_has_receiver(struct message_sender *sender)
{
    take_events(sender);
    return sender->receivers > 0;
}

void message_sender_say_revoked(uint64_t revoked)
{
    static uint64_t said;
    if (revoked == said)
        return;
    said = revoked;
    say("warning: a key was revoked (--keys-out): nobody gets in with it, but a "
        "receiver that is connected gets messages until its connection ends; end the "
        "run to end that");
}

void message_sender_fill_item(const struct message_sender *sender, bool output,
                              zmq_pollitem_t *item)
{
    if (sender->socket && output) {
        item->socket = zsock_resolve(sender->socket);
        item->events = ZMQ_POLLOUT;
    } else if (sender->flushing && !sender->flushed) {
        item->socket = zsock_resolve(sender->events);
        item->events = ZMQ_POLLIN;
    } else if (sender->flushing) {
        item->fd = kept_connections_descriptor(&sender->connections);
        item->events = ZMQ_POLLIN;
    }
}
