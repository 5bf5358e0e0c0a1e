/* SPDX-License-Identifier: MIT */
#include "ventilator/source/receive/message_intake.h"

#include "common/log.h"
#include "ventilator/source/kinds/gap_report.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const struct slice nobody = {NULL, 0};

/* ---- life ---- */

int message_intake_open(struct message_intake *intake,
                        const struct message_input_config *config,
                        struct spool_writer *spool)
{
    *intake = (struct message_intake){
        .config = config,
        .spool = spool,
        .answers = config->socket.ends[0].kind == MESSAGE_DEALER,
        .gaps.place = config->sub_seq,
    };
    int result = message_socket_init(&intake->socket, &config->socket, intake->error,
                                     sizeof intake->error);
    if (result == 0)
        gap_report_begin(&intake->gaps,
                         config->resumes || spool_writer_next(spool) > 1);
    return result;
}

void message_intake_close(struct message_intake *intake)
{
    gap_report_end(&intake->gaps);
    message_socket_deinit(&intake->socket);
    message_frames_deinit(&intake->frames);
    byte_buffer_deinit(&intake->joined);
    byte_buffer_deinit(&intake->record);
    dealer_peers_deinit(&intake->peers);
    spool_writer_close(&intake->spool);
}

/* ---- answers ---- */

