/* SPDX-License-Identifier: MIT */
/* One message of one frame or several, as it comes from a socket. */
#ifndef FANFOLD_VENTILATOR_SOURCE_KINDS_MESSAGE_FRAMES_H
#define FANFOLD_VENTILATOR_SOURCE_KINDS_MESSAGE_FRAMES_H

#include "common/slice.h"
#include "ventilator/source/kinds/message_socket.h"

struct message_frames {
    zmq_msg_t *messages;
    struct slice *slices; /* of each, valid until the next call */
    size_t count, capacity;
};

/* Receives all frames of the next message, in place of those before. 1; 0: there is
 * none; -errno. */
int message_frames_receive(struct message_frames *frames,
                           struct message_socket *socket);
void message_frames_deinit(struct message_frames *frames);

#endif
