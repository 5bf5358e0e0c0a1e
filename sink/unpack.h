/* SPDX-License-Identifier: MIT */
/* What came in a message, as parcels. */
#ifndef FANFOLD_SINK_UNPACK_H
#define FANFOLD_SINK_UNPACK_H

#include "sink/parcel.h"

/* A RESULT's entry, whose bytes lie in the payload from *offset on; moves that on. */
struct parcel *unpack_result(struct store *store, const struct result_entry *entry,
                             zmq_msg_t *payload, size_t *offset);
/* A SKIP: nothing for the output, and the chunk as a dead letter. */
struct parcel *unpack_skip(struct store *store, const struct message *message,
                           zmq_msg_t *payload);

#endif
