/* SPDX-License-Identifier: MIT */
/* A DEALER and its monitor, an encoder and a decoder. Garbage is counted, and logged
 * once. */
#include "common/net/uplink.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/net/dial.h"
#include "common/net/endpoint_family.h"
#include "common/net/envelope.h"
#include "common/net/retry.h"
#include "common/protocol/protocol.h"
#include "common/random_id.h"
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIAL_LOOK_US (SECOND_US / 20)

struct uplink {
    const char *endpoint;
    const struct curve *curve; /* NULL: no keys */
    zsock_t *dealer;
    struct connection_monitor *monitor; /* of the dealer */
    enum connection_trouble trouble;    /* of this dealer and of those before it */
    struct dial dial;
    struct retry retry; /* of the dealer */
    bool heard;         /* a message came: there is a ventilator at the other end */
    struct encoder *encoder;
    struct decoder *decoder;
    struct envelope envelope;
    uint64_t garbage;
    uint64_t unknown; /* the last unknown type of message; 0: none came */
};

struct curve uplink_curve(const struct certificate *own)
{
    return (struct curve){
        .public_key = own->public_key,
        .secret_key = own->secret_key,
        .server_key = own->ventilator,
    };
}

struct uplink *uplink_new(const char *endpoint, const struct curve *curve)
{
    struct uplink *uplink = allocate_zeroed(1, sizeof *uplink);
    uplink->endpoint = endpoint;
    uplink->curve = curve;
    uplink->dial = DIAL_NONE;
    retry_init(&uplink->retry);
    uplink->encoder = encoder_new();
    uplink->decoder = decoder_new();
    envelope_init(&uplink->envelope);
    return uplink;
}

void uplink_destroy(struct uplink **uplink_p)
{
    struct uplink *uplink = *uplink_p;
    if (!uplink)
        return;
    if (uplink->dealer && !uplink->heard)
        zsock_set_linger(uplink->dealer, 0); /* nobody waits for our last message */
    connection_monitor_destroy(&uplink->monitor);
    zsock_destroy(&uplink->dealer);
    dial_close(&uplink->dial);
    envelope_deinit(&uplink->envelope);
    decoder_destroy(&uplink->decoder);
    encoder_destroy(&uplink->encoder);
    free(uplink);
    *uplink_p = NULL;
}

int uplink_connect(struct uplink *uplink)
{
    connection_monitor_destroy(&uplink->monitor);
    zsock_destroy(&uplink->dealer);
    uplink->heard = false;
    retry_made(&uplink->retry);
    uplink->dealer =
        transport_connect_dealer(uplink->endpoint, uplink->curve, &uplink->monitor);
    return uplink->dealer != NULL ? 0 : -errno;
}

/* ---- why there is no connection ---- */

static void schedule_retry(struct uplink *uplink, int64_t now_us)
{
    retry_schedule(&uplink->retry, id_random().bytes[0], now_us);
}

static void on_failed(struct uplink *uplink, int64_t now_us)
{
    enum connection_trouble trouble = connection_monitor_trouble(uplink->monitor);
    if (trouble != TROUBLE_UNREACHED)
        schedule_retry(uplink, now_us);
    if (trouble != TROUBLE_KEY && transport_is_tcp(uplink->endpoint))
        dial_start(&uplink->dial, uplink->endpoint, now_us);
}

static void watch(struct uplink *uplink, int64_t now_us)
{
    enum connection_event event;
    while ((event = connection_monitor_next(uplink->monitor)) != CONNECTION_NONE) {
        if (event == CONNECTION_FAILED)
            on_failed(uplink, now_us);
        if (event != CONNECTION_OPEN)
            continue;
        uplink->trouble = TROUBLE_NONE;
        retry_init(&uplink->retry);
        dial_close(&uplink->dial);
    }
    enum connection_trouble trouble = connection_monitor_trouble(uplink->monitor);
    bool told = trouble == TROUBLE_UNREACHED || trouble > TROUBLE_MUTE;
    if (told || uplink->trouble <= TROUBLE_PENDING)
        uplink->trouble = trouble;
    dial_check(&uplink->dial, now_us);
}

