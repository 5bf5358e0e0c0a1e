/* SPDX-License-Identifier: MIT */
/*
 * Messages in and out of a socket, whole and without blocking. libzmq hands a message
 * over only when all its frames are here, so once the first frame is read the others
 * follow at once.
 *
 * A ROUTER names a peer by the routing id that libzmq made: a zero byte and four more,
 * which are our `peer`. The messages of a peer that chose its own id are dropped.
 */
#include "common/net/envelope.h"

#include "common/log.h"
#include "common/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ROUTING_ID_BYTES = 5, STRANGERS_PER_CALL = 64 };

void envelope_init(struct envelope *envelope)
{
    *envelope = (struct envelope){0};
    zmq_msg_init(&envelope->header);
    zmq_msg_init(&envelope->payload);
}

void envelope_deinit(struct envelope *envelope)
{
    zmq_msg_close(&envelope->header);
    zmq_msg_close(&envelope->payload);
}

/* A signal interrupts libzmq even in a call that does not wait. */
static int receive_frame(void *handle, zmq_msg_t *frame)
{
    int rc;
    do
        rc = zmq_msg_recv(frame, handle, ZMQ_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}

static int send_frame(void *handle, zmq_msg_t *frame, int flags)
{
    int rc;
    do
        rc = zmq_msg_send(frame, handle, flags | ZMQ_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}

/* Reads to the message's end. The number of frames read, or -errno. */
static int drain_message(void *handle, bool more)
{
    int frames = 0, rc = 0;
    while (more && rc == 0) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        rc = receive_frame(handle, &frame);
        more = rc == 0 && zmq_msg_more(&frame);
        frames++;
        zmq_msg_close(&frame);
    }
    return rc < 0 ? rc : frames;
}

/* The frames behind a routing id, or all of them. */
static int receive_message(void *handle, struct envelope *envelope)
{
    envelope->frames = 0;
    zmq_msg_close(&envelope->payload);
    zmq_msg_init(&envelope->payload);
    int rc = receive_frame(handle, &envelope->header);
    if (rc < 0)
        return rc == -EAGAIN ? 0 : rc;
    envelope->frames = 1;
    if (!zmq_msg_more(&envelope->header))
        return 1;
    rc = receive_frame(handle, &envelope->payload);
    if (rc < 0)
        return rc;
    rc = drain_message(handle, zmq_msg_more(&envelope->payload));
    envelope->frames = 2 + (rc > 0 ? (unsigned)rc : 0);
    return rc < 0 ? rc : 1;
}

static void write_routing_id(uint32_t peer, uint8_t bytes[ROUTING_ID_BYTES])
{
    bytes[0] = 0;
    for (int i = 0; i < 4; i++)
        bytes[1 + i] = (uint8_t)(peer >> (24 - 8 * i));
}

static bool read_routing_id(zmq_msg_t *frame, uint32_t *ret_peer)
{
    const uint8_t *bytes = zmq_msg_data(frame);
    if (zmq_msg_size(frame) != ROUTING_ID_BYTES || bytes[0] != 0 ||
        !zmq_msg_more(frame))
        return false;
    *ret_peer = (uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 |
                (uint32_t)bytes[3] << 8 | bytes[4];
    return true;
}

static void log_stranger_once(zmq_msg_t *frame)
{
    static bool logged;
    if (logged)
        return;
    logged = true;
    char id[64];
    log_quote(id, sizeof id, zmq_msg_data(frame), zmq_msg_size(frame));
    log_event(LOG_LEVEL_WARN, "routing_id_refused", "id=%s", id);
}

/* The sender of the next message: 1 and *ret_peer; 0: there is none, or it was a
 * stranger's and is dropped (*ret_stranger). */
static int receive_peer(void *handle, uint32_t *ret_peer, bool *ret_stranger)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    int rc = receive_frame(handle, &frame);
    *ret_stranger = false;
    if (rc == 0 && read_routing_id(&frame, ret_peer)) {
        rc = 1;
    } else if (rc == 0) {
        *ret_stranger = true;
        log_stranger_once(&frame);
        rc = drain_message(handle, zmq_msg_more(&frame));
        rc = rc < 0 ? rc : 0;
    }
    zmq_msg_close(&frame);
    return rc == -EAGAIN ? 0 : rc;
}

/* libzmq says "localhost:UID:GID:PID" of an ipc connection, and a number of a tcp
 * connection. */
pid_t envelope_process(const struct envelope *envelope)
{
    zmq_msg_t *header = (zmq_msg_t *)&envelope->header; /* it only looks */
    const char *address = zmq_msg_gets(header, "Peer-Address");
    int pid = 0;
    if (!address || sscanf(address, "localhost:%*u:%*u:%d", &pid) != 1)
        return 0;
    return pid > 0 ? pid : 0;
}

int envelope_receive_router(zsock_t *router, struct envelope *envelope)
{
    void *handle = zsock_resolve(router);
    int rc = 0;
    bool stranger = true;
    for (int i = 0; rc == 0 && stranger && i < STRANGERS_PER_CALL; i++)
        rc = receive_peer(handle, &envelope->peer, &stranger);
    return rc == 1 ? receive_message(handle, envelope) : rc;
}

int envelope_receive(zsock_t *socket, struct envelope *envelope)
{
    envelope->peer = 0;
    return receive_message(zsock_resolve(socket), envelope);
}

static void frame_init_copy(zmq_msg_t *frame, const void *data, size_t size)
{
    if (zmq_msg_init_size(frame, size) < 0)
        abort_out_of_memory();
    if (size > 0)
        memcpy(zmq_msg_data(frame), data, size);
}

static int send_message(void *handle, struct slice header, zmq_msg_t *payload)
{
    zmq_msg_t frame;
    frame_init_copy(&frame, header.data, header.size);
    int rc = send_frame(handle, &frame, payload ? ZMQ_SNDMORE : 0);
    if (rc < 0)
        zmq_msg_close(&frame);
    /* If the connection breaks between the two frames, libzmq takes the first back and
     * says EAGAIN, or swallows both. */
    return rc == 0 && payload ? send_frame(handle, payload, 0) : rc;
}

/* A ROUTER can refuse only the routing frame. If the peer goes after that, the ROUTER
 * swallows the rest. */
int envelope_send_to(zsock_t *router, uint32_t peer, struct slice header,
                     zmq_msg_t *payload)
{
    void *handle = zsock_resolve(router);
    uint8_t routing_id[ROUTING_ID_BYTES];
    write_routing_id(peer, routing_id);
    zmq_msg_t frame;
    frame_init_copy(&frame, routing_id, sizeof routing_id);
    int rc = send_frame(handle, &frame, ZMQ_SNDMORE);
    if (rc < 0) {
        zmq_msg_close(&frame);
        return rc;
    }
    rc = send_message(handle, header, payload);
    assert(rc == 0);
    return 0;
}

int envelope_send(zsock_t *socket, struct slice header, zmq_msg_t *payload)
{
    return send_message(zsock_resolve(socket), header, payload);
}
