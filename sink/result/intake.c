/* SPDX-License-Identifier: MIT */
/* One PULL socket, its decoder, and the endpoints by which it is reached. */
#include "sink/result/intake.h"
#include "common/clock.h"
#include "common/loan/borrow.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/net/envelope.h"
#include "common/net/ipc_keeper.h"
#include "common/net/payload_codec.h"
#include "common/net/transport.h"
#include "common/protocol/protocol.h"
#include "sink/result/advertise.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct intake {
    const struct zap *zap; /* NULL: links have no keys */
    zsock_t *pull;
    struct ipc_keeper *keeper; /* of the socket's file; NULL: it has none */
    struct decoder *decoder;
    struct payload_codec *codec;
    struct envelope envelope;
    uint64_t garbage;
    uint64_t max_result_bytes;     /* 0: no limit */
    uint64_t borrowed, unborrowed; /* results that workers lent */
    uint64_t refused;              /* results whose sender's key is revoked */
    char bound[NAME_MAX_BYTES + 1];
    struct endpoint_list endpoints;
};

enum { FRAME_ROOM_BYTES = 64 << 20 };

/* 0 or -errno; *ret_endpoint is the one that was bound last, or could not be. */
static int bind_all(struct intake *intake, const struct intake_config *config,
                    const char **ret_endpoint)
{
    /* A frame above this breaks its connection, and nobody hears why. So it is far
     * above what a result may have: the session refuses that, and says so. */
    uint64_t frame_max = config->max_result_bytes + config->max_result_bytes / 2 +
                         FRAME_ROOM_BYTES;
    struct curve curve = {.domain = ZAP_RESULTS};
    if (config->keys) {
        curve.public_key = config->keys->public_key;
        curve.secret_key = config->keys->secret_key;
    }
    const struct curve *guard = config->keys ? &curve : NULL;
    const char *first = config->public_endpoint ? config->public_endpoint
                                                : config->endpoint;
    *ret_endpoint = first;
    if (!ports_complete(first, RESULTS_PORT, config->interface, intake->bound,
                        sizeof intake->bound))
        return -ENAMETOOLONG;
    *ret_endpoint = intake->bound;
    transport_choose_ports(config->ports);
    intake->pull = transport_bind_pull(intake->bound, (int64_t)frame_max, guard);
    if (!intake->pull)
        return -errno;
    snprintf(intake->bound, sizeof intake->bound, "%s",
             transport_endpoint(intake->pull));
    if (!config->public_endpoint)
        return 0;
    *ret_endpoint = config->endpoint;
    advertise_one(&intake->endpoints, config->endpoint);
    return transport_bind_also(intake->pull, config->endpoint, guard);
}

/* A worker learns with each endpoint whose key it has. */
static void add_keys(struct endpoint_list *list, const struct certificate *keys)
{
    for (uint32_t i = 0; i < list->count; i++) {
        struct endpoint *endpoint = &list->endpoints[i];
        if (transport_is_tcp(endpoint->name) &&
            zmq_z85_decode(endpoint->key, keys->public_key))
            endpoint->key_size = KEY_BYTES;
    }
}

int intake_open(const struct intake_config *config, struct intake **ret_intake,
                char *error, size_t error_size)
{
    struct intake *intake = allocate_zeroed(1, sizeof *intake);
    const char *endpoint;
    intake->zap = config->zap;
    intake->max_result_bytes = config->max_result_bytes;
    intake->decoder = decoder_new();
    intake->codec = payload_codec_new();
    envelope_init(&intake->envelope);
    int failure = bind_all(intake, config, &endpoint);
    if (failure != 0)
        snprintf(error, error_size, "cannot take results at %s: %s", endpoint,
                 transport_bind_text(-failure));
    else if (!advertise(&intake->endpoints, intake->bound, config->advertise)) {
        failure = -EINVAL;
        snprintf(error, error_size,
                 "--advertise: '%s': expected an endpoint, as results are taken at %s",
                 config->advertise ? config->advertise : "", intake->bound);
    }
    if (failure != 0) {
        intake_close(&intake);
        return failure;
    }
    if (config->keys)
        add_keys(&intake->endpoints, config->keys);
    intake->keeper = ipc_keeper_new(intake->pull, config->endpoint, clock_now_us());
    *ret_intake = intake;
    return 0;
}

int64_t intake_tick(struct intake *intake, int64_t now_us)
{
    return ipc_keeper_tick(intake->keeper, now_us);
}

