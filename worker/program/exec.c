/* SPDX-License-Identifier: MIT */
/*
 * One process a task. A task is over when its process was reaped and its stdout is at
 * the end; after a bad exit, or when the task is doomed (a phase other than AT_WORK, or
 * too much memory), it is over with the process.
 *
 * A task that is over is reported when its last lines of stderr have found room in the
 * queue, so that programs which only print do not run ahead of whoever reads that.
 *
 * What a process leaves behind may still write: the supervisor knows how long that is
 * to be waited for (settling.h).
 *
 * A task that is killed is still the slot's until the supervisor has reaped its
 * process; only then is the slot ready, and nothing is reported of the task.
 *
 * A task that runs for too long gets SIGTERM, and SIGKILL a while later; how it ends
 * then does not matter. When its process has ended, the rest of its group is killed,
 * and the slot is free.
 *
 * A task that cannot be started because this host lacks something is not charged with
 * it: it comes back as not started, and its slot backs off (slot_life.h).
 */
#include "worker/program/exec.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/memory.h"
#include "common/process/fds.h"
#include "worker/program/exec_slot.h"
#include "worker/program/task_report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAST_READS_MAX = 1024 }; /* of one who writes without end */

struct exec {
    struct runner_context *context;
    struct exec_slot *slots;
};

/* ---- life cycle ---- */

static int exec_open(struct runner_context *context,
                     const struct program_config *config, void **ret_self)
{
    (void)config;
    struct exec *exec = allocate(sizeof *exec);
    struct exec_slot *slots = allocate_zeroed(context->slots, sizeof *slots);
    *exec = (struct exec){.context = context, .slots = slots};
    for (uint32_t number = 0; number < context->slots; number++)
        exec_slot_init(&slots[number], context, number);
    *ret_self = exec;
    return 0;
}

static void exec_destroy(void *self)
{
    struct exec *exec = self;
    for (uint32_t number = 0; number < exec->context->slots; number++)
        exec_slot_deinit(&exec->slots[number]);
    free(exec->slots);
    free(exec);
}

static void exec_start(void *self, uint32_t number, const struct program_task *task)
{
    struct exec *exec = self;
    exec_slot_start(&exec->slots[number], task);
}

/* ---- the end of a task ---- */

static void report_done(struct exec_slot *slot, uint64_t run_us)
{
    zmq_msg_t message;
    start_costs_end(&slot->life.context->starts, run_us,
                    slot->read_at_us ? slot->read_at_us - slot->started_at_us : -1);
    struct program_result result = {.message = &message};
    struct runner_context *context = slot->life.context;
    uint64_t size = slot->result.size;
    if (exec_result_take(&slot->result, task_report_lender(context, &slot->task, size),
                         &message))
        result.lent = size;
    task_report_done(slot->life.context, slot->life.number, &slot->task, run_us,
                     &result);
    zmq_msg_close(&message);
}

static void report_unstartable(struct exec_slot *slot, uint64_t run_us)
{
    char sentence[160];
    uint32_t code = slot->start_error == ENOENT ? 127 : 126;
    snprintf(sentence, sizeof sentence, "the command could not be started: %s",
             strerror(slot->start_error));
    task_report_failed(slot->life.context, slot->life.number, &slot->task, run_us,
                       FAILURE_EXIT, code, slice_of_text(sentence));
}

/* The process ended badly, and we did not bring that about. */
static void report_exit(struct exec_slot *slot, uint64_t run_us)
{
    struct runner_context *context = slot->life.context;
    uint32_t number = slot->life.number, code;
    enum failure cause = runner_context_judge(context, slot->status, &code);
    task_report_failed(context, number, &slot->task, run_us, cause, code,
                       stderr_relay_tail(context->relays[number]));
}

/* Its output looks like a whole one, and may not be. */
static void report_doubt(struct exec_slot *slot, uint64_t run_us)
{
    static const char text[] = "it caught SIGTERM and exited with 0: its output may "
                               "not be whole";
    task_report_failed(slot->life.context, slot->life.number, &slot->task, run_us,
                       FAILURE_SIGNAL, SIGTERM, slice_of_text(text));
}

/* What the program got ends before the chunk does, whatever it made of that. */
static void report_unread(struct exec_slot *slot, uint64_t run_us)
{
    static const char text[] = "the file that has the chunk could not be read";
    task_report_failed(slot->life.context, slot->life.number, &slot->task, run_us,
                       FAILURE_REFERENCE, 0, slice_of_text(text));
}

