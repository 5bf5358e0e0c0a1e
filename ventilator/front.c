/* SPDX-License-Identifier: MIT */
/* Binds the public endpoint first, as that is the one that a person hears of. */
#include "ventilator/front.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/keys/key_source.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/net/ipc_keeper.h"
#include "common/net/transport.h"
#include "common/process/runtime_dir.h"
#include "common/protocol/protocol.h"
#include "ventilator/join_line.h"
#include "ventilator/places.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ERROR_MAX = 4096 };

struct front {
    struct keys keys;
    struct zap *zap;                 /* NULL: neither a link nor an input has keys */
    bool keyed;                      /* links have keys */
    bool tcp;                        /* allowed: there are keys, or nobody wants any */
    struct runtime_dir *runtime_dir; /* NULL: an endpoint was given */
    zsock_t *router;
    struct ipc_keeper *keeper; /* of the private endpoint; NULL: it is no file */
    struct keyring *input;     /* of a bound input; borrowed, or NULL */
    struct places places;
    char endpoint[512];
};

static int find_endpoint(struct front *front, const struct common_options *options,
                         const char **ret_endpoint)
{
    char error[ERROR_MAX] = "";
    int result;
    if (options->tasks) {
        *ret_endpoint = options->tasks;
        result = endpoint_check(options->tasks, front->tcp, error, sizeof error);
    } else {
        result =
            runtime_dir_open(options->name, &front->runtime_dir, error, sizeof error);
        if (result == 0)
            result =
                runtime_dir_lock(front->runtime_dir, "ventilator", error, sizeof error);
        if (result == 0)
            *ret_endpoint = runtime_dir_endpoint(front->runtime_dir, "tasks");
    }
    if (result == 0)
        return STATUS_OK;
    say("%s", error);
    return result == -EINVAL  ? STATUS_USAGE
           : result == -EBUSY ? STATUS_PEER
                              : STATUS_IO;
}

static int cannot_bind(const char *endpoint, int error)
{
    say("cannot bind %s: %s", endpoint, transport_bind_text(error));
    return transport_bind_status(error);
}

static int open_keys(struct front *front, const struct common_options *options)
{
    char error[ERROR_MAX] = "";
    int given = keys_open(&front->keys, KEY_VENTILATOR, options->keys,
                          options->insecure, error, sizeof error);
    front->keyed = given > 0;
    front->tcp = front->keyed || options->insecure;
    if (given > 0 && (given = keyring_watch(front->keys.keyring)) < 0)
        snprintf(error, sizeof error, "cannot start a process: %s", strerror(-given));
    if (given < 0)
        say("%s", error);
    return keys_status(given);
}

static int open_zap(struct front *front)
{
    if (!front->keys.keyring || (front->zap = zap_new(front->keys.keyring)))
        return STATUS_OK;
    say("cannot ask for keys: %s", zmq_strerror(errno));
    return STATUS_IO;
}

static void warn_of_strangers(const struct front *front,
                              const struct common_options *options)
{
    if (!front->keyed && transport_is_tcp(front->endpoint) && !options->quiet)
        say("warning: --insecure: anyone who can reach %s can read the data and join "
            "the run",
            front->endpoint);
}

/* What other hosts reach first, as that is the endpoint that a person hears of. */
static int bind_router(struct front *front, const char *endpoint, const char *also)
{
    struct curve curve = {
        .public_key = front->keys.own.public_key,
        .secret_key = front->keys.own.secret_key,
        .domain = ZAP_TASKS,
    };
    const struct curve *guard = front->keyed ? &curve : NULL;
    front->router = transport_bind_router(endpoint, HEADER_MAX, guard);
    if (!front->router)
        return cannot_bind(endpoint, errno);
    snprintf(front->endpoint, sizeof front->endpoint, "%s",
             transport_endpoint(front->router));
    int result = also ? transport_bind_also(front->router, also, guard) : 0;
    if (result < 0)
        return cannot_bind(also, -result);
    result = front->zap ? zap_watch(front->zap, front->router, ZAP_TASKS) : 0;
    return result < 0 ? cannot_bind(endpoint, -result) : STATUS_OK;
}