void intake_close(struct intake **intake_p)
{
    struct intake *intake = *intake_p;
    if (!intake)
        return;
    if (intake->borrowed || intake->unborrowed)
        log_event(LOG_LEVEL_INFO, "loans", "borrowed=%" PRIu64 " unborrowed=%" PRIu64,
                  intake->borrowed, intake->unborrowed);
    ipc_keeper_destroy(&intake->keeper);
    transport_close_bound(&intake->pull);
    envelope_deinit(&intake->envelope);
    decoder_destroy(&intake->decoder);
    payload_codec_destroy(&intake->codec);
    free(intake);
    *intake_p = NULL;
}

static void count_garbage(struct intake *intake, const char *what)
{
    if (intake->garbage++ == 0)
        log_event(LOG_LEVEL_WARN, "garbage", "at=results why=\"%s\"", what);
}

/* A key may be revoked after its connection was let in. */
static bool is_refused(struct intake *intake)
{
    struct zap_peer peer;
    if (!zap_check(intake->zap, &intake->envelope.header, &peer) ||
        (peer.standing == KEY_KNOWN && peer.role == KEY_WORKER))
        return false;
    const char *user = zmq_msg_gets(&intake->envelope.header, "User-Id");
    const char *address = zmq_msg_gets(&intake->envelope.header, "Peer-Address");
    if (intake->refused++ == 0)
        log_event(LOG_LEVEL_WARN, "refused",
                  "at=results address=%s key=%s why=\"its key is revoked\"",
                  address ? address : "?", user ? user : "?");
    return true;
}

/* False: the envelope holds no RESULT, and is counted. */
static bool read_result(struct intake *intake, struct message *ret_message)
{
    struct envelope *envelope = &intake->envelope;
    size_t payload = envelope->frames == 2 ? zmq_msg_size(&envelope->payload)
                                           : PAYLOAD_NONE;
    enum decode_error error;
    if (envelope->frames > 2) {
        count_garbage(intake, "more than two frames");
        return false;
    }
    error = decoder_read(intake->decoder, zmq_msg_data(&envelope->header),
                         zmq_msg_size(&envelope->header), payload, ret_message);
    if (error != DECODE_NONE)
        count_garbage(intake, decode_error_text(error));
    else if (ret_message->type != MESSAGE_RESULT)
        count_garbage(intake, "not a RESULT");
    return error == DECODE_NONE && ret_message->type == MESSAGE_RESULT;
}

/* A worker lends what is its own, and nothing of another process. Memory without pages
 * has them once it is borrowed, so nothing is that is too long. */
static bool borrow(struct intake *intake, uint64_t bytes)
{
    pid_t pid = envelope_process(&intake->envelope);
    bool fits = !intake->max_result_bytes || bytes <= intake->max_result_bytes;
    bool borrowed = fits && pid && loan_borrow(&intake->envelope.payload, bytes, pid);
    intake->borrowed += borrowed;
    intake->unborrowed += !borrowed;
    return borrowed;
}

/* The bytes that the worker's results have; NULL: they did not come so. */
static zmq_msg_t *take_payload(struct intake *intake, const struct message *message,
                               enum failure *ret_cause)
{
    uint64_t bytes;
    zmq_msg_t *payload = &intake->envelope.payload;
    enum payload_compression compression = message_compression(message, &bytes);
    if (compression == PAYLOAD_LENT) {
        *ret_cause = FAILURE_REFERENCE;
        return borrow(intake, bytes) ? payload : NULL;
    }
    *ret_cause = FAILURE_REFERENCE; /* of a part, which others look for */
    if (compression == PAYLOAD_PLAIN || compression == PAYLOAD_PART ||
        payload_codec_decompress(intake->codec, compression, payload, bytes))
        return payload;
    count_garbage(intake, "a compressed payload that is damaged");
    *ret_cause = FAILURE_PROTOCOL;
    return NULL;
}

void intake_begin_turn(struct intake *intake)
{
    payload_codec_begin_turn(intake->codec);
}

bool intake_receive(struct intake *intake, struct message *ret_message,
                    zmq_msg_t **ret_payload, enum failure *ret_cause)
{
    enum { GARBAGE_MAX = 256 }; /* a call: a flood of them must not hold up the loop */
    for (int i = 0; i < GARBAGE_MAX && !payload_codec_is_spent(intake->codec); i++) {
        if (envelope_receive(intake->pull, &intake->envelope) <= 0)
            return false;
        if (!is_refused(intake) && read_result(intake, ret_message)) {
            *ret_payload = take_payload(intake, ret_message, ret_cause);
            return true;
        }
    }
    return false;
}

const char *intake_bound(const struct intake *intake)
{
    return intake->bound;
}

const struct endpoint_list *intake_endpoints(const struct intake *intake)
{
    return &intake->endpoints;
}

zsock_t *intake_socket(const struct intake *intake)
{
    return intake->pull;
}

uint64_t intake_garbage(const struct intake *intake)
{
    return intake->garbage;
}