static void report_end(struct exec_slot *slot)
{
    struct runner_context *context = slot->life.context;
    uint32_t number = slot->life.number;
    uint64_t run_us = (uint64_t)(slot->ended_at_us - slot->started_at_us);
    if (slot->unread)
        report_unread(slot, run_us);
    else if (slot->phase == EXEC_OVERDUE && !slot->start_error)
        task_report_timeout(context, number, &slot->task, run_us);
    else if ((slot->greedy || slot->status != 0) &&
             task_report_killed(context, number, &slot->task, run_us))
        return;
    else if (slot->start_error)
        report_unstartable(slot, run_us);
    else if (slot->phase == EXEC_TOO_LARGE)
        task_report_too_large(context, number, &slot->task, run_us);
    else if (slot->greedy || slot->status != 0)
        report_exit(slot, run_us);
    else if (slot->told)
        report_doubt(slot, run_us);
    else
        report_done(slot, run_us);
}

/* This host lacks something: the task comes back. */
static void hand_back(struct exec_slot *slot)
{
    struct runner_context *context = slot->life.context;
    task_report_unstarted(context, slot->life.number, &slot->task);
    if (slot_life_on_unstartable(&slot->life, slot->start_error))
        runner_context_break(context, STATUS_IO,
                             "for a long time the command could not be started: %s",
                             strerror(slot->start_error));
}

/* Nothing can change any more how the task ends. */
static void end(struct exec_slot *slot)
{
    struct runner_context *context = slot->life.context;
    uint32_t number = slot->life.number;
    if (slot->survivors || slot->settles)
        runner_context_kill(context, number);
    slot->survivors = false;
    slot->settles = 0;
    exec_slot_close(slot);
    slot_timers_set(&context->limits, number, 0);
    if (!slot->ended_at_us)
        slot->ended_at_us = clock_now_us();
}

/* False: its last lines wait for others to be written; runner_context_settle_stderr
 * wakes the runner then. Nobody waits for the lines of a task that was killed. */
static bool relay_last_lines(struct exec_slot *slot)
{
    struct stderr_relay *relay = slot->life.context->relays[slot->life.number];
    if (slot->phase != EXEC_KILLED)
        return stderr_relay_try_finish(relay);
    stderr_relay_finish(relay);
    return true;
}

static void finish(struct exec_slot *slot)
{
    end(slot);
    if (!relay_last_lines(slot))
        return;
    if (slot->phase == EXEC_KILLED) {
        exec_result_drop(&slot->result);
        slot_life_on_end(&slot->life);
        slot_life_report_ready(&slot->life);
        slot->life.ready_due = false;
        return;
    }
    if (runner_context_lacks(slot->start_error)) {
        hand_back(slot);
    } else {
        slot_life_on_end(&slot->life);
        report_end(slot);
    }
    slot_life_pay_ready(&slot->life, true);
}

/* Where somebody had its output open and wrote nothing, that was no run time. */
static int64_t result_done_us(const struct exec_slot *slot)
{
    bool idle = slot->asked_us && slot->heard == slot->result.size;
    return idle ? slot->asked_us : clock_now_us();
}

/* All is read, but the process has left others that may still be at work. */
static void await_survivors(struct exec_slot *slot)
{
    if (slot->rests)
        return;
    slot->rests = true;
    slot->ended_at_us = result_done_us(slot); /* what it left is not at its result */
    slot_timers_set(&slot->life.context->limits, slot->life.number, 0);
    slot->settles = runner_context_settle(slot->life.context, slot->life.number, -1);
}

/* Somebody whom the process has left has its output open: what comes belongs to the
 * result, and is a sign that more may come. */
static void await_output(struct exec_slot *slot)
{
    int64_t now_us = clock_now_us();
    if (slot->settles &&
        (slot->heard == slot->result.size || now_us < slot->asked_us + SECOND_US))
        return;
    slot->heard = slot->result.size;
    slot->asked_us = now_us;
    slot->settles =
        runner_context_settle(slot->life.context, slot->life.number, slot->output);
}

static void settle(struct exec_slot *slot)
{
    bool doomed = slot->phase != EXEC_AT_WORK || slot->greedy;
    if (!exec_slot_is_busy(slot) || !slot->reaped)
        return;
    if (slot->status != 0 || doomed || slot->start_error ||
        (slot->output < 0 && !slot->survivors && !slot->settles))
        finish(slot);
    else if (slot->output < 0)
        await_survivors(slot);
    else
        await_output(slot);
}

static void exec_settle(void *self)
{
    struct exec *exec = self;
    uint32_t slots = exec->context->slots;
    for (uint32_t i = 0; i < slots; i++) {
        struct exec_slot *slot = &exec->slots[(exec->context->turn + i) % slots];
        settle(slot);
        if (!exec_slot_is_busy(slot))
            slot_life_pay_ready(&slot->life, true);
    }
}

