/* SPDX-License-Identifier: MIT */
#include "common/redial/redial.h"

#include "common/log.h"
#include "common/memory.h"
#include "common/net/monitor_pair.h"
#include "common/net/transport.h"
#include "common/random_id.h"
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

void redial_take_events(struct redial *redial, zsock_t *events, int64_t now_us)
{
    struct monitor_event event;
    while (monitor_pair_next(events, &event))
        redial_see(redial, event.number, event.address, now_us);
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
