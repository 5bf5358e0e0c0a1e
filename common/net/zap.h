/* SPDX-License-Identifier: MIT */
/*
 * Answers libzmq's question whether a peer with a key may come in (ZAP, ZeroMQ's
 * RFC 27), in the loop of the program: while that does not turn, and when this object
 * is gone, nobody new comes in. One in a process.
 *
 * libzmq asks at the handshake alone. Afterwards zap_check tells, message by message,
 * whether the key is still good.
 */
#ifndef FANFOLD_COMMON_NET_ZAP_H
#define FANFOLD_COMMON_NET_ZAP_H

#include "common/keys/keyring.h"
#include <czmq.h>

/* Domains of bound sockets, for struct curve. */
#define ZAP_TASKS   "tasks"   /* workers, sinks; and revoked keys, to be told so */
#define ZAP_RESULTS "results" /* workers */
#define ZAP_INPUT   "input"   /* who sends messages to a bound input: a worker's key */
#define ZAP_OUTPUT  "output"  /* who takes messages from a bound output: likewise */

struct zap;

/* Before the first tcp bind. Borrows the keyring, NULL: of tasks and results nobody
 * has keys. NULL with errno. */
struct zap *zap_new(const struct keyring *keyring);
/* Whom ZAP_INPUT, or ZAP_OUTPUT, lets in; borrowed. A program has one of them. */
void zap_set_input(struct zap *zap, const struct keyring *keyring);
void zap_destroy(struct zap **zap_p);
/* Also logs who does not get as far as to be asked for: peers of `bound` that have no
 * key, or one that was made for another server. `domain` is that of struct curve. 0 or
 * -errno. Unwatch it before it is closed; `zap` may be NULL. */
int zap_watch(struct zap *zap, zsock_t *bound, const char *domain);
void zap_unwatch(struct zap *zap);
/* Poll both for input. NULL: there is none; `zap` may be NULL. */
zsock_t *zap_socket(const struct zap *zap);
zsock_t *zap_watch_socket(const struct zap *zap);
/* Answers what has been asked. Refusals are logged, once for each key and address. */
void zap_answer(struct zap *zap);

/* What a message's sender may be, by the key of its connection. */
struct zap_peer {
    enum key_standing standing;
    enum key_role role; /* unless the key is unknown */
};

/* `frame` is one that the peer sent. False: it came over a socket without keys, such as
 * ipc; its sender may be anything. */
bool zap_check(const struct zap *zap, zmq_msg_t *frame, struct zap_peer *ret_peer);
/* Likewise, by another keyring than that of tasks and results; NULL: without keys. */
bool zap_find_sender(const struct keyring *keyring, zmq_msg_t *frame,
                     struct zap_peer *ret_peer);

#endif
