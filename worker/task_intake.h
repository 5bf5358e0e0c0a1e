/* SPDX-License-Identifier: MIT */
/* Takes the tasks of a message, with its payload, onto the session's ledger. */
#ifndef FANFOLD_WORKER_TASK_INTAKE_H
#define FANFOLD_WORKER_TASK_INTAKE_H

#include "worker/resources.h"

/* The next message; false: there is none now, or the turn has decompressed enough. */
bool task_intake_next(struct resources *resources, struct message *ret_message);
/* TASK. */
void task_intake_tasks(struct resources *resources, const struct message *message,
                       int64_t now_us);
/* ISOLATE. */
void task_intake_isolate(struct resources *resources, const struct message *message,
                         int64_t now_us);

#endif