int64_t uplink_tick(struct uplink *uplink, int64_t now_us)
{
    if (uplink->monitor)
        watch(uplink, now_us);
    if (now_us >= uplink->retry.at_us) {
        enum connection_trouble before = uplink->trouble;
        int error = uplink_connect(uplink);
        uplink->trouble = before;
        if (error < 0)
            schedule_retry(uplink, now_us);
    }
    if (uplink->dial.fd >= 0 && now_us + DIAL_LOOK_US < uplink->retry.at_us)
        return now_us + DIAL_LOOK_US;
    return uplink->retry.at_us;
}

/* A peer that ends a handshake may do so before libzmq has read what it says of itself:
 * the dial has. */
static enum connection_trouble find_trouble(const struct uplink *uplink)
{
    const struct dial *dial = &uplink->dial;
    enum connection_trouble trouble = uplink->trouble;
    if (trouble != TROUBLE_NO_SERVICE && trouble != TROUBLE_BROKEN)
        return trouble;
    if (!dial->ended)
        return dial->fd >= 0 ? TROUBLE_MUTE : trouble;
    if (dial->silent)
        return TROUBLE_MUTE;
    if (dial->error != 0 || !*dial->mechanism)
        return TROUBLE_NO_SERVICE;
    return strcmp(dial->mechanism, uplink->curve ? "CURVE" : "NULL") == 0
               ? TROUBLE_BROKEN
               : TROUBLE_MECHANISM;
}

zsock_t *uplink_monitor(const struct uplink *uplink)
{
    return uplink->monitor ? connection_monitor_socket(uplink->monitor) : NULL;
}

struct connection_monitor *uplink_connection(const struct uplink *uplink)
{
    return uplink->monitor;
}

static const char *unreached_text(const struct uplink *uplink)
{
    const struct dial *dial = &uplink->dial;
    switch (dial->ended || dial->fd < 0 ? dial->error : EINPROGRESS) {
    case 0:
        return "the connection does not come about";
    case ECONNREFUSED:
        return "refused: no program listens there";
    case EHOSTUNREACH:
    case ENETUNREACH:
        return "no route leads there";
    case EINPROGRESS:
    case ETIMEDOUT:
        return "no answer: it is switched off, or a firewall is between";
    default:
        return strerror(dial->error);
    }
}

static const char *trouble_text(const struct uplink *uplink,
                                enum connection_trouble trouble)
{
    switch (trouble) {
    case TROUBLE_NONE:
        return "";
    case TROUBLE_PENDING:
        return "no answer yet";
    case TROUBLE_UNREACHED:
        return transport_is_tcp(uplink->endpoint) ? unreached_text(uplink) : "";
    case TROUBLE_MUTE:
        return "a program takes the connection there, and does not answer";
    case TROUBLE_NO_SERVICE:
        return "the program that listens there is no fanfold-ventilator";
    case TROUBLE_BROKEN:
        return uplink->curve ? "it has another key than the one that ours was made for"
                             : "it ends the handshake";
    case TROUBLE_KEY:
        return "it does not let this key in: unknown or revoked";
    case TROUBLE_MECHANISM:
        return uplink->curve ? "it takes no keys: it was started with --insecure"
                             : "it lets nobody in without a key: give --keys";
    }
    return "";
}

