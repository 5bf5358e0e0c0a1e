/* SPDX-License-Identifier: MIT */
/*
 * The worker's side of slots whose programs last (modes lines and frames): a process a
 * slot, chunks on its stdin, results from its stdout, one after the other.
 *
 * A slot's process is started by stage->starter, by REQUEST_START with two descriptors,
 * its stdin and its stdout; who that is does not matter here.
 */
#ifndef FANFOLD_WORKER_LASTING_H
#define FANFOLD_WORKER_LASTING_H

#include "worker/stage.h"

struct lasting;

/* Asks for all slots. 0, or -errno; *ret_lasting is valid in either case. */
int lasting_new(struct stage *stage, const struct program_config *config,
                struct lasting **ret_lasting);
/* Closes what the programs read from, and kills what has tasks: nothing is told from
 * then on, or started. Whoever stays is the household's. */
void lasting_end(struct lasting *lasting);
/* No process is left. */
bool lasting_is_over(const struct lasting *lasting);
void lasting_destroy(struct lasting **lasting_p);

uint32_t lasting_depth(void);
void lasting_start(struct lasting *lasting, uint32_t slot,
                   const struct program_task *task);
void lasting_flush(struct lasting *lasting);
void lasting_kill(struct lasting *lasting, uint32_t slot, uint64_t seq,
                  uint32_t attempt);

void lasting_on_input(struct lasting *lasting, uint32_t slot);
void lasting_on_output(struct lasting *lasting, uint32_t slot);
/* It has rested; it may be tried again. */
void lasting_on_rested(struct lasting *lasting, uint32_t slot);
/* One of its times has come. */
void lasting_on_time(struct lasting *lasting, uint32_t slot);
/* All was stopped for so long. */
void lasting_shift(struct lasting *lasting, int64_t by_us);
void lasting_on_report(struct lasting *lasting, const struct report *report);
/* After stage_wake: tells what was left to tell. */
void lasting_settle_all(struct lasting *lasting);
/* The task that the slot works on now; false: none. */
bool lasting_running(struct lasting *lasting, uint32_t slot, uint64_t *ret_seq);

#endif
