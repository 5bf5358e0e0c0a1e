/* SPDX-License-Identifier: MIT */
/* One DEALER, an encoder and a decoder. */
#include "common/uplink.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/protocol.h"
#include "common/transport.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct uplink {
    const char *endpoint;
    zsock_t *dealer;
    bool heard; /* somebody is at the dealer's other end */
    struct encoder *encoder;
    struct decoder *decoder;
    struct envelope envelope;
    uint64_t garbage;
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

    if (uplink == NULL)
        return;
    if (uplink->dealer != NULL && !uplink->heard)
        zsock_set_linger(uplink->dealer, 0); /* nobody waits for our last words */
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

    if (uplink->dealer == NULL)
        return;
    result =
        transport_send(uplink->dealer, encoder_write(uplink->encoder, message), NULL);
    if (result < 0)
        log_event(LOG_LEVEL_DEBUG, "unsent", "message=%s error=\"%s\"",
                  message_type_name(message->type), zmq_strerror(-result));
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
    if (error != DECODE_NONE && uplink->garbage++ == 0)
        log_event(LOG_LEVEL_WARN, "garbage", "at=tasks why=\"%s\"",
                  decode_error_text(error));
    return error == DECODE_NONE;
}

bool uplink_receive(struct uplink *uplink, struct message *ret_message)
{
    enum { GARBAGE_MAX = 256 }; /* a call */

    for (int i = 0; uplink->dealer != NULL && i < GARBAGE_MAX; i++) {
        if (transport_receive(uplink->dealer, &uplink->envelope) <= 0)
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