enum connection_trouble uplink_trouble(const struct uplink *uplink, char *text,
                                       size_t size)
{
    char host[200], quoted[4 * sizeof host];
    /* libzmq tries on without an event. */
    if (!uplink->heard && endpoint_is_unknown(uplink->endpoint) &&
        endpoint_host(uplink->endpoint, host, sizeof host)) {
        snprintf(text, size, "cannot resolve %s",
                 log_quote(quoted, sizeof quoted, host, strlen(host)));
        return TROUBLE_UNREACHED;
    }
    enum connection_trouble trouble = find_trouble(uplink);
    snprintf(text, size, "%s", trouble_text(uplink, trouble));
    return *text ? trouble : TROUBLE_NONE;
}

/* ---- messages ---- */

void uplink_send(struct uplink *uplink, const struct message *message)
{
    int result;
    if (!uplink->dealer)
        return;
    result =
        envelope_send(uplink->dealer, encoder_write(uplink->encoder, message), NULL);
    if (result < 0)
        log_event(LOG_LEVEL_DEBUG, "unsent", "message=%s error=\"%s\"",
                  message_type_name(message->type), zmq_strerror(-result));
}

/* The sender hears that nobody does what that message asks. */
static void say_unknown(struct uplink *uplink, uint64_t type)
{
    struct message message = {.type = MESSAGE_UNKNOWN, .unknown = {.type = type}};
    if (type == uplink->unknown)
        return;
    uplink->unknown = type;
    log_event(LOG_LEVEL_WARN, "unknown_type", "type=%llu", (unsigned long long)type);
    uplink_send(uplink, &message);
}

static bool read_message(struct uplink *uplink, struct message *ret_message)
{
    struct envelope *envelope = &uplink->envelope;
    size_t payload = envelope->frames == 2 ? zmq_msg_size(&envelope->payload)
                                           : PAYLOAD_NONE;
    enum decode_error error = DECODE_STRAY_PAYLOAD;
    if (envelope->frames <= 2)
        error = decoder_read(uplink->decoder, zmq_msg_data(&envelope->header),
                             zmq_msg_size(&envelope->header), payload, ret_message);
    if (error == DECODE_UNKNOWN_TYPE)
        say_unknown(uplink, decoder_type(uplink->decoder));
    if (error != DECODE_NONE && uplink->garbage++ == 0) {
        char why[200];
        decoder_complain(uplink->decoder, error, why, sizeof why);
        log_event(LOG_LEVEL_WARN, "garbage", "at=tasks why=\"%s\"", why);
    }
    return error == DECODE_NONE;
}

bool uplink_receive(struct uplink *uplink, struct message *ret_message)
{
    enum { GARBAGE_MAX = 256 }; /* a call */
    for (int i = 0; uplink->dealer && i < GARBAGE_MAX; i++) {
        if (envelope_receive(uplink->dealer, &uplink->envelope) <= 0)
            return false;
        uplink->heard = true;
        uplink->trouble = TROUBLE_NONE; /* the monitor may tell later that it is open */
        if (read_message(uplink, ret_message))
            return true;
    }
    return false;
}

zmq_msg_t *uplink_payload(struct uplink *uplink)
{
    return &uplink->envelope.payload;
}

zsock_t *uplink_socket(const struct uplink *uplink)
{
    return uplink->dealer;
}

const char *uplink_endpoint(const struct uplink *uplink)
{
    return uplink->endpoint;
}

/* Only we can make something of this name. */
static bool is_in_own_directory(const char *path)
{
    char directory[PATH_MAX];
    struct stat status;
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash - path) : 0;
    snprintf(directory, sizeof directory, "%.*s/", slash ? length : 1,
             slash ? path : ".");
    return stat(directory, &status) == 0 && status.st_uid == geteuid() &&
           !(status.st_mode & (S_IWGRP | S_IWOTH));
}

bool uplink_is_own(const struct uplink *uplink)
{
    struct stat status;
    const char *path = transport_path(uplink->endpoint);
    if (!path)
        return false;
    if (stat(path, &status) < 0) /* the ventilator comes later */
        return errno == ENOENT && is_in_own_directory(path);
    return S_ISSOCK(status.st_mode) && status.st_uid == geteuid();
}
