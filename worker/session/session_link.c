/* SPDX-License-Identifier: MIT */
/* The results endpoints of the sink, of which the worker tries one after the other. */
#include "common/protocol/payload_compression.h"
#include "worker/session/session_state.h"

enum { ENDPOINT_US = 2000000 /* for a link to open, if there is another endpoint */ };

static void try_next_endpoint(struct session *session)
{
    if (session->endpoints.count)
        session->endpoint = (session->endpoint + 1) % session->endpoints.count;
}

/* A worker that cannot tell whether its link is open is welcomed again where results do
 * not arrive: it tries the next endpoint then. One that can tells that by time. */
void session_take_endpoints(struct session *session, const struct message *message)
{
    struct endpoint_list list;
    session->compression = payload_compression_first(payload_compressions_named(
        message->welcome.capabilities, message->welcome.capability_count));
    session->lends = capability_is_named(message->welcome.capabilities,
                                         message->welcome.capability_count,
                                         CAPABILITY_LOANS);
    session->takes_parts = capability_is_named(message->welcome.capabilities,
                                               message->welcome.capability_count,
                                               CAPABILITY_PARTS);
    endpoint_list_copy(&list, message->welcome.endpoints,
                       message->welcome.endpoint_count);
    if (!endpoint_list_equal(&list, &session->endpoints)) {
        session->endpoints = list;
        session->endpoint = 0;
    } else if (!session->config.monitor) {
        try_next_endpoint(session);
    }
}

/* The sink may be reached at another endpoint. */
void session_check_link(struct session *session, int64_t now_us)
{
    if (!session->liveness.open || session->link != LINK_SHUT ||
        session->endpoints.count < 2 || now_us - session->shut_us < ENDPOINT_US)
        return;
    try_next_endpoint(session);
    session->shut_us = now_us;
    session_act(session, SESSION_OPEN_LINK);
}

/* ---- queries ---- */

enum payload_compression session_compression(const struct session *session)
{
    return session->compression;
}

bool session_takes_parts(const struct session *session)
{
    return session->takes_parts;
}

bool session_lends(const struct session *session)
{
    return session->lends;
}

enum results_link session_link(const struct session *session)
{
    return session->link;
}

bool session_skip_endpoint(struct session *session)
{
    if (session->endpoint + 1 >= session->endpoints.count)
        return false;
    session->endpoint++;
    return true;
}

struct slice session_endpoint_key(const struct session *session)
{
    const struct endpoint *endpoint = &session->endpoints.endpoints[session->endpoint];
    return session->endpoints.count ? (struct slice){endpoint->key, endpoint->key_size}
                                    : (struct slice){0};
}

const char *session_endpoint(const struct session *session)
{
    return session->endpoints.count
               ? session->endpoints.endpoints[session->endpoint].name
               : "";
}
