/* SPDX-License-Identifier: MIT */
#include "ventilator/source/kinds/message_frames.h"

#include "common/memory.h"
#include <errno.h>
#include <stdlib.h>

static void clear(struct message_frames *frames)
{
    for (size_t i = 0; i < frames->count; i++)
        zmq_msg_close(&frames->messages[i]);
    frames->count = 0;
}

static void add(struct message_frames *frames, zmq_msg_t *frame)
{
    frames->messages = room_for_one_more(frames->messages, frames->count,
                                         &frames->capacity, sizeof *frame);
    zmq_msg_init(&frames->messages[frames->count]);
    zmq_msg_move(&frames->messages[frames->count++], frame);
    zmq_msg_close(frame);
}

/* A message that is moved keeps small frames within itself: slices come last. */
static void point_at(struct message_frames *frames)
{
    frames->slices =
        reallocate(frames->slices, frames->capacity, sizeof *frames->slices);
    for (size_t i = 0; i < frames->count; i++)
        frames->slices[i] = (struct slice){zmq_msg_data(&frames->messages[i]),
                                           zmq_msg_size(&frames->messages[i])};
}

int message_frames_receive(struct message_frames *frames, struct message_socket *socket)
{
    clear(frames);
    bool more = true;
    while (more) {
        zmq_msg_t frame;
        int result = message_socket_receive(socket, &frame);
        if (result < 0)
            return result;
        if (result == 0) /* libzmq gives out a message when all of it is there */
            return frames->count == 0 ? 0 : -EPROTO;
        more = zmq_msg_more(&frame);
        add(frames, &frame);
    }
    point_at(frames);
    return 1;
}

void message_frames_deinit(struct message_frames *frames)
{
    clear(frames);
    free(frames->messages);
    free(frames->slices);
    *frames = (struct message_frames){.count = 0};
}
