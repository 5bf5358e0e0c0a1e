/* SPDX-License-Identifier: MIT */
#include "ventilator/source/kinds/message_socket.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/net/endpoint_family.h"
#include "common/net/monitor_pair.h"
#include "common/net/zap.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ANSWER_LINGER_MS = 1000, /* for what a peer has to know */
    LOOK_US = 1000000
};

/* ---- keys ---- */

static bool has_tcp(const struct message_socket_config *config, bool binds)
{
    for (uint32_t i = 0; i < config->count; i++)
        if (config->ends[i].binds == binds &&
            transport_is_tcp(config->ends[i].endpoint))
            return true;
    return false;
}

int message_socket_init(struct message_socket *socket,
                        const struct message_socket_config *config, char *error,
                        size_t error_size)
{
    int result = 0;
    *socket = (struct message_socket){.config = config};
    if (config->keys && has_tcp(config, true)) {
        result = keys_open(&socket->bound, KEY_VENTILATOR, config->keys, false, error,
                           error_size);
        socket->has_bound = result > 0;
        if (result > 0 && (result = keyring_watch(socket->bound.keyring)) < 0)
            snprintf(error, error_size, "cannot start a process: %s",
                     strerror(-result));
    }
    if (result >= 0 && config->keys && has_tcp(config, false)) {
        result = keys_open(&socket->connected, KEY_WORKER, config->keys, false, error,
                           error_size);
        socket->has_connected = result > 0;
    }
    if (result < 0)
        message_socket_deinit(socket);
    return result < 0 ? result : 0;
}

struct keyring *message_socket_keyring(const struct message_socket *socket)
{
    return socket->has_bound ? socket->bound.keyring : NULL;
}

/* ---- endpoints ---- */

/* 0, or -errno with a sentence in `error`. */
static int meet(struct message_socket *socket, const struct message_end *end,
                char *error, size_t error_size)
{
    const struct certificate *own =
        end->binds ? (socket->has_bound ? &socket->bound.own : NULL)
                   : (socket->has_connected ? &socket->connected.own : NULL);
    int result = transport_meet(socket->socket, end, own, ZAP_INPUT, error, error_size);
    if (result == 0 && end->binds)
        log_event(LOG_LEVEL_INFO, "bound", "input=%s",
                  transport_endpoint(socket->socket));
    return result;
}

/* A person who lets libzmq choose the port has to hear of it. */
static void say_bound(const struct message_socket *socket,
                      const struct message_end *end)
{
    const char *endpoint = transport_endpoint(socket->socket);
    if (ports_is_chosen(end->endpoint, NULL))
        say("receives messages at %s", endpoint);
    if (transport_is_tcp(endpoint) && !socket->has_bound)
        say("warning: no --keys-in: anyone who can reach %s can send messages into "
            "the run",
            endpoint);
}

/* libzmq asks again and again without a word. */
static void warn_of_nowhere(const char *endpoint)
{
    char text[1200];
    if (endpoint_is_nowhere(endpoint, text, sizeof text))
        say("warning: %s of -i; trying again", text);
}

static int open_ends(struct message_socket *socket, char *error, size_t error_size)
{
    const struct message_socket_config *config = socket->config;
    socket->paths = allocate_zeroed(config->count, sizeof *socket->paths);
    for (uint32_t i = 0; i < config->count; i++) {
        const struct message_end *end = &config->ends[i];
        int result = meet(socket, end, error, error_size);
        if (result < 0)
            return result;
        own_path_note(&socket->paths[i],
                      end->binds ? transport_path(end->endpoint) : NULL);
        socket->opened = i + 1;
        if (!end->binds)
            warn_of_nowhere(end->endpoint);
        else if (!config->quiet)
            say_bound(socket, end);
    }
    return 0;
}

/* Before an end is connected, so that no event is missed. */
static int watch(struct message_socket *socket)
{
    const struct message_socket_config *config = socket->config;
    redial_init(&socket->redial, socket->socket, config->ends, config->count,
                socket->has_connected ? &socket->connected.own : NULL, config->quiet);
    if (socket->redial.count == 0)
        return 0;
    socket->events = monitor_pair_open(socket->socket, REDIAL_EVENTS);
    return socket->events ? 0 : -errno;
}

static void subscribe(struct message_socket *socket)
{
    const struct message_socket_config *config = socket->config;
    void *handle = zsock_resolve(socket->socket);
    for (uint32_t i = 0; i < config->topic_count; i++)
        zmq_setsockopt(handle, ZMQ_SUBSCRIBE, config->topics[i],
                       strlen(config->topics[i]));
    if (config->topic_count == 0)
        zmq_setsockopt(handle, ZMQ_SUBSCRIBE, "", 0);
}

