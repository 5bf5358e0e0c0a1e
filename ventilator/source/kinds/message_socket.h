/* SPDX-License-Identifier: MIT */
/*
 * The socket from which a run receives messages: bound, connected or both, to as many
 * endpoints as there are inputs; what comes from them is merged as it comes.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_KINDS_MESSAGE_SOCKET_H
#define FANFOLD_VENTILATOR_SOURCE_KINDS_MESSAGE_SOCKET_H

#include "common/files/own_path.h"
#include "common/keys/key_source.h"
#include "common/net/message_end.h"
#include "common/net/transport.h"
#include "common/redial/redial.h"
#include <stdint.h>

/* Borrowed as long as the run lives. */
struct message_socket_config {
    const struct message_end *ends; /* all of one kind */
    uint32_t count;
    const char *const *topics; /* of sub */
    uint32_t topic_count;      /* 0: all topics */
    uint32_t hwm;              /* messages that wait at most, a peer */
    uint64_t message_bytes;    /* a longer one breaks its connection */
    const char *keys;          /* of --keys-in; NULL: none */
    bool answers; /* dealer: each peer is answered under its own name (DEALER/1) */
    bool quiet;
};

struct message_socket {
    const struct message_socket_config *config;
    zsock_t *socket;        /* NULL: closed */
    struct own_path *paths; /* of the ends that are opened; NULL: none is */
    uint32_t opened;        /* ends, the first; 0 when it has left them */
    struct keys bound, connected;
    bool has_bound, has_connected; /* keys of that side */
    uint64_t refused;              /* frames whose sender's key is revoked */
    zsock_t *events;               /* of the ends that connect; NULL: there are none */
    struct redial redial;          /* zeroed: likewise */
    int64_t due_us;                /* valid with events */
};

/* Reads the keys that its ends need. 0, or -errno with a sentence in `error`. */
int message_socket_init(struct message_socket *socket,
                        const struct message_socket_config *config, char *error,
                        size_t error_size);
/* Whom a bound end lets in; NULL: it has no keys. Borrowed. */
struct keyring *message_socket_keyring(const struct message_socket *socket);
/* Binds and connects; ZeroMQ is ready. A bound one with keys needs somebody to answer
 * for ZAP_INPUT. 0, or -errno with a sentence in `error`. */
int message_socket_open(struct message_socket *socket, char *error, size_t error_size);
/* The run reads what has come, and no more. Bound endpoints are left; of those that it
 * connected to, more may come: returns how many messages may have come until now. */
uint64_t message_socket_leave(struct message_socket *socket);
void message_socket_deinit(struct message_socket *socket);

/* Nothing is there to receive. Sees to the connections: 0, or -EBADMSG with a sentence
 * in `error`: what came on one of them is lost. */
int message_socket_look(struct message_socket *socket, char *error, size_t error_size);
/* When to look again; NEVER_US: there is nothing to see. */
int64_t message_socket_due_us(const struct message_socket *socket);
/* Something may be lost: it is known soon. */
bool message_socket_doubts(const struct message_socket *socket);

/* One frame of a sender that may send, without waiting: 1; 0: there is none; -EAGAIN:
 * there may be; another -errno. The caller closes it. */
int message_socket_receive(struct message_socket *socket, zmq_msg_t *ret_frame);

#endif
