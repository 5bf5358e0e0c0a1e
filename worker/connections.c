/* SPDX-License-Identifier: MIT */
#include "worker/connections.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/net/connection_monitor.h"
#include "common/net/endpoint_family.h"
#include "common/net/retry.h"
#include "common/net/transport.h"
#include "common/random_id.h"

#include <errno.h>
#include <string.h>

/* libzmq tries on without a word. */
static void warn_of_unknown(const char *endpoint, const char *what, bool *said)
{
    char host[256], quoted[4 * sizeof host];
    if (*said || !endpoint_is_unknown(endpoint) ||
        !endpoint_host(endpoint, host, sizeof host))
        return;
    *said = true;
    say("warning: cannot resolve %s, %s",
        log_quote(quoted, sizeof quoted, host, strlen(host)), what);
}

int connections_connect(const struct resources *resources)
{
    struct uplink *uplink = resources->uplink;
    const char *tasks = resources->tasks;
    chunk_files_close_idle(resources->files);
    if (uplink_socket(uplink))
        log_event(LOG_LEVEL_WARN, "reconnecting", "tasks=%s why=silence", tasks);
    int result = uplink_connect(uplink);
    if (result == 0) {
        static bool said;
        warn_of_unknown(tasks, "the host of --tasks", &said);
        return STATUS_OK;
    }
    say("cannot connect to %s: %s", tasks, zmq_strerror(-result));
    return result == -EINVAL ? STATUS_USAGE : STATUS_PEER;
}

/* A sink may not know a key yet that the ventilator has let in: each looks through the
 * keys at its own time. libzmq tries on by itself only where nobody answers. */
static void on_failed(const struct resources *resources,
                      const struct connection_monitor *monitor, int64_t now_us)
{
    enum connection_trouble trouble = connection_monitor_trouble(monitor);
    if (trouble == TROUBLE_UNREACHED)
        return;
    if (trouble == TROUBLE_KEY)
        log_event(LOG_LEVEL_INFO, "link_refused",
                  "why=\"the sink does not know our key\"");
    retry_schedule(outbox_retry(resources->outbox), id_random().bytes[0], now_us);
}

/* Also right after it was opened, as an event from before the monitor watched wakes no
 * poller. */
static void watch_link(const struct resources *resources, int64_t now_us)
{
    struct connection_monitor *monitor = outbox_monitor(resources->outbox);
    enum connection_event event;
    while (monitor && (event = connection_monitor_next(monitor)) != CONNECTION_NONE) {
        bool open = event == CONNECTION_OPEN;
        if (event == CONNECTION_FAILED)
            on_failed(resources, monitor, now_us);
        if (open)
            retry_init(outbox_retry(resources->outbox));
        log_event(LOG_LEVEL_DEBUG, "link", "open=%d", open);
        session_on_link(resources->session, open, now_us);
    }
}

/* A loan has no name on another host. */
static bool may_lend(const struct resources *resources, const char *endpoint)
{
    return session_lends(resources->session) && !transport_is_tcp(endpoint);
}

/* Results leave for the one key that the ventilator has named, and never in the clear
 * where this worker has a key. */
static int open_link(const struct resources *resources, const char *endpoint)
{
    char key[KEY_TEXT_SIZE] = "";
    struct slice sink = session_endpoint_key(resources->session);
    struct curve curve = resources->curve;
    curve.server_key = key;
    if (sink.size == KEY_BYTES)
        zmq_z85_encode(key, sink.data, sink.size);
    if (transport_is_tcp(endpoint) && resources->keyed != (*key != '\0')) {
        static bool said;
        if (!said)
            say("warning: %s %s: %s", "no results can go to", endpoint,
                *key ? "the sink wants a key: give --keys, as the run does"
                     : "the sink has no key there, and this worker's links have keys");
        said = true;
        outbox_close_link(resources->outbox);
        return -EPROTO;
    }
    return outbox_open_link(
        resources->outbox, endpoint, resources->keyed ? &curve : NULL,
        session_compression(resources->session), may_lend(resources, endpoint),
        session_takes_parts(resources->session));
}

/* The person's own counts before those that the sink names. */
static const char *find_endpoint(const struct resources *resources)
{
    if (resources->results)
        return resources->results;
    while (!transport_may_reach(session_endpoint(resources->session)) &&
           session_skip_endpoint(resources->session))
        ;
    return session_endpoint(resources->session);
}

int connections_open(const struct resources *resources, int64_t now_us)
{
    const char *endpoint = find_endpoint(resources);
    chunk_files_close_idle(resources->files);
    program_set_results(resources->program, session_max_result(resources->session),
                        may_lend(resources, endpoint));
    int result = open_link(resources, endpoint);
    if (result == -EMFILE || result == -ENFILE || result == -ENOMEM) {
        /* This host lacks it, and another ventilator would not help. */
        say("cannot open a socket for results: %s", zmq_strerror(-result));
        return STATUS_IO;
    }
    if (result < 0) /* to the session that is a sink which cannot be reached */
        log_event(LOG_LEVEL_WARN, "no_link", "results=%s error=\"%s\"", endpoint,
                  zmq_strerror(-result));
    static bool said;
    warn_of_unknown(endpoint,
                    "where the sink says that it is: give the sink --advertise, with a "
                    "name or an address that is known here",
                    &said);
    watch_link(resources, now_us);
    return STATUS_OK;
}

int connections_watch(const struct resources *resources, int64_t now_us)
{
    watch_link(resources, now_us);
    return now_us < outbox_retry(resources->outbox)->at_us
               ? STATUS_OK
               : connections_open(resources, now_us);
}

int64_t connections_tick(const struct resources *resources, int64_t now_us)
{
    return clock_earlier(uplink_tick(resources->uplink, now_us),
                         outbox_retry(resources->outbox)->at_us);
}