int message_socket_open(struct message_socket *socket, char *error, size_t error_size)
{
    const struct message_socket_config *config = socket->config;
    int type = config->answers ? ZMQ_ROUTER
                               : transport_message_type(config->ends[0].kind);
    socket->socket =
        transport_open(type, (int)config->hwm, (int64_t)config->message_bytes,
                       config->ends[0].kind == MESSAGE_DEALER ? ANSWER_LINGER_MS : 0);
    int result = socket->socket ? watch(socket) : -errno;
    if (result < 0) {
        snprintf(error, error_size, "cannot open a socket for messages: %s",
                 zmq_strerror(-result));
        return result;
    }
    if (config->ends[0].kind == MESSAGE_SUB)
        subscribe(socket);
    return open_ends(socket, error, error_size);
}

/* By its own name, where its port was chosen. */
static void unbind(void *handle, const struct message_end *end)
{
    char endpoint[512];
    size_t size = sizeof endpoint;
    if (zmq_unbind(handle, end->endpoint) < 0 &&
        zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0)
        zmq_unbind(handle, endpoint);
}

/* The next run may have them from then on. */
static void remove_paths(struct message_socket *socket)
{
    for (uint32_t i = 0; i < socket->opened; i++)
        own_path_remove(&socket->paths[i]);
    free(socket->paths);
    socket->paths = NULL;
    socket->opened = 0;
}

/* libzmq keeps what came to an endpoint that is unbound, but would drop what came from
 * one that is disconnected. */
uint64_t message_socket_leave(struct message_socket *socket)
{
    const struct message_socket_config *config = socket->config;
    bool all = true;
    for (uint32_t i = 0; socket->socket && i < config->count; i++) {
        all &= config->ends[i].binds;
        if (config->ends[i].binds)
            unbind(zsock_resolve(socket->socket), &config->ends[i]);
    }
    remove_paths(socket);
    return all ? UINT64_MAX : (uint64_t)config->hwm * config->count;
}

void message_socket_deinit(struct message_socket *socket)
{
    remove_paths(socket);
    if (socket->events)
        monitor_pair_close(socket->socket, &socket->events);
    redial_deinit(&socket->redial);
    zsock_destroy(&socket->socket);
    keys_close(&socket->bound);
    keys_close(&socket->connected);
}

/* ---- connections ---- */

int message_socket_look(struct message_socket *socket, char *error, size_t error_size)
{
    int64_t now_us = clock_now_us();
    if (!socket->events)
        return 0;
    redial_take_events(&socket->redial, socket->events, now_us);
    const char *lost = redial_lost(&socket->redial, now_us);
    if (lost) {
        snprintf(error, error_size,
                 "the connection to %s was closed for what came from there: a frame of "
                 "more than %" PRIu64 " bytes, or one that is not ZeroMQ's",
                 lost, socket->config->message_bytes);
        return -EBADMSG;
    }
    socket->due_us =
        clock_earlier(redial_tick(&socket->redial, now_us), now_us + LOOK_US);
    return 0;
}

int64_t message_socket_due_us(const struct message_socket *socket)
{
    return socket->events ? socket->due_us : NEVER_US;
}

bool message_socket_doubts(const struct message_socket *socket)
{
    return redial_doubts(&socket->redial);
}

/* ---- messages ---- */

/* A key may be revoked after its connection was let in. */
static bool is_refused(struct message_socket *socket, zmq_msg_t *frame)
{
    struct zap_peer peer;
    if (!zap_find_sender(message_socket_keyring(socket), frame, &peer) ||
        (peer.standing == KEY_KNOWN && peer.role == KEY_WORKER))
        return false;
    const char *user = zmq_msg_gets(frame, "User-Id");
    const char *address = zmq_msg_gets(frame, "Peer-Address");
    if (socket->refused++ == 0)
        log_event(LOG_LEVEL_WARN, "refused",
                  "at=input address=%s key=%s why=\"its key is revoked\"",
                  address ? address : "?", user ? user : "?");
    return true;
}

/* A signal interrupts libzmq even in a call that does not wait. */
static int receive(struct message_socket *socket, zmq_msg_t *ret_frame)
{
    int rc;
    zmq_msg_init(ret_frame);
    do
        rc = zmq_msg_recv(ret_frame, zsock_resolve(socket->socket), ZMQ_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    if (rc >= 0)
        return 1;
    int error = errno;
    zmq_msg_close(ret_frame);
    return error == EAGAIN ? 0 : -error;
}

/* All frames of a message have one sender. */
int message_socket_receive(struct message_socket *socket, zmq_msg_t *ret_frame)
{
    enum { REFUSED_MAX = 1000 }; /* a flood of them must not hold up the loop */
    for (int i = 0; i < REFUSED_MAX; i++) {
        int result = receive(socket, ret_frame);
        if (result <= 0 || !is_refused(socket, ret_frame))
            return result;
        zmq_msg_close(ret_frame);
    }
    return -EAGAIN;
}
