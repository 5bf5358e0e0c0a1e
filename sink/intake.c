/* SPDX-License-Identifier: MIT */
/* One PULL socket, its decoder, and the name under which it is reached. */
#include "sink/intake.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/protocol.h"
#include "common/transport.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct intake {
    zsock_t *pull;
    struct decoder *decoder;
    struct envelope envelope;
    uint64_t garbage;
    char endpoint[NAME_MAX_BYTES + 1];
};

static const char tcp_prefix[] = "tcp://";

static bool is_wildcard(const char *host, size_t length)
{
    return (length == 7 && memcmp(host, "0.0.0.0", 7) == 0) ||
           (length == 4 && memcmp(host, "[::]", 4) == 0) ||
           (length == 1 && *host == '*');
}

/* A name with a port of its own; "[::1]" has none. */
static bool has_port(const char *name)
{
    const char *colon = strrchr(name, ':'), *bracket = strrchr(name, ']');

    return colon != NULL && (bracket == NULL || colon > bracket);
}

bool intake_advertised(const char *bound, const char *advertise, char *buffer,
                       size_t size)
{
    bool tcp = strncmp(bound, tcp_prefix, strlen(tcp_prefix)) == 0;
    const char *host = tcp ? bound + strlen(tcp_prefix) : "";
    const char *port = tcp ? strrchr(host, ':') : NULL;
    char own[256] = "localhost";
    int length;

    if (advertise == NULL && port != NULL && is_wildcard(host, (size_t)(port - host))) {
        gethostname(own, sizeof own - 1);
        advertise = own;
    }
    if (advertise == NULL)
        length = snprintf(buffer, size, "%s", bound);
    else if (strstr(advertise, "://") != NULL)
        length = snprintf(buffer, size, "%s", advertise);
    else if (port == NULL)
        return false;
    else
        length = snprintf(buffer, size, "tcp://%s%s", advertise,
                          has_port(advertise) ? "" : port);
    return length >= 0 && (size_t)length < size;
}

int intake_open(const char *endpoint, const char *advertise, uint64_t max_result_bytes,
                struct intake **ret_intake, char *error, size_t error_size)
{
    uint64_t frame_max = max_result_bytes > HEADER_MAX ? max_result_bytes
                                                       : (uint64_t)HEADER_MAX;
    struct intake *intake = allocate_zeroed(1, sizeof *intake);
    int failure;

    intake->decoder = decoder_new();
    envelope_init(&intake->envelope);
    intake->pull = transport_bind_pull(endpoint, (int64_t)frame_max);
    failure = intake->pull != NULL ? 0 : -errno;
    if (failure != 0)
        snprintf(error, error_size, "cannot take results at %s: %s", endpoint,
                 transport_bind_text(-failure));
    else if (!intake_advertised(transport_endpoint(intake->pull), advertise,
                                intake->endpoint, sizeof intake->endpoint)) {
        failure = -EINVAL;
        snprintf(error, error_size,
                 "--advertise: '%s': expected an endpoint, as results are taken at %s",
                 advertise ? advertise : "", endpoint);
    }
    if (failure != 0)
        intake_close(&intake);
    else
        *ret_intake = intake;
    return failure;
}

void intake_close(struct intake **intake_p)
{
    struct intake *intake = *intake_p;

    if (intake == NULL)
        return;
    transport_close_bound(&intake->pull);
    envelope_deinit(&intake->envelope);
    decoder_destroy(&intake->decoder);
    free(intake);
    *intake_p = NULL;
}

static void count_garbage(struct intake *intake, const char *what)
{
    if (intake->garbage++ == 0)
        log_event(LOG_LEVEL_WARN, "garbage", "at=results why=\"%s\"", what);
}

/* Whether the envelope holds a RESULT. */
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

bool intake_receive(struct intake *intake, struct message *ret_message,
                    zmq_msg_t **ret_payload)
{
    enum { GARBAGE_MAX = 256 }; /* a call: whoever floods us shall not hold the loop */

    for (int i = 0; i < GARBAGE_MAX; i++) {
        if (transport_receive(intake->pull, &intake->envelope) <= 0)
            return false;
        if (read_result(intake, ret_message)) {
            *ret_payload = &intake->envelope.payload;
            return true;
        }
    }
    return false;
}

const char *intake_endpoint(const struct intake *intake)
{
    return intake->endpoint;
}

zsock_t *intake_socket(const struct intake *intake)
{
    return intake->pull;
}

uint64_t intake_garbage(const struct intake *intake)
{
    return intake->garbage;
}
