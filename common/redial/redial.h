/* SPDX-License-Identifier: MIT */
/*
 * Connects a socket anew where libzmq has given up. It does so without a word where
 * what came is no ZMTP, belongs to another mechanism, or is a frame longer than the
 * socket allows; after any other end of a connection it tries again by itself, and its
 * monitor says so at once. So an end that is followed by no such word is for good.
 *
 * An end is known by its endpoint. libzmq may write its host otherwise, which is
 * understood where one end alone connects.
 */
#ifndef FANFOLD_COMMON_REDIAL_REDIAL_H
#define FANFOLD_COMMON_REDIAL_REDIAL_H

#include "common/keys/certificate.h"
#include "common/net/message_end.h"
#include "common/net/monitor_pair.h"
#include "common/net/retry.h"
#include <czmq.h>

/* What redial_see needs of the monitor. */
enum {
    REDIAL_EVENTS = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_DELAYED |
                    ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_CLOSED |
                    ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED
};

struct redial_end {
    const struct message_end *end;
    char address[MONITOR_ADDRESS_SIZE]; /* as libzmq writes it; "": it is not known */
    struct retry retry;
    int64_t ended_us; /* its connection has, and libzmq is not known to try again; 0 */
    bool welcomed;    /* its connection is or was one of ZeroMQ's, as ours */
    bool told;        /* a person knows */
};

struct redial {
    zsock_t *socket;                /* borrowed */
    const struct certificate *keys; /* borrowed; NULL: none */
    struct redial_end *ends;        /* that connect */
    size_t count;
    bool quiet;
};

/* Of the `count` ends, those that connect; borrowed. */
void redial_init(struct redial *redial, zsock_t *socket, const struct message_end *ends,
                 size_t count, const struct certificate *keys, bool quiet);
void redial_deinit(struct redial *redial);

/* An event of the socket's monitor, with its address. */
void redial_see(struct redial *redial, int event, const char *address, int64_t now_us);
/* Takes all events of a monitor that nobody else reads. */
void redial_take_events(struct redial *redial, zsock_t *events, int64_t now_us);
/* All events have been seen: says which connections have ended for good, and makes them
 * anew when it is time. When it must be called again. */
int64_t redial_tick(struct redial *redial, int64_t now_us);

/* It is not known yet whether a connection has ended for good. */
bool redial_doubts(const struct redial *redial);
/* The endpoint of a connection that has ended for good, of those that were of ZeroMQ:
 * what came on it is lost. NULL: there is none. Called before redial_tick. */
const char *redial_lost(const struct redial *redial, int64_t now_us);

#endif