static void send_frame(struct message_intake *intake, struct slice frame, bool more)
{
    zmq_send(zsock_resolve(intake->socket.socket), frame.data, frame.size,
             ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
}

/* What cannot be sent now is said again by a later answer. */
static void send_answer(struct message_intake *intake, struct slice route,
                        const struct dealer_message *answer)
{
    struct slice frames[DEALER_FRAMES];
    uint8_t scratch[12];
    size_t count = dealer_write(answer, scratch, frames);
    send_frame(intake, route, true);
    for (size_t i = 0; i < count; i++)
        send_frame(intake, frames[i], i + 1 < count);
}

static void send_have(struct message_intake *intake, struct dealer_peer *peer)
{
    struct slice id = {peer->id, peer->id_size};
    send_answer(
        intake, (struct slice){peer->route, peer->route_size},
        &(struct dealer_message){
            .verb = DEALER_HAVE,
            .id = id,
            .number = spool_writer_had(intake->spool, id),
            .credit =
                intake->full ? 0 : dealer_peer_credit(peer, intake->config->socket.hwm),
        });
    peer->owed_have = false;
}

static void reject(struct message_intake *intake, struct slice route, struct slice id,
                   const char *reason)
{
    send_answer(intake, route,
                &(struct dealer_message){
                    .verb = DEALER_REJECT, .id = id, .reason = slice_of_text(reason)});
}

void message_intake_answer(struct message_intake *intake)
{
    bool full = spool_writer_is_full(intake->spool);
    if (full != intake->full)
        dealer_peers_owe_all(&intake->peers);
    intake->full = full;
    for (size_t i = 0; i < intake->peers.count; i++)
        if (intake->peers.items[i].owed_have)
            send_have(intake, &intake->peers.items[i]);
}

/* ---- records ---- */

static int refuse(struct message_intake *intake, const char *reason)
{
    snprintf(intake->error, sizeof intake->error, "message %" PRIu64 ": %s",
             intake->received, reason);
    return -EBADMSG;
}

static void make_record(struct message_intake *intake, struct slice body,
                        const struct record_frame *frame)
{
    byte_buffer_begin(&intake->record, 0);
    byte_buffer_append(&intake->record, frame->head, frame->head_size);
    byte_buffer_append(&intake->record, body.data, body.size);
    byte_buffer_append(&intake->record, &frame->tail, frame->tail_size);
}

/* Into the spool, as the producer's `number`. 1, or -EBADMSG. */
static int append(struct message_intake *intake, const struct slice *frames,
                  size_t count, struct slice producer, uint64_t number)
{
    char reason[256];
    struct slice body;
    struct record_frame frame;
    if (!message_input_body(intake->config, frames, count, &intake->joined, &body,
                            reason, sizeof reason))
        return refuse(intake, reason);
    if (message_input_is_end(intake->config, body)) {
        spool_writer_append_end(intake->spool, producer, number);
        intake->ended = true;
        return 1;
    }
    if (!gap_report_see(&intake->gaps, frames, count, reason, sizeof reason) ||
        !message_framing_frame(&intake->config->framing, body, &frame, reason,
                               sizeof reason))
        return refuse(intake, reason);
    make_record(intake, body, &frame);
    struct slice record = {intake->record.data, intake->record.size};
    if (producer.size > 0)
        spool_writer_append_of(intake->spool, producer, number, record);
    else
        spool_writer_append(intake->spool, record);
    return 1;
}

/* ---- DEALER/1 ---- */

static void ask_again(struct message_intake *intake, struct dealer_peer *peer,
                      const struct dealer_message *data, struct slice route)
{
    uint64_t wanted = spool_writer_wanted(intake->spool, data->id);
    if (dealer_peer_asks(peer, wanted))
        send_answer(intake, route,
                    &(struct dealer_message){
                        .verb = DEALER_AGAIN, .id = data->id, .number = wanted});
}

static int on_data(struct message_intake *intake, struct dealer_peer *peer,
                   const struct dealer_message *data, struct slice route)
{
    int result = 1;
    size_t bytes = 0;
    for (size_t i = 0; i < data->payload_count; i++)
        bytes += data->payload[i].size;
    dealer_peer_weigh(peer, bytes);
    switch (spool_writer_look(intake->spool, data->id, data->number)) {
    case SPOOL_APPENDED:
        result =
            append(intake, data->payload, data->payload_count, data->id, data->number);
        dealer_peer_caught_up(peer);
        peer->kept = true;
        peer->owed_have = true;
        break;
    case SPOOL_HAD:
        peer->kept = true;
        peer->owed_have = true;
        break;
    case SPOOL_GAP:
        ask_again(intake, peer, data, route);
        break;
    case SPOOL_PRODUCERS:
        reject(intake, route, data->id, "the spool has too many producers");
    }
    if (result < 0)
        reject(intake, route, data->id, intake->error);
    return result;
}

/* A producer has what it was not told to be stored, and may speak a later version. */
static void ignore(struct message_intake *intake, struct slice route)
{
    if (dealer_peers_knows_route(&intake->peers, route)) {
        if (intake->ignored++ == 0)
            log_event(LOG_LEVEL_WARN, "message_ignored",
                      "reason=\"no message of DEALER/1\"");
        return;
    }
    if (intake->dropped++ == 0)
        say("a message came to dealer:%s that is none of DEALER/1, which --spool "
            "needs: "
            "dropped it, and drops those that follow; read plain messages by pull:, or "
            "without --spool",
            intake->config->socket.ends[0].endpoint);
}

/* 1, or -EBADMSG. */
static int on_dealer(struct message_intake *intake)
{
    const struct message_frames *frames = &intake->frames;
    struct slice route = frames->slices[0];
    struct dealer_message message;
    if (!dealer_read(frames->slices + 1, frames->count - 1, &message) ||
        (message.verb != DEALER_HELLO && message.verb != DEALER_DATA)) {
        ignore(intake, route);
        return 1;
    }
    struct dealer_peer *peer = dealer_peers_hear(&intake->peers, message.id, route);
    if (!peer)
        reject(intake, route, message.id, "there are too many producers");
    else if (message.verb == DEALER_DATA)
        return on_data(intake, peer, &message, route);
    else if (!message.same_version)
        reject(intake, route, message.id, "this receiver speaks DEALER/1 alone");
    else {
        dealer_peer_caught_up(peer);
        peer->kept = spool_writer_wanted(intake->spool, message.id) > 1;
        peer->owed_have = true;
    }
    return 1;
}

int message_intake_take(struct message_intake *intake)
{
    int result = message_frames_receive(&intake->frames, &intake->socket);
    if (result < 0)
        snprintf(intake->error, sizeof intake->error, "cannot receive messages: %s",
                 zmq_strerror(-result));
    if (result == 0)
        result =
            message_socket_look(&intake->socket, intake->error, sizeof intake->error);
    if (result <= 0)
        return result;
    intake->received++;
    if (intake->answers)
        return on_dealer(intake);
    return append(intake, intake->frames.slices, intake->frames.count, nobody, 0);
}
