/* SPDX-License-Identifier: MIT */
/*
 * Messages as input. Receives a message only when the one before it has been read to
 * its end, so that what nobody reads waits in libzmq, whose high-water mark stops the
 * sender.
 *
 *     RECEIVING --drain--> DRAINING --nothing has come--> ENDED
 *         \---the message that ends it, or nothing for too long---^
 */
#include "ventilator/source/kinds/message_input.h"

#include "common/clock.h"
#include "common/dealer/dealer_format.h"
#include "common/log.h"
#include "common/memory.h"
#include "ventilator/source/kinds/gap_report.h"
#include "ventilator/source/kinds/message_frames.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MESSAGES_MAX = 1000,  /* in one read, so that the loop comes round */
    PEERS_TOLD = 64,      /* that an answer is for one of them */
    SILENCE_US = 5000000, /* before the first message; then a person hears of it */
};

enum message_phase { MESSAGES_RECEIVING, MESSAGES_DRAINING, MESSAGES_ENDED };

struct message_input {
    const struct message_input_config *config;
    struct message_socket socket;
    enum message_phase phase;
    uint64_t left;    /* while it drains: messages that it still takes */
    int64_t heard_us; /* when something came last, or it was opened */
    bool told;        /* a person knows that nothing has come yet */
    uint64_t number;  /* of the message that is read, from 1 */

    /* The message that is read. */
    struct message_frames frames;
    struct byte_buffer joined;   /* its frames, if it has several */
    struct slice body;           /* in one of them */
    struct framed_record record; /* that it becomes */

    struct message_gaps gaps;
};

/* ---- a message ---- */

/* Its producer keeps all that nobody acknowledges, which is done from a spool alone. */
static bool is_dealer_hello(const struct message_input *messages,
                            struct dealer_message *ret_hello)
{
    return messages->config->socket.ends[0].kind == MESSAGE_DEALER &&
           dealer_read(messages->frames.slices, messages->frames.count, ret_hello) &&
           ret_hello->verb == DEALER_HELLO;
}

/* The producer would wait for ever. A DEALER socket sends to its peers in turn, and
 * does not tell which of them it is: so each gets the answer, of which the one with
 * this id takes notice. */
static void reject(struct message_input *messages, struct slice id)
{
    const struct dealer_message answer = {
        .verb = DEALER_REJECT,
        .id = id,
        .reason = slice_of_text("this receiver keeps no messages: it needs --spool"),
    };
    void *socket = zsock_resolve(messages->socket.socket);
    struct slice frames[DEALER_FRAMES];
    uint8_t scratch[12];
    size_t count = dealer_write(&answer, scratch, frames);
    for (int peer = 0; peer < PEERS_TOLD; peer++)
        for (size_t i = 0; i < count; i++)
            if (zmq_send(socket, frames[i].data, frames[i].size,
                         ZMQ_DONTWAIT | (i + 1 < count ? ZMQ_SNDMORE : 0)) < 0)
                return;
}

/* 1; 0: there is none; -EBADMSG with a reason; other -errno. */
static int receive(struct message_input *messages, char *reason, size_t size)
{
    struct dealer_message hello;
    int result = message_frames_receive(&messages->frames, &messages->socket);
    if (result <= 0)
        return result;
    messages->number++;
    messages->heard_us = clock_now_us();
    if (is_dealer_hello(messages, &hello)) {
        reject(messages, hello.id);
        snprintf(reason, size, "its producer speaks DEALER/1, which needs --spool DIR");
        return -EBADMSG;
    }
    return message_input_body(messages->config, messages->frames.slices,
                              messages->frames.count, &messages->joined,
                              &messages->body, reason, size)
               ? 1
               : -EBADMSG;
}

/* ---- the end ---- */

bool message_input_body(const struct message_input_config *config,
                        const struct slice *frames, size_t count,
                        struct byte_buffer *joined, struct slice *ret_body,
                        char *reason, size_t size)
{
    if (count == 1 && message_input_is_end(config, frames[0])) {
        *ret_body = frames[0];
        return true;
    }
    return message_framing_body(&config->framing, frames, count, joined, ret_body,
                                reason, size);
}

bool message_input_is_end(const struct message_input_config *config, struct slice body)
{
    struct slice end = config->end_message;
    return end.data && end.size == body.size &&
           (end.size == 0 || memcmp(end.data, body.data, end.size) == 0);
}

static bool is_idle(const struct message_input *messages)
{
    int64_t idle_us = messages->config->idle_us;
    return idle_us && clock_now_us() - messages->heard_us >= idle_us;
}

static bool is_silent(const struct message_input *messages)
{
    return messages->number == 0 && !messages->told;
}

/* libzmq connects again and again without a word: nobody may be there. */
static void say_silent(struct message_input *messages)
{
    const struct message_socket_config *config = &messages->config->socket;
    messages->told = true;
    if (!config->quiet)
        say("no message has come yet %s %s%s", config->ends[0].binds ? "to" : "from",
            config->ends[0].endpoint, config->count > 1 ? " and the others" : "");
}

