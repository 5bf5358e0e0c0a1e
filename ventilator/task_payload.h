/* SPDX-License-Identifier: MIT */
/* The payload of TASK and ISOLATE: the bytes of chunks, compressed where that is asked
 * for and helps. */
#ifndef FANFOLD_VENTILATOR_TASK_PAYLOAD_H
#define FANFOLD_VENTILATOR_TASK_PAYLOAD_H

#include "ventilator/chunk_store.h"

struct task_payload;

/* Borrows the store. */
struct task_payload *task_payload_new(struct chunk_store *chunk_store);
void task_payload_destroy(struct task_payload **payload_p);

/* The bytes of these tasks, one after the other, as long as their lengths say. A chunk
 * alone is not copied. False: some could not be read again. */
bool task_payload_gather(struct task_payload *payload, const struct task_entry *tasks,
                         uint32_t count, zmq_msg_t *ret_bytes);

/* How *bytes are compressed now: as asked for, or, where that does not help, not. */
enum payload_compression task_payload_compress(struct task_payload *payload,
                                               enum payload_compression compression,
                                               zmq_msg_t *bytes, int64_t now_us);

#endif
