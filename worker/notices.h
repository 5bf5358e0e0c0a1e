/* SPDX-License-Identifier: MIT */
/* What the person who started this worker is told: what the ventilator's messages mean,
 * and that output is in doubt. */
#ifndef FANFOLD_WORKER_NOTICES_H
#define FANFOLD_WORKER_NOTICES_H

#include "common/protocol/message.h"
#include "worker/program/program_task.h"

/* Two workers of a run may run different programs, but hardly anybody means that. Warns
 * once where `program` is not the first worker's. */
void notices_on_welcome(const struct message *message, uint64_t program, bool *said);
/* That the run was stopped is not this worker's fault, but explains its end. */
void notices_on_stop(const struct message *message);
void notices_on_doubt(const struct program_doubt *doubt);

#endif