int front_publish(const struct front *front, const struct ventilator_options *options,
                  const struct endpoint_list *results)
{
    int result = endpoint_file_write(options, front->endpoint,
                                     front->keyed ? front->keys.own.public_key : NULL,
                                     results);
    if (result == 0)
        return STATUS_OK;
    say("cannot write %s: %s", options->endpoint_file, strerror(-result));
    return STATUS_IO;
}

int front_bind(struct front *front, const struct ventilator_options *options)
{
    const char *private, *endpoint;
    const struct common_options *common = &options->common;
    char complete[sizeof front->endpoint];
    int status = open_zap(front);
    endpoint_file_remove(options); /* a run that was killed may have left it */
    transport_choose_ports(common->ports);
    if (status == STATUS_OK)
        status = find_endpoint(front, common, &private);
    if (status != STATUS_OK)
        return status;
    endpoint = options->public_tasks ? options->public_tasks : private;
    if (!ports_complete(endpoint, TASKS_PORT, common->interface, complete,
                        sizeof complete))
        return cannot_bind(endpoint, ENAMETOOLONG);
    endpoint = complete;
    status = bind_router(front, endpoint, options->public_tasks ? private : NULL);
    if (status != STATUS_OK)
        return status;
    front->keeper = ipc_keeper_new(front->router, private, clock_now_us());
    log_event(LOG_LEVEL_INFO, "bound", "tasks=%s", front->endpoint);
    places_tell_tasks(&front->places, front->endpoint);
    bool tcp = transport_is_tcp(endpoint);
    bool placed = options->ready_file || options->places_fd >= 0;
    if (tcp && !common->quiet && !placed &&
        (options->join_key || ports_is_chosen(endpoint, NULL)))
        join_line_say(options, front->endpoint);
    warn_of_strangers(front, common);
    return front_publish(front, options, NULL);
}

int front_new(const struct ventilator_options *options, struct front **ret_front)
{
    struct front *front = allocate_zeroed(1, sizeof *front);
    places_init(&front->places, options->places_fd);
    int status = open_keys(front, &options->common);
    if (status == STATUS_OK)
        *ret_front = front;
    else
        front_close(&front);
    return status;
}

void front_close(struct front **front_p)
{
    struct front *front = *front_p;
    if (!front)
        return;
    ipc_keeper_destroy(&front->keeper);
    zap_unwatch(front->zap);
    transport_close_bound(&front->router);
    zap_destroy(&front->zap);
    keys_close(&front->keys);
    runtime_dir_close(&front->runtime_dir);
    free(front);
    *front_p = NULL;
}

zsock_t *front_router(const struct front *front)
{
    return front->router;
}

const char *front_endpoint(const struct front *front)
{
    return front->endpoint;
}

int front_places_descriptor(const struct front *front)
{
    return front->places.fd;
}

struct zap *front_zap(const struct front *front)
{
    return front->zap;
}

int front_keys_descriptor(const struct front *front)
{
    return keyring_descriptor(front->keys.keyring);
}

int front_input_keys_descriptor(const struct front *front)
{
    return keyring_descriptor(front->input);
}

int front_guard_input(struct front *front, struct keyring *keyring)
{
    if (!keyring)
        return STATUS_OK;
    if (!front->zap && !(front->zap = zap_new(NULL))) {
        say("cannot ask for keys: %s", zmq_strerror(errno));
        return STATUS_IO;
    }
    front->input = keyring;
    zap_set_input(front->zap, keyring);
    return STATUS_OK;
}

static int64_t keyring_due(struct keyring *keyring, int64_t now_us)
{
    return keyring ? keyring_tick(keyring, now_us) : NEVER_US;
}

int64_t front_tick(struct front *front, const struct ingest *ingest, int64_t now_us)
{
    int64_t places_us = places_tick(&front->places, ingest, now_us);
    int64_t due_us = ipc_keeper_tick(front->keeper, now_us);
    int64_t keys_us = keyring_due(front->keys.keyring, now_us);
    int64_t input_us = keyring_due(front->input, now_us);
    keys_us = input_us < keys_us ? input_us : keys_us;
    zap_answer(front->zap);
    return clock_earlier(places_us, keys_us < due_us ? keys_us : due_us);
}
