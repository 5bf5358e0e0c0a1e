/* SPDX-License-Identifier: MIT */
/*
 * The payload of TASK and ISOLATE: chunks by value, their bytes, compressed where that
 * is asked for and helps; or by reference, where the worker can read a file's chunk
 * itself. Which of the two it is, is decided here and nowhere else.
 */
#ifndef FANFOLD_VENTILATOR_TASK_PAYLOAD_H
#define FANFOLD_VENTILATOR_TASK_PAYLOAD_H

#include "ventilator/chunk_store.h"
#include "ventilator/scheduler/dispatch_types.h"

struct task_payload;

/* Borrows all. `by_value`: no chunk goes by reference. */
struct task_payload *task_payload_new(struct chunk_store *chunk_store,
                                      const struct source *source, bool by_value);
void task_payload_destroy(struct task_payload **payload_p);

/* What a chunk goes by reference for: the worker takes one, it is worth it, and nothing
 * stands against it. */
bool task_payload_is_referable(const struct dispatch_action *action, bool by_value,
                               const struct chunk *chunk);
/* The reference by which the chunk goes, valid until the next call; empty: it goes by
 * value. */
struct slice task_payload_refer(struct task_payload *payload,
                                const struct dispatch_action *action,
                                const struct chunk *chunk);
/* The next task of the batch goes by it, if it is not empty, and the chunk's bytes need
 * not stay in memory. */
void task_payload_add(struct task_payload *payload, uint64_t seq,
                      struct slice reference);

/* What these tasks have, by their kinds, one after the other, as long as their lengths
 * say. A chunk alone is not copied. False: some could not be read again. */
bool task_payload_gather(struct task_payload *payload, const struct task_entry *tasks,
                         uint32_t count, zmq_msg_t *ret_bytes);

/* How *bytes are compressed now: as asked for, or, where that does not help, not. */
enum payload_compression task_payload_compress(struct task_payload *payload,
                                               enum payload_compression compression,
                                               zmq_msg_t *bytes, int64_t now_us);

#endif
