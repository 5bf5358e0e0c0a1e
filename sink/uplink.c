/* SPDX-License-Identifier: MIT */
/* One DEALER, an encoder and a decoder. */
#include "sink/uplink.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/protocol.h"
#include "common/transport.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct uplink {
    const char *endpoint;
    zsock_t *dealer;
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
    uplink->dealer = transport_connect_dealer(uplink->endpoint);
    return uplink->dealer != NULL ? 0 : -errno;
}

static void send_message(struct uplink *uplink, const struct message *message)
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

static struct slice text_slice(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

void uplink_say_hello(struct uplink *uplink, const struct uplink_hello *hello)
{
    struct message message = {.type = MESSAGE_HELLO_SINK};
    char host[NAME_MAX_BYTES + 1] = "";

    gethostname(host, sizeof host - 1);
    message.hello_sink.version = PROTOCOL_VERSION;
    message.hello_sink.incarnation = hello->incarnation;
    message.hello_sink.endpoint = text_slice(hello->endpoint);
    message.hello_sink.host = text_slice(host);
    message.hello_sink.pid = (uint32_t)getpid();
    message.hello_sink.max_result = hello->max_result_bytes;
    message.hello_sink.finished = hello->finished;
    send_message(uplink, &message);
}

void uplink_say_begin(struct uplink *uplink, const struct id *uid,
                      const struct position *position, const struct range *held,
                      uint32_t count)
{
    struct message message = {.type = MESSAGE_BEGIN};

    message.begin.uid = *uid;
    message.begin.run = position->run;
    message.begin.epoch = position->epoch;
    message.begin.position = position->next;
    message.begin.mark = (struct slice){position->mark, position->mark_size};
    message.begin.held = held;
    message.begin.count = count;
    send_message(uplink, &message);
}

void uplink_say_ping(struct uplink *uplink)
{
    struct message message = {.type = MESSAGE_PING};

    message.ping.way = WAY_OPEN;
    send_message(uplink, &message);
}

void uplink_say_progress(struct uplink *uplink, const struct sink_progress *progress,
                         uint64_t written_bytes)
{
    struct message message = {.type = MESSAGE_PROGRESS};

    message.progress.epoch = progress->epoch;
    message.progress.held = progress->held;
    message.progress.count = progress->count;
    message.progress.released = progress->released;
    message.progress.committed = progress->committed;
    message.progress.parked = progress->parked;
    message.progress.bytes = written_bytes;
    send_message(uplink, &message);
}

void uplink_say_finished(struct uplink *uplink, const struct position *position,
                         const struct sink_verdict *verdict, uint64_t written_bytes)
{
    struct message message = {.type = MESSAGE_FINISHED};

    message.finished.epoch = position->epoch;
    message.finished.outcome = verdict->outcome;
    message.finished.status = (uint32_t)verdict->status;
    message.finished.text = text_slice(verdict->text);
    message.finished.dead_letters = position->dead_letters;
    message.finished.bytes = written_bytes;
    send_message(uplink, &message);
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
        if (read_message(uplink, ret_message))
            return true;
    }
    return false;
}

zsock_t *uplink_socket(const struct uplink *uplink)
{
    return uplink->dealer;
}

const char *uplink_endpoint(const struct uplink *uplink)
{
    return uplink->endpoint;
}
