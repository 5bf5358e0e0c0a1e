/* SPDX-License-Identifier: MIT */
/* A DEALER, an encoder and a decoder. Garbage is counted, and logged once. */
#include "common/net/uplink.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/net/envelope.h"
#include "common/net/transport.h"
#include "common/protocol/protocol.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct uplink {
    const char *endpoint;
    zsock_t *dealer;
    bool heard; /* a message came: there is a ventilator at the other end */
    struct encoder *encoder;
    struct decoder *decoder;
    struct envelope envelope;
    uint64_t garbage;
    uint64_t unknown; /* the last unknown type of message; 0: none came */
};

struct uplink *uplink_new(const char *endpoint)
{
    struct uplink *uplink = allocate_zeroed(1, sizeof *uplink);
    uplink->endpoint = endpoint;
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
    zsock_destroy(&uplink->dealer);
    envelope_deinit(&uplink->envelope);
    decoder_destroy(&uplink->decoder);
    encoder_destroy(&uplink->encoder);
    free(uplink);
    *uplink_p = NULL;
}

int uplink_connect(struct uplink *uplink)
{
    zsock_destroy(&uplink->dealer);
    uplink->heard = false;
    uplink->dealer = transport_connect_dealer(uplink->endpoint);
    return uplink->dealer != NULL ? 0 : -errno;
}

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
