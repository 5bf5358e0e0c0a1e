/* SPDX-License-Identifier: MIT */
/* The events that tell of a task's end, and the sentences that all ways of running a
 * program share. Silent once context->ending is set. */
#ifndef FANFOLD_WORKER_PROGRAM_TASK_REPORT_H
#define FANFOLD_WORKER_PROGRAM_TASK_REPORT_H

#include "worker/program/runner_context.h"

/* The result's message stays the caller's, to be closed. */
void task_report_done(struct runner_context *context, uint32_t slot,
                      const struct program_task *task, uint64_t run_us,
                      const struct program_result *result);
/* The same of a result that is copied: into a loan, or a message. */
void task_report_bytes(struct runner_context *context, uint32_t slot,
                       const struct program_task *task, uint64_t run_us,
                       struct slice bytes);
/* Who lends a result of so many bytes; NULL: nobody. */
struct lender *task_report_lender(const struct runner_context *context,
                                  const struct program_task *task, uint64_t size);
void task_report_failed(struct runner_context *context, uint32_t slot,
                        const struct program_task *task, uint64_t run_us,
                        enum failure cause, uint32_t code, struct slice text);
void task_report_unstarted(struct runner_context *context, uint32_t slot,
                           const struct program_task *task);
/* The result is larger than context->max_result. */
void task_report_too_large(struct runner_context *context, uint32_t slot,
                           const struct program_task *task, uint64_t run_us);
/* The task ran longer than it may; with the tail of the slot's stderr. */
void task_report_timeout(struct runner_context *context, uint32_t slot,
                         const struct program_task *task, uint64_t run_us);
/* Where the slot's last process was killed because the slot used too much memory, or
 * because it wanted the terminal, reports that of the task and returns true. To be
 * asked before runner_context_judge. */
bool task_report_killed(struct runner_context *context, uint32_t slot,
                        const struct program_task *task, uint64_t run_us);

#endif
