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
#include "common/log.h"
#include "common/memory.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MESSAGES_MAX = 1000,  /* in one read, so that the loop comes round */
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

    /* The message that is read: `done` bytes of head, body and tail have been. */
    zmq_msg_t message; /* of one frame */
    struct byte_buffer joined;
    struct slice body; /* in one of them */
    struct record_frame frame;
    size_t done, size;
};

/* ---- a message ---- */

static struct slice content(zmq_msg_t *frame)
{
    return (struct slice){zmq_msg_data(frame), zmq_msg_size(frame)};
}

struct frames {
    zmq_msg_t *messages;
    struct slice *slices;
    size_t count, capacity;
};

static void add_frame(struct frames *frames, zmq_msg_t *frame)
{
    if (frames->count == frames->capacity) {
        frames->capacity = frames->capacity ? 2 * frames->capacity : 8;
        frames->messages =
            reallocate(frames->messages, frames->capacity, sizeof *frames->messages);
    }
    zmq_msg_init(&frames->messages[frames->count]);
    zmq_msg_move(&frames->messages[frames->count++], frame);
    zmq_msg_close(frame);
}

/* A message that is moved keeps small frames within itself: slices come last. */
static void point_at(struct frames *frames)
{
    frames->slices = allocate_zeroed(frames->count, sizeof *frames->slices);
    for (size_t i = 0; i < frames->count; i++)
        frames->slices[i] = content(&frames->messages[i]);
}

static void close_frames(struct frames *frames)
{
    for (size_t i = 0; i < frames->count; i++)
        zmq_msg_close(&frames->messages[i]);
    free(frames->messages);
    free(frames->slices);
}

/* libzmq gives out a message when all of it is there. */
static int receive_rest(struct message_input *messages, struct frames *frames)
{
    int result = 1;
    while (result > 0 && zmq_msg_more(&frames->messages[frames->count - 1])) {
        zmq_msg_t frame;
        result = message_socket_receive(&messages->socket, &frame);
        if (result > 0)
            add_frame(frames, &frame);
    }
    return result > 0 ? 1 : result == 0 ? -EPROTO : result;
}

static int receive_several(struct message_input *messages, char *reason, size_t size)
{
    struct frames frames = {.count = 0};
    add_frame(&frames, &messages->message);
    zmq_msg_init(&messages->message);
    int result = receive_rest(messages, &frames);
    if (result > 0) {
        point_at(&frames);
        if (!message_framing_join(&messages->config->framing, frames.slices,
                                  frames.count, &messages->joined, reason, size))
            result = -EBADMSG;
        messages->body = (struct slice){messages->joined.data, messages->joined.size};
    }
    close_frames(&frames);
    return result;
}

/* Of a message of one frame: --frame 2 asks for another. */
static bool has_asked_frame(const struct message_input *messages, char *reason,
                            size_t size)
{
    uint32_t asked = messages->config->framing.frame;
    if (asked <= 1)
        return true;
    snprintf(reason, size, "it has 1 frame, and --frame asks for frame %" PRIu32,
             asked);
    return false;
}

/* 1; 0: there is none; -EBADMSG with a reason; other -errno. */
static int receive(struct message_input *messages, char *reason, size_t size)
{
    zmq_msg_close(&messages->message);
    int result = message_socket_receive(&messages->socket, &messages->message);
    if (result <= 0) {
        zmq_msg_init(&messages->message);
        return result;
    }
    messages->number++;
    messages->heard_us = clock_now_us();
    if (zmq_msg_more(&messages->message))
        return receive_several(messages, reason, size);
    messages->body = content(&messages->message);
    return has_asked_frame(messages, reason, size) ? 1 : -EBADMSG;
}

/* ---- the end ---- */

static bool is_end(const struct message_input *messages)
{
    struct slice end = messages->config->end_message;
    return end.data && end.size == messages->body.size &&
           (end.size == 0 || memcmp(end.data, messages->body.data, end.size) == 0);
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
    bool waits = messages->phase == MESSAGES_RECEIVING && !is_idle(messages);
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
    if (result == 0)
        return wait_or_end(messages);
    if (result > 0 && is_end(messages)) {
        messages->phase = MESSAGES_ENDED;
        return 0;
    }
    if (result > 0 && !message_framing_frame(&messages->config->framing, messages->body,
                                             &messages->frame, reason, sizeof reason))
        result = -EBADMSG;
    if (result == -EBADMSG)
        return describe_bad(messages, input, reason);
    messages->done = 0;
    messages->size = messages->frame.head_size + messages->body.size +
                     messages->frame.tail_size;
    return result;
}

/* Copies what there is of one part of the record, of which `done` bytes were read. */
static size_t copy_part(struct message_input *messages, struct slice part,
                        size_t before, uint8_t *to, size_t size)
{
    if (messages->done < before || messages->done >= before + part.size)
        return 0;
    size_t from = messages->done - before, count = part.size - from;
    if (count > size)
        count = size;
    memcpy(to, part.data + from, count);
    messages->done += count;
    return count;
}

/* A message's bytes are copied here once, to lie in a row with others: a chunk is one
 * message of ours. */
static size_t copy_out(struct message_input *messages, uint8_t *to, size_t size)
{
    struct record_frame *frame = &messages->frame;
    struct slice head = {frame->head, frame->head_size},
                 tail = {&frame->tail, frame->tail_size};
    size_t used = copy_part(messages, head, 0, to, size);
    used += copy_part(messages, messages->body, head.size, to + used, size - used);
    used += copy_part(messages, tail, head.size + messages->body.size, to + used,
                      size - used);
    return used;
}

static ssize_t read_messages(struct input *input, void *buffer, size_t size)
{
    struct message_input *messages = input->messages;
    size_t used = 0;
    int result = 1;
    for (int i = 0; i < MESSAGES_MAX && used < size && result > 0; i++) {
        if (messages->done == messages->size)
            result = input->reason[0] ? -EBADMSG : next_message(messages, input);
        if (result > 0)
            used += copy_out(messages, (uint8_t *)buffer + used, size - used);
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
    int64_t due_us = idle_us ? messages->heard_us + idle_us : NEVER_US;
    int64_t silence_us = messages->heard_us + SILENCE_US;
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
    message_socket_deinit(&messages->socket);
    zmq_msg_close(&messages->message);
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
    zmq_msg_init(&messages->message);
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
    return result;
}
