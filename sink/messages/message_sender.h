/* SPDX-License-Identifier: MIT */
/*
 * A socket of another program's kind, by which messages leave. Sends without waiting,
 * and knows whether somebody receives, and when the last message has left. Decides
 * nothing.
 */
#ifndef FANFOLD_SINK_MESSAGES_MESSAGE_SENDER_H
#define FANFOLD_SINK_MESSAGES_MESSAGE_SENDER_H

#include "common/keys/certificate.h"
#include "common/net/message_end.h"
#include "common/protocol/message.h"
#include <czmq.h>

/* Of a flush that came to -EPROTO. */
#define MESSAGES_REFUSED \
    "the last messages are lost: the connection was closed for what came from there"

struct message_sender;

struct message_sender_config {
    struct message_end end;         /* its endpoint is borrowed */
    uint32_t hwm;                   /* messages that wait at most, a receiver */
    const struct certificate *keys; /* borrowed; NULL: none */
    bool quiet;
};

struct message_sender *message_sender_new(const struct message_sender_config *config);
/* Closes the socket; what has not left by then may be lost, but where the last messages
 * are already waited for nobody waits any longer. */
void message_sender_destroy(struct message_sender **sender_p);
/* Binds or connects; ZeroMQ is ready. Of a bound one with keys, somebody answers for
 * ZAP_OUTPUT. 0, or -errno with a sentence in `error`. */
int message_sender_open(struct message_sender *sender, char *error, size_t error_size);

/* Sends one message, copied, behind another frame unless that is empty. 1; 0: not now,
 * try it again when the poller says so; -errno. */
int message_sender_send(struct message_sender *sender, struct slice envelope,
                        struct slice body);
/* Hears who has come and gone. Drops what the other side sends, which no receiver
 * should. */
void message_sender_take_input(struct message_sender *sender);

/* How long the last messages are waited for, by --patience; < 0: not given. */
int message_sender_patience_ms(int64_t patience_us);
/* Nothing more is sent: 1: all has left this host for the receiver's system, or been
 * read where that is this one; 0: not yet, call it again when the poller says so;
 * -ETIMEDOUT: limit_ms after the first call it has not; -EPROTO: libzmq has closed the
 * connection for what came from there, and dropped what was left. */
int message_sender_flush(struct message_sender *sender, int limit_ms);

/* Somebody is connected, and has been let in. */
bool message_sender_has_receiver(struct message_sender *sender);
/* To be polled: for output, or while it flushes for input. */
void message_sender_fill_item(const struct message_sender *sender, bool output,
                              zmq_pollitem_t *item);

/* libzmq ends no connection for a key: says once that a receiver whose key is one of
 * the `revoked` keeps what it has. */
void message_sender_say_revoked(uint64_t revoked);

#endif
