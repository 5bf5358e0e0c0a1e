/* SPDX-License-Identifier: MIT */
/* Messages of other programs as input: each is a record. */
#ifndef FANFOLD_VENTILATOR_SOURCE_KINDS_MESSAGE_INPUT_H
#define FANFOLD_VENTILATOR_SOURCE_KINDS_MESSAGE_INPUT_H

#include "ventilator/source/input.h"
#include "ventilator/source/kinds/message_framing.h"
#include "ventilator/source/kinds/message_gaps.h"
#include "ventilator/source/kinds/message_socket.h"

struct message_input;

/* Borrowed as long as the input lives. */
struct message_input_config {
    struct message_socket_config socket;
    struct message_framing framing;
    struct slice end_message; /* ends the input, and is no record; `data` NULL: none */
    struct number_place sub_seq; /* where publishers number them, whose gaps count */
    bool resumes;                /* a run before took messages of the same input */
    int64_t idle_us; /* the input ends when nothing has come for so long; 0: never */
};

/* As message_framing_body; a message of one frame that ends the input need not have the
 * frame that --frame asks for. */
bool message_input_body(const struct message_input_config *config,
                        const struct slice *frames, size_t count,
                        struct byte_buffer *joined, struct slice *ret_body,
                        char *reason, size_t size);
/* Whether a message with this body ends the input. */
bool message_input_is_end(const struct message_input_config *config, struct slice body);

/* Reads the keys; message_input_open opens the socket. 0, or -errno with a sentence in
 * `error`. */
int input_of_messages(const struct message_input_config *config,
                      struct input *ret_input, char *error, size_t error_size);
/* As message_socket_keyring and message_socket_open. */
struct keyring *message_input_keyring(const struct message_input *messages);
int message_input_open(struct message_input *messages, char *error, size_t error_size);

#endif
