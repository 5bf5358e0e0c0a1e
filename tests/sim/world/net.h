/* SPDX-License-Identifier: MIT */
/*
 * The network, as ZeroMQ over TCP behaves: a dial (a connecting socket, DEALER or PUSH)
 * makes one connection after another to a bound socket. Each direction of a connection
 * is in order; a break loses what was under way, and each end notices at its own time
 * or never. A dial keeps what it has not handed to the kernel; with ZMQ_IMMEDIATE, as
 * the PUSH has it, it is dropped.
 */
#ifndef FANFOLD_TESTS_SIM_WORLD_NET_H
#define FANFOLD_TESTS_SIM_WORLD_NET_H

#include "packet.h"
#include "process.h"
#include <stdbool.h>
#include <stdint.h>

struct packets {
    struct packet *first, **last;
    uint32_t count;
};

/* One direction of a connection. */
struct lane {
    struct conn *conn;
    struct packets packets;
    int64_t last_us, stalled_until_us;
    bool back; /* from the bound socket to the connecting one */
};

struct conn {
    struct dial *dial;
    struct process *server;
    uint32_t peer; /* the bound socket's number for it, from 1 */
    bool up;
    bool seen; /* the bound side believes in it */
    struct lane in, back;
};

struct dial {
    struct process *owner;
    uint32_t to;
    uint32_t address;
    bool immediate, closed; /* ZMQ_IMMEDIATE: nothing waits for a connection */
    struct conn *conn;      /* NULL: not connected, as far as it knows */
    struct packets waiting;
};

struct dial *dial_open(struct process *owner, uint32_t to, uint32_t address,
                       bool immediate);
/* Linger 0; the other end notices after `lag_us`. */
void dial_close(struct dial *dial, int64_t lag_us);
/* With ZMQ_IMMEDIATE and no connection the packet is gone. */
void dial_send(struct dial *dial, struct packet *packet);

/* False: the peer is known to be gone. */
bool conn_send(struct process *server, uint32_t peer, struct packet *packet);
/* Each end notices after its lag; NEVER_US: never. */
void conn_break(struct conn *conn, int64_t dial_lag_us, int64_t server_lag_us);
void conn_stall(struct conn *conn, bool in, bool back, int64_t until_us);

#endif
