/* SPDX-License-Identifier: MIT */
/*
 * libzmq reports the descriptor of a connection with ACCEPTED and with DISCONNECTED,
 * and the cause, without it, immediately before the latter.
 */
#include "common/net/handshake_watch.h"

#include "common/memory.h"
#include "common/net/monitor_pair.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    WATCHED_EVENTS = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                     ZMQ_EVENT_DISCONNECTED,
    PEERS_MAX = 1024, /* a power of two */
};

struct handshake_peer {
    int fd; /* -1: nobody */
    char address[HANDSHAKE_ADDRESS_MAX];
};

struct handshake_watch {
    zsock_t *watched; /* not ours */
    zsock_t *events;
    const char *why; /* of the connection that is about to end; NULL: nothing special */
    struct handshake_peer peers[PEERS_MAX]; /* by the low bits of the descriptor */
};

struct handshake_watch *handshake_watch_new(zsock_t *bound)
{
    zsock_t *events = monitor_pair_open(bound, WATCHED_EVENTS);
    if (!events)
        return NULL;
    struct handshake_watch *watch = allocate_zeroed(1, sizeof *watch);
    watch->watched = bound;
    watch->events = events;
    for (size_t i = 0; i < PEERS_MAX; i++)
        watch->peers[i].fd = -1;
    return watch;
}

void handshake_watch_destroy(struct handshake_watch **watch_p)
{
    struct handshake_watch *watch = *watch_p;
    if (!watch)
        return;
    monitor_pair_close(watch->watched, &watch->events);
    free(watch);
    *watch_p = NULL;
}

zsock_t *handshake_watch_socket(const struct handshake_watch *watch)
{
    return watch->events;
}

/* The descriptor is libzmq's, which may have closed it already. */
static void on_accepted(struct handshake_watch *watch, int fd)
{
    struct handshake_peer *peer = &watch->peers[fd & (PEERS_MAX - 1)];
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    peer->fd = fd;
    if (getpeername(fd, (struct sockaddr *)&address, &size) < 0 ||
        getnameinfo((struct sockaddr *)&address, size, peer->address,
                    sizeof peer->address, NULL, 0, NI_NUMERICHOST) != 0)
        strcpy(peer->address, "?");
}

/* A stranger may send anything in place of a handshake. */
static const char *cause_of(uint32_t value)
{
    switch (value) {
    case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
        return "no key";
    case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC:
        return "its key was made for another one than this";
    default:
        return "no handshake of ZeroMQ's";
    }
}

static const char *on_disconnected(struct handshake_watch *watch, int fd,
                                   char address[HANDSHAKE_ADDRESS_MAX])
{
    struct handshake_peer *peer = &watch->peers[fd & (PEERS_MAX - 1)];
    const char *why = watch->why;
    strcpy(address, peer->fd == fd ? peer->address : "?");
    watch->why = NULL;
    if (peer->fd == fd)
        peer->fd = -1;
    return why;
}

static const char *on_event(struct handshake_watch *watch,
                            const struct monitor_event *event,
                            char address[HANDSHAKE_ADDRESS_MAX])
{
    if (event->number == ZMQ_EVENT_ACCEPTED)
        on_accepted(watch, (int)event->value);
    else if (event->number == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
        watch->why = cause_of(event->value);
    else if (event->number == ZMQ_EVENT_DISCONNECTED)
        return on_disconnected(watch, (int)event->value, address);
    return NULL;
}

const char *handshake_watch_next(struct handshake_watch *watch,
                                 char address[HANDSHAKE_ADDRESS_MAX])
{
    const char *why = NULL;
    struct monitor_event event;
    while (!why && monitor_pair_next(watch->events, &event))
        why = on_event(watch, &event, address);
    return why;
}
