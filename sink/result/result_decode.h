/* SPDX-License-Identifier: MIT */
/* Makes results of messages. */
#ifndef FANFOLD_SINK_RESULT_RESULT_DECODE_H
#define FANFOLD_SINK_RESULT_RESULT_DECODE_H

#include "sink/result/result.h"

/* A RESULT's entry, whose bytes lie in the payload from *offset on; moves *offset to
 * their end. */
struct result *result_decode(struct result_memory *memory,
                             const struct result_entry *entry, zmq_msg_t *payload,
                             size_t *offset);
/* A SKIP: nothing for the output, and the chunk as a dead letter. */
struct result *skip_decode(struct result_memory *memory, const struct message *message,
                           zmq_msg_t *payload);

#endif
