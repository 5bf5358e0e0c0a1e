/* SPDX-License-Identifier: MIT */
#include "common/redial/redial.h"

#include "common/log.h"
#include "common/memory.h"
#include "common/net/transport.h"
#include "common/random_id.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libzmq tries again at once, in the thread that saw the end, which may have to wait
 * for a processor. */
enum { DOUBT_US = 2000000 };

/* ---- life ---- */

void redial_init(struct redial *redial, zsock_t *socket, const struct message_end *ends,
                 size_t count, const struct certificate *keys, bool quiet)
{
    *redial = (struct redial){.socket = socket, .keys = keys, .quiet = quiet};
    redial->ends = allocate_zeroed(count, sizeof *redial->ends);
    for (size_t i = 0; i < count; i++) {
        if (ends[i].binds)
            continue;
        struct redial_end *end = &redial->ends[redial->count++];
        end->end = &ends[i];
        retry_init(&end->retry);
    }
}

void redial_deinit(struct redial *redial)
{
    free(redial->ends);
    *redial = (struct redial){.socket = NULL};
}

/* ---- events ---- */

static bool is_of_connecter(int event)
{
    return event == ZMQ_EVENT_CONNECTED || event == ZMQ_EVENT_CONNECT_DELAYED ||
           event == ZMQ_EVENT_CONNECT_RETRIED;
}

/* NULL: it is bound, or nobody knows which it is. */
static struct redial_end *find(struct redial *redial, int event, const char *address)
{
    for (size_t i = 0; i < redial->count; i++)
        if (strcmp(redial->ends[i].end->endpoint, address) == 0 ||
            strcmp(redial->ends[i].address, address) == 0)
            return &redial->ends[i];
    if (redial->count != 1 || !is_of_connecter(event))
        return NULL;
    snprintf(redial->ends[0].address, sizeof redial->ends[0].address, "%s", address);
    return redial->ends;
}

void redial_see(struct redial *redial, int event, const char *address, int64_t now_us)
{
    struct redial_end *end = find(redial, event, address);
    if (!end || end->retry.at_us != NEVER_US)
        return;
    end->ended_us = event == ZMQ_EVENT_DISCONNECTED ? now_us : 0;
    if (event == ZMQ_EVENT_CONNECTED)
        end->welcomed = false;
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
        end->welcomed = true;
}

/* A signal interrupts libzmq even in a call that does not wait. */
static int receive(zsock_t *events, void *bytes, size_t size)
{
    int got;
    do
        got = zmq_recv(zsock_resolve(events), bytes, size, ZMQ_DONTWAIT);
    while (got < 0 && errno == EINTR);
    return got;
}

/* The first frame is the event's number, in 16 bits, and a value, in 32. */
void redial_take_events(struct redial *redial, zsock_t *events, int64_t now_us)
{
    uint16_t event = 0;
    uint8_t head[sizeof event + sizeof(uint32_t)];
    char address[REDIAL_ADDRESS_SIZE];
    while (receive(events, head, sizeof head) >= 0) {
        int got = receive(events, address, sizeof address - 1);
        if (got < 0)
            return;
        address[(size_t)got < sizeof address ? (size_t)got : sizeof address - 1] = '\0';
        memcpy(&event, head, sizeof event);
        redial_see(redial, event, address, now_us);
    }
}

/* ---- ends ---- */

static bool is_lost(const struct redial_end *end, int64_t now_us)
{
    return end->ended_us && now_us - end->ended_us >= DOUBT_US;
}

static void tell(const struct redial *redial, struct redial_end *end)
{
    log_event(LOG_LEVEL_WARN, "connection_ended", "endpoint=%s welcomed=%d",
              end->end->endpoint, end->welcomed);
    if (!end->told && !redial->quiet)
        say("warning: the connection to %s was closed for what came from there: %s; "
            "connecting anew",
            end->end->endpoint,
            end->welcomed ? "too long a message, or one that is not ZeroMQ's"
                          : "it is no socket of ZeroMQ, or only one of us uses keys");
    end->told = true;
}

/* libzmq would take another connection to the same endpoint for this one. */
static void drop(struct redial *redial, struct redial_end *end, int64_t now_us)
{
    tell(redial, end);
    end->ended_us = 0;
    zmq_disconnect(zsock_resolve(redial->socket), end->end->endpoint);
    retry_schedule(&end->retry, id_random().bytes[0], now_us);
}

static void connect_anew(struct redial *redial, struct redial_end *end, int64_t now_us)
{
    char error[600];
    retry_made(&end->retry);
    if (transport_meet(redial->socket, end->end, redial->keys, NULL, error,
                       sizeof error) < 0)
        retry_schedule(&end->retry, id_random().bytes[0], now_us);
}

int64_t redial_tick(struct redial *redial, int64_t now_us)
{
    int64_t due_us = NEVER_US;
    for (size_t i = 0; i < redial->count; i++) {
        struct redial_end *end = &redial->ends[i];
        if (is_lost(end, now_us))
            drop(redial, end, now_us);
        else if (end->retry.at_us <= now_us)
            connect_anew(redial, end, now_us);
        if (end->ended_us)
            due_us = clock_earlier(due_us, end->ended_us + DOUBT_US);
        due_us = clock_earlier(due_us, end->retry.at_us);
    }
    return due_us;
}

bool redial_doubts(const struct redial *redial)
{
    for (size_t i = 0; i < redial->count; i++)
        if (redial->ends[i].ended_us)
            return true;
    return false;
}

const char *redial_lost(const struct redial *redial, int64_t now_us)
{
    for (size_t i = 0; i < redial->count; i++)
        if (redial->ends[i].welcomed && is_lost(&redial->ends[i], now_us))
            return redial->ends[i].end->endpoint;
    return NULL;
}
