/* SPDX-License-Identifier: MIT */
/* The worker's side of exec slots: one process a task, the chunk on its stdin, the
 * result from its stdout. */
#ifndef FANFOLD_WORKER_EXEC_H
#define FANFOLD_WORKER_EXEC_H

#include "worker/stage.h"

struct exec;

struct exec *exec_new(struct stage *stage);
void exec_destroy(struct exec **exec_p);

void exec_start(struct exec *exec, uint32_t slot, const struct program_task *task);
void exec_kill(struct exec *exec, uint32_t slot, uint64_t seq, uint32_t attempt);
/* After stage_wake: tells what was left to tell. */
void exec_settle_all(struct exec *exec);

void exec_on_input(struct exec *exec, uint32_t slot);
void exec_on_output(struct exec *exec, uint32_t slot);
/* It has rested; it may be tried again. */
void exec_on_rested(struct exec *exec, uint32_t slot);
/* Its task has run for too long. */
void exec_on_limit(struct exec *exec, uint32_t slot);
void exec_on_report(struct exec *exec, const struct report *report);

#endif
