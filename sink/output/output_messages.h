/* SPDX-License-Identifier: MIT */
/*
 * The kind of output that is messages: each record of a result is one. A result counts
 * as written when the socket has taken its last record; that it has left as well, only
 * output_flush tells, at the end.
 */
#ifndef FANFOLD_SINK_OUTPUT_OUTPUT_MESSAGES_H
#define FANFOLD_SINK_OUTPUT_OUTPUT_MESSAGES_H

#include "sink/messages/message_sender.h"
#include "sink/output/output.h"

/* Takes the sender. `name` is copied. `envelope`: a frame before each record, msgpack
 * [run, number]; numbers count from 0. */
struct output *output_of_messages(struct message_sender **sender_p, const char *name,
                                  bool envelope);
/* NULL: the output is of another kind. */
struct message_sender *output_sender(const struct output *output);

#endif
