/* SPDX-License-Identifier: MIT */
#include "sink/outbox.h"

#include "common/protocol/payload_compression.h"
#include <unistd.h>

void outbox_hello(struct uplink *uplink, const struct outbox_hello *hello)
{
    struct message message = {.type = MESSAGE_HELLO_SINK};
    char host[NAME_MAX_BYTES + 1] = "";
    struct endpoint_entry endpoints[ENDPOINTS_MAX];
    struct capability capabilities[PAYLOAD_COMPRESSION_MAX + 2];
    gethostname(host, sizeof host - 1);
    message.hello_sink.version = PROTOCOL_VERSION;
    message.hello_sink.incarnation = hello->incarnation;
    message.hello_sink.nonce = hello->nonce;
    message.hello_sink.endpoints = endpoints;
    message.hello_sink.endpoint_count =
        endpoint_list_entries(hello->endpoints, endpoints);
    message.hello_sink.host = slice_of_text(host);
    message.hello_sink.pid = (uint32_t)getpid();
    message.hello_sink.max_result = hello->max_result_bytes;
    message.hello_sink.finished = hello->finished;
    message.hello_sink.capabilities = capabilities;
    uint32_t count = payload_compression_add_all(capabilities, 0);
    capabilities[count++].name = slice_of_text(CAPABILITY_LOANS);
    if (hello->takes_parts)
        capabilities[count++].name = slice_of_text(CAPABILITY_PARTS);
    message.hello_sink.capability_count = count;
    uplink_send(uplink, &message);
}

void outbox_begin(struct uplink *uplink, const struct id *uid,
                  const struct position *position, const struct range *held,
                  uint32_t count)
{
    struct message message = {.type = MESSAGE_BEGIN};
    message.begin.uid = *uid;
    message.begin.run = position->run;
    message.begin.epoch = position->epoch;
    message.begin.position = position->next;
    message.begin.mark = (struct slice){position->mark, position->mark_size};
    message.begin.input = (struct slice){position->input, position->input_size};
    message.begin.held = held;
    message.begin.count = count;
    uplink_send(uplink, &message);
}

void outbox_refused(struct uplink *uplink, uint64_t epoch,
                    const struct sink_refusal *refusal)
{
    struct message message = {.type = MESSAGE_REFUSED};
    message.refused.epoch = epoch;
    message.refused.uuid = refusal->uuid;
    message.refused.seq = refusal->seq;
    message.refused.attempt = refusal->attempt;
    message.refused.marked = refusal->marked;
    message.refused.cause = refusal->cause;
    message.refused.text = slice_of_text(refusal->text);
    uplink_send(uplink, &message);
}

void outbox_ping(struct uplink *uplink)
{
    struct message message = {.type = MESSAGE_PING};
    message.ping.link = LINK_OPEN;
    uplink_send(uplink, &message);
}

void outbox_progress(struct uplink *uplink, const struct sink_progress *progress,
                     uint64_t written_bytes)
{
    struct message message = {.type = MESSAGE_PROGRESS};
    message.progress.epoch = progress->epoch;
    message.progress.held = progress->held;
    message.progress.count = progress->count;
    message.progress.released = progress->released;
    message.progress.committed = progress->committed;
    message.progress.parked = progress->parked;
    message.progress.failed = progress->failed;
    message.progress.bytes = written_bytes;
    uplink_send(uplink, &message);
}

void outbox_finished(struct uplink *uplink, const struct position *position,
                     const struct sink_verdict *verdict, uint64_t written_bytes)
{
    struct message message = {.type = MESSAGE_FINISHED};
    message.finished.epoch = position->epoch;
    message.finished.outcome = verdict->outcome;
    message.finished.status = (uint32_t)verdict->status;
    message.finished.text = slice_of_text(verdict->text);
    message.finished.dead_letters = position->dead_letters;
    message.finished.bytes = written_bytes;
    uplink_send(uplink, &message);
}
