/* SPDX-License-Identifier: MIT */
/*
 * Says PING of no session, to which every ventilator has an answer: WHO, or REJECT
 * where the key may not take part.
 */
#include "worker/check.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/keys/key_source.h"
#include "common/net/uplink.h"
#include "common/process/runtime_dir.h"
#include <stdio.h>
#include <string.h>

/* A path of this host answers at once. */
#define CHECK_US      (10 * SECOND_US)
#define CHECK_HERE_US SECOND_US

#define STEADY_US (SECOND_US)

enum { ERROR_MAX = 1024, LOOK_MS = 50 };

struct check {
    const char *endpoint;
    struct keys keys;
    struct curve curve;
    struct uplink *uplink;
    const zsock_t *pinged; /* the last socket that has said PING */
};

static int open_keys(struct check *check, const struct common_options *options,
                     char *error, size_t error_size)
{
    int given = keys_open(&check->keys, KEY_WORKER, options->keys, options->insecure,
                          error, error_size);
    check->curve = uplink_curve(&check->keys.own);
    if (given < 0)
        return given;
    int result = endpoint_check(check->endpoint, given > 0 || options->insecure, error,
                                error_size);
    if (result < 0)
        return result;
    check->uplink = uplink_new(check->endpoint, given > 0 ? &check->curve : NULL);
    return 0;
}

static int say_answer(const struct check *check, const struct message *message)
{
    char text[400];
    if (message->type == MESSAGE_REJECT) {
        slice_copy_printable(message->reject.text, text, sizeof text);
        say("%s: the ventilator rejects this worker: %s", check->endpoint, text);
        return STATUS_PEER;
    }
    printf("%s: a ventilator answers%s\n", check->endpoint,
           *check->curve.server_key && transport_is_tcp(check->endpoint)
               ? ", and lets this key in"
               : "");
    return fflush(stdout) == 0 ? STATUS_OK : STATUS_IO;
}

/* Another attempt would come to the same, or tells no more. A peer that ends the
 * handshake may do so because it just starts. */
static bool is_final(enum connection_trouble trouble, const char *text, int64_t held_us)
{
    switch (trouble) {
    case TROUBLE_KEY:
    case TROUBLE_MECHANISM:
        return true;
    case TROUBLE_UNREACHED:
        return !strstr(text, "no answer");
    case TROUBLE_NO_SERVICE:
    case TROUBLE_BROKEN:
        return held_us >= STEADY_US;
    case TROUBLE_NONE:
    case TROUBLE_PENDING:
    case TROUBLE_MUTE:
        return false;
    }
    return false;
}

static void *handle_of(zsock_t *socket)
{
    return socket ? zsock_resolve(socket) : NULL;
}

/* A socket that is new has not said it yet. */
static void say_ping(struct check *check)
{
    struct message message = {.type = MESSAGE_PING};
    zsock_t *socket = uplink_socket(check->uplink);
    if (socket && socket != check->pinged)
        uplink_send(check->uplink, &message);
    check->pinged = socket;
}

static void wait_for_events(const struct check *check)
{
    zmq_pollitem_t items[] = {
        {.socket = handle_of(uplink_socket(check->uplink)),
         .fd = -1,
         .events = ZMQ_POLLIN},
        {.socket = handle_of(uplink_monitor(check->uplink)),
         .fd = -1,
         .events = ZMQ_POLLIN},
    };
    zmq_poll(items, 2, LOOK_MS);
}

static int ask(struct check *check)
{
    struct message message;
    char text[ERROR_MAX] = "";
    int64_t now_us = clock_now_us(), since_us = now_us;
    int64_t end_us = now_us +
                     (transport_is_tcp(check->endpoint) ? CHECK_US : CHECK_HERE_US);
    enum connection_trouble trouble = TROUBLE_NONE;
    while (now_us < end_us && !is_final(trouble, text, now_us - since_us)) {
        say_ping(check);
        wait_for_events(check);
        now_us = clock_now_us();
        if (uplink_receive(check->uplink, &message))
            return say_answer(check, &message);
        uplink_tick(check->uplink, now_us);
        enum connection_trouble before = trouble;
        trouble = uplink_trouble(check->uplink, text, sizeof text);
        if (trouble != before)
            since_us = now_us;
    }
    say("%s: %s", check->endpoint, *text ? text : "no ventilator answers");
    return STATUS_PEER;
}

int check_run(const char *endpoint, const struct common_options *options)
{
    char error[ERROR_MAX] = "";
    struct check check = {.endpoint = endpoint};
    int status = STATUS_USAGE;
    if (open_keys(&check, options, error, sizeof error) < 0) {
        say("%s", error);
    } else if (transport_init(error, sizeof error) < 0) {
        say("%s", error);
        status = STATUS_IO;
    } else {
        int result = uplink_connect(check.uplink);
        if (result == 0)
            status = ask(&check);
        else
            say("cannot connect to %s: %s", endpoint, zmq_strerror(-result));
        uplink_destroy(&check.uplink);
        transport_deinit();
    }
    uplink_destroy(&check.uplink);
    keys_close(&check.keys);
    return status;
}
