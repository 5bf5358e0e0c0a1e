/* SPDX-License-Identifier: MIT */
/* The worker's side of exec slots: one process a task, the chunk on its stdin, the
 * result from its stdout. */
#ifndef FANFOLD_WORKER_EXEC_H
#define FANFOLD_WORKER_EXEC_H

#include "worker/stage.h"

struct exec;

/* 0, or -errno; *ret_exec is valid in either case. */
int exec_new(struct stage *stage, struct exec **ret_exec);
void exec_destroy(struct exec **exec_p);

void exec_start(struct exec *exec, uint32_t slot, const struct program_task *task);
void exec_kill(struct exec *exec, uint32_t slot, uint64_t seq, uint32_t attempt);
/* After stage_wake: tells what was left to tell. */
void exec_settle_all(struct exec *exec);

void exec_on_input(struct exec *exec, uint32_t slot);
void exec_on_output(struct exec *exec, uint32_t slot);
void exec_on_rest(struct exec *exec);
void exec_on_report(struct exec *exec, const struct report *report);

#endif
