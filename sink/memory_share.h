/* SPDX-License-Identifier: MIT */
/* The memory that results may have, and which of them leave it for the spill file. */
#ifndef FANFOLD_SINK_MEMORY_SHARE_H
#define FANFOLD_SINK_MEMORY_SHARE_H

#include "sink/output/output_writer.h"
#include "sink/session/session.h"

/* As WELCOME says, or until then 128 MiB. */
uint64_t memory_share_bytes(const struct sink_session *session);
/* Spills results until no more than the share is in memory. 0 or -errno. */
int memory_share_keep(struct sink_session *session, struct output_writer *output,
                      const struct result_memory *memory, uint64_t share_bytes);

#endif