/* Nothing is there to read now. */
static int wait_or_end(struct message_input *messages)
{
    bool waits = (messages->phase == MESSAGES_RECEIVING && !is_idle(messages)) ||
                 message_socket_doubts(&messages->socket);
    if (is_silent(messages) &&
        (!waits || clock_now_us() - messages->heard_us >= SILENCE_US))
        say_silent(messages);
    if (waits)
        return -EAGAIN;
    messages->phase = MESSAGES_ENDED;
    return 0;
}

/* Whether what came before the drain is all read. */
static bool has_drained(struct message_input *messages)
{
    if (messages->phase != MESSAGES_DRAINING)
        return false;
    return messages->left-- == 0;
}

/* ---- reading ---- */

static int describe_bad(const struct message_input *messages, struct input *input,
                        const char *reason)
{
    snprintf(input->reason, sizeof input->reason, "message %" PRIu64 ": %s",
             messages->number, reason);
    return -EBADMSG;
}

/* Takes the next message to be read. 1; 0: the input is over; -errno. */
static int next_message(struct message_input *messages, struct input *input)
{
    char reason[160] = "";
    if (messages->phase == MESSAGES_ENDED || has_drained(messages)) {
        messages->phase = MESSAGES_ENDED;
        return 0;
    }
    int result = receive(messages, reason, sizeof reason);
    if (result == 0) {
        result =
            message_socket_look(&messages->socket, input->reason, sizeof input->reason);
        return result < 0 ? result : wait_or_end(messages);
    }
    if (result > 0 && message_input_is_end(messages->config, messages->body)) {
        messages->phase = MESSAGES_ENDED;
        return 0;
    }
    if (result > 0 && !gap_report_see(&messages->gaps, messages->frames.slices,
                                      messages->frames.count, reason, sizeof reason))
        result = -EBADMSG;
    if (result > 0 &&
        !framed_record_begin(&messages->record, &messages->config->framing,
                             messages->body, reason, sizeof reason))
        result = -EBADMSG;
    return result == -EBADMSG ? describe_bad(messages, input, reason) : result;
}

/* A message's bytes are copied here once, to lie in a row with others: a chunk is one
 * message of ours. */
static ssize_t read_messages(struct input *input, void *buffer, size_t size)
{
    struct message_input *messages = input->messages;
    size_t used = 0;
    int result = 1;
    for (int i = 0; i < MESSAGES_MAX && used < size && result > 0; i++) {
        if (framed_record_is_done(&messages->record))
            result = input->reason[0] ? -EBADMSG : next_message(messages, input);
        if (result > 0)
            used += framed_record_copy(&messages->record, (uint8_t *)buffer + used,
                                       size - used);
    }
    input->offset += used;
    return used > 0 ? (ssize_t)used : result;
}

static void *socket_of(const struct input *input)
{
    zsock_t *socket = input->messages->socket.socket;
    return socket ? zsock_resolve(socket) : NULL;
}

static int64_t deadline_us(const struct input *input)
{
    const struct message_input *messages = input->messages;
    int64_t idle_us = messages->config->idle_us;
    bool doubts = message_socket_doubts(&messages->socket);
    int64_t due_us = idle_us && !doubts ? messages->heard_us + idle_us : NEVER_US;
    int64_t silence_us = messages->heard_us + SILENCE_US;
    due_us = clock_earlier(due_us, message_socket_due_us(&messages->socket));
    return is_silent(messages) && silence_us < due_us ? silence_us : due_us;
}

static void drain(struct input *input)
{
    struct message_input *messages = input->messages;
    if (messages->phase != MESSAGES_RECEIVING)
        return;
    messages->phase = MESSAGES_DRAINING;
    messages->left = message_socket_leave(&messages->socket);
}

static void close_messages(struct input *input)
{
    struct message_input *messages = input->messages;
    if (!messages)
        return;
    gap_report_end(&messages->gaps);
    message_socket_deinit(&messages->socket);
    message_frames_deinit(&messages->frames);
    byte_buffer_deinit(&messages->joined);
    free(messages);
    input->messages = NULL;
}

static const struct input_kind message_kind = {
    .read = read_messages,
    .socket = socket_of,
    .deadline_us = deadline_us,
    .drain = drain,
    .close = close_messages,
};

/* ---- life ---- */

int input_of_messages(const struct message_input_config *config,
                      struct input *ret_input, char *error, size_t error_size)
{
    struct message_input *messages = allocate_zeroed(1, sizeof *messages);
    messages->config = config;
    messages->gaps.place = config->sub_seq;
    *ret_input = (struct input){.kind = &message_kind, .fd = -1, .messages = messages};
    int result =
        message_socket_init(&messages->socket, &config->socket, error, error_size);
    if (result < 0)
        close_messages(ret_input);
    return result;
}

struct keyring *message_input_keyring(const struct message_input *messages)
{
    return message_socket_keyring(&messages->socket);
}

int message_input_open(struct message_input *messages, char *error, size_t error_size)
{
    int result = message_socket_open(&messages->socket, error, error_size);
    messages->heard_us = clock_now_us();
    if (result == 0)
        gap_report_begin(&messages->gaps, messages->config->resumes);
    return result;
}