static void exec_kill(void *self, uint32_t number, uint64_t seq, uint32_t attempt)
{
    struct exec *exec = self;
    struct exec_slot *slot = &exec->slots[number];
    if (exec_slot_is_busy(slot) && slot->task.seq == seq &&
        slot->task.attempt == attempt) {
        exec_slot_set_phase(slot, EXEC_KILLED);
        runner_context_kill(exec->context, number);
        fd_close(&slot->input);
        runner_context_wake(exec->context);
    } else {
        slot_life_owe_ready(&slot->life);
    }
}

/* ---- events ---- */

static void exec_on_input(void *self, uint32_t number)
{
    struct exec *exec = self;
    struct exec_slot *slot = &exec->slots[number];
    size_t before = slot->written;
    if (!exec_slot_is_busy(slot) || slot->input < 0)
        return;
    exec_slot_write(slot);
    if (!slot->read_at_us && slot->written > before)
        slot->read_at_us = clock_now_us();
}

static void exec_on_output(void *self, uint32_t number)
{
    struct exec *exec = self;
    struct exec_slot *slot = &exec->slots[number];
    if (!exec_slot_is_busy(slot))
        return;
    exec_slot_read(slot, false);
    settle(slot);
}

/* Its process may have ended in time, and what keeps it is only that we have not read
 * all of its output. */
static bool ended_in_time(struct exec_slot *slot)
{
    if (slot->reaped && slot->status == 0)
        exec_slot_read(slot, true);
    return slot->reaped && slot->output < 0;
}

static void exec_on_limit(void *self, uint32_t number)
{
    struct exec *exec = self;
    struct exec_slot *slot = &exec->slots[number];
    if (!exec_slot_is_busy(slot) || slot->phase == EXEC_KILLED ||
        slot->phase == EXEC_TOO_LARGE)
        return;
    if (slot->phase == EXEC_OVERDUE) {
        runner_context_kill(exec->context, number);
    } else if (!ended_in_time(slot)) {
        exec_slot_set_phase(slot, EXEC_OVERDUE);
        runner_context_terminate(exec->context, number);
        slot_timers_set(&exec->context->limits, number,
                        clock_now_us() + RUNNER_GRACE_US);
    }
    settle(slot);
}

static void exec_on_retry(void *self, uint32_t number)
{
    struct exec *exec = self;
    slot_life_on_retry(&exec->slots[number].life);
}

/* Whoever has the output open now is not at work. */
static void on_settled(struct exec_slot *slot)
{
    size_t before = slot->result.size + 1;
    for (int left = LAST_READS_MAX;
         left > 0 && slot->output >= 0 && slot->result.size != before; left--) {
        before = slot->result.size;
        exec_slot_read(slot, true);
    }
    if (!slot->ended_at_us)
        slot->ended_at_us = result_done_us(slot);
    fd_close(&slot->output);
    slot->survivors = false;
    slot->settles = 0;
    settle(slot);
}

static void exec_on_report(void *self, const struct report *report)
{
    struct exec *exec = self;
    struct exec_slot *slot = &exec->slots[report->slot];
    if (!exec_slot_is_busy(slot))
        return;
    if ((report->kind == REPORT_GREEDY && !slot->reaped) ||
        (report->kind == REPORT_SETTLED && report->value != slot->settles))
        return; /* of the task before, or to a request before the last */
    if (report->kind == REPORT_SETTLED) {
        on_settled(slot);
        return;
    }
    slot->reaped = true;
    slot->greedy = report->memory_bytes > 0;
    slot->told = report->told;
    if (report->kind == REPORT_UNSTARTABLE) {
        slot->start_error = report->value;
        fd_close(&slot->output);
    } else if (report->kind == REPORT_ENDED) {
        slot_life_on_sign(&slot->life);
        slot->status = report->value;
        slot->survivors = report->survivors;
        /* Mostly the end of its output is there already. */
        if (slot->status == 0 && !slot->greedy)
            exec_slot_read(slot, true);
    }
    settle(slot);
}

const struct runner_ops exec_runner = {
    .depth = 1,
    .takes_extents = true,
    .open = exec_open,
    .destroy = exec_destroy,
    .start = exec_start,
    .kill = exec_kill,
    .on_input = exec_on_input,
    .on_output = exec_on_output,
    .on_limit = exec_on_limit,
    .on_retry = exec_on_retry,
    .on_report = exec_on_report,
    .settle = exec_settle,
};
