/* SPDX-License-Identifier: MIT */
/* What the person who started this worker is told: what the ventilator's messages mean,
 * and that output is in doubt. */
#ifndef FANFOLD_WORKER_NOTICES_H
#define FANFOLD_WORKER_NOTICES_H

#include "common/net/uplink.h"
#include "common/options.h"
#include "common/protocol/message.h"
#include "worker/program/program.h"

/* Two workers of a run may run different programs, but hardly anybody means that. Warns
 * once where `program` is not the first worker's. */
void notices_on_welcome(const struct message *message, uint64_t program, bool *said);
/* That the run was stopped is not this worker's fault, but explains its end; of one
 * that is complete, what would make it faster. */
void notices_on_stop(const struct message *message,
                     const struct common_options *options, struct program *program);
/* Why the worker ends, "" where there is nothing to say; and what keeps the link to the
 * ventilator from coming about, if something does. */
void notices_on_end(const char *reason, const struct uplink *uplink);
/* Tells whoever started this worker, who holds the other end of `fd` (-1: nobody), that
 * a task is done. */
void notices_tell_alive(int fd);
/* Results from this seq on may be wrong: a sentence says why. */
void notices_on_doubt(uint64_t from, const char *text);

#endif
