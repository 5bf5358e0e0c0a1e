/* SPDX-License-Identifier: MIT */
/*
 * One process a task. A task is over when its process was reaped and its stdout is at
 * the end; after a bad exit, or when the task is doomed (killed, result too large), it
 * is over with the process. Bytes move between pipe and memory once, in each direction.
 *
 * A task that is killed is still the slot's until the keeper has reaped its process;
 * only then is the slot ready, and nothing is told of the task.
 *
 * A task that runs for too long is told to end, and killed when it has not after a
 * while; how it ends then does not matter. When its process has ended, what is left of
 * the group is killed, and the slot is free.
 *
 * A task that cannot be started because this host lacks something is not charged with
 * it: it comes back as not started, and its slot rests, longer each time, until one of
 * its tasks starts. When none has started in any slot for a while, it is given up.
 */
#include "worker/exec.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include "worker/result.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    PIPE_BYTES = 64 << 10, /* the kernel's default */
    PIPE_MAX_BYTES = 1 << 20,
    DRAIN_READS = 16, /* of one slot at a time */
};

struct exec_slot {
    bool busy;
    bool killed;     /* nothing is told of the task */
    bool too_large;  /* the result is */
    bool overdue;    /* it has run for too long, and was told to end */
    bool greedy;     /* it has used too much memory, and was killed */
    bool ready_due;  /* tell that the slot is ready, whatever else */
    bool reaped;     /* the process; then `status` and `survivors` are valid */
    bool survivors;  /* its group lives on */
    int status;      /* wait status */
    int start_error; /* errno; 0: it was started */
    int input;       /* -1: all is written, or the program wants no more */
    int output;      /* -1: at its end */
    size_t written;  /* bytes, the header's first */
    int64_t started_at_us;
    struct program_task task;
    struct result result;
};

struct exec {
    struct stage *stage;
    struct exec_slot *slots;
};

struct exec *exec_new(struct stage *stage)
{
    struct exec *exec = allocate(sizeof *exec);
    struct exec_slot *slots = allocate_zeroed(stage->slots, sizeof *slots);
    *exec = (struct exec){.stage = stage, .slots = slots};
    for (uint32_t slot = 0; slot < stage->slots; slot++)
        slots[slot].input = slots[slot].output = -1;
    return exec;
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void exec_destroy(struct exec **exec_p)
{
    struct exec *exec = *exec_p;
    if (!exec)
        return;
    for (uint32_t slot = 0; slot < exec->stage->slots; slot++) {
        close_end(&exec->slots[slot].input);
        close_end(&exec->slots[slot].output);
        result_deinit(&exec->slots[slot].result);
    }
    free(exec->slots);
    free(exec);
    *exec_p = NULL;
}

/* The end `ours` (0: for reading, 1: for writing) becomes non-blocking. 0, or an errno.
 */
static int open_pipe(int ours, size_t bytes, int *ret_ours, int *ret_theirs)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return errno;
    fcntl(ends[ours], F_SETFL, O_NONBLOCK);
    if (bytes > PIPE_BYTES)
        (void)fcntl(ends[0], F_SETPIPE_SZ,
                    (int)(bytes < PIPE_MAX_BYTES ? bytes : PIPE_MAX_BYTES));
    *ret_ours = ends[ours];
    *ret_theirs = ends[!ours];
    return 0;
}

static int launch(struct exec *exec, uint32_t number)
{
    struct exec_slot *slot = &exec->slots[number];
    const struct program_task *task = &slot->task;
    int theirs[2] = {-1, -1};
    int error =
        open_pipe(1, task->header.size + task->input.size, &slot->input, &theirs[0]);
    if (!error)
        error = open_pipe(0, task->input.size, &slot->output, &theirs[1]);
    if (!error)
        error = -link_request(exec->stage->starter,
                              &(struct request){.kind = REQUEST_START,
                                                .slot = number,
                                                .attempt = task->attempt,
                                                .seq = task->seq,
                                                .records = task->records},
                              theirs, 2);
    close_end(&theirs[0]);
    close_end(&theirs[1]);
    return error;
}

static struct iovec rest_of(const struct slice *slice, size_t written)
{
    size_t done = written < slice->size ? written : slice->size;
    return (struct iovec){.iov_base = done ? (void *)(slice->data + done)
                                           : (void *)slice->data,
                          .iov_len = slice->size - done};
}

/* The header and the chunk, as far as the pipe takes them now. True: there is more. */
static bool write_chunk(struct exec_slot *slot)
{
    const struct slice *header = &slot->task.header, *input = &slot->task.input;
    while (slot->written < header->size + input->size) {
        size_t behind = slot->written > header->size ? slot->written - header->size : 0;
        struct iovec rest[] = {rest_of(header, slot->written), rest_of(input, behind)};
        ssize_t wrote = writev(slot->input, rest, 2);
        if (wrote < 0 && errno == EAGAIN)
            return true;
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            break; /* EPIPE: the program does not want the rest */
        slot->written += (size_t)wrote;
    }
    close_end(&slot->input);
    return false;
}

void exec_start(struct exec *exec, uint32_t number, const struct program_task *task)
{
    struct exec_slot *slot = &exec->slots[number];
    assert(!slot->busy);
    *slot = (struct exec_slot){
        .busy = true,
        .input = -1,
        .output = -1,
        .started_at_us = clock_now_us(),
        .task = *task,
        .result = slot->result,
        .ready_due = slot->ready_due,
    };
    relay_begin(exec->stage->relays[number], task->seq);
    slot->start_error = launch(exec, number);
    if (slot->start_error) {
        slot->reaped = true;
        close_end(&slot->input);
        close_end(&slot->output);
        stage_wake(exec->stage);
        return;
    }
    result_begin(&slot->result, task->input.size);
    if (task->limit_ms)
        alarms_set(&exec->stage->limits, number,
                   slot->started_at_us + task->limit_ms * INT64_C(1000));
    stage_watch(exec->stage, slot->output, TAG_OUTPUT, number, EPOLLIN);
    if (write_chunk(slot))
        stage_watch(exec->stage, slot->input, TAG_INPUT, number, EPOLLOUT);
}

static uint64_t run_us_of(const struct exec_slot *slot)
{
    return (uint64_t)(clock_now_us() - slot->started_at_us);
}

static void report_done(struct exec *exec, uint32_t number)
{
    struct exec_slot *slot = &exec->slots[number];
    const struct program_events *events = &exec->stage->events;
    zmq_msg_t message;
    result_take(&slot->result, &message);
    events->done(events->context, number, slot->task.seq, slot->task.attempt,
                 run_us_of(slot), &message);
    zmq_msg_close(&message);
}

static void report_failed(struct exec *exec, uint32_t number)
{
    struct exec_slot *slot = &exec->slots[number];
    const struct program_events *events = &exec->stage->events;
    struct slice text = relay_tail(exec->stage->relays[number]);
    char sentence[160] = "";
    uint32_t code = 0;
    enum failure how = FAILURE_TOO_LARGE;
    if (slot->greedy &&
        stage_tell_memory(exec->stage, number, &slot->task, run_us_of(slot)))
        return;
    if (slot->start_error) {
        how = FAILURE_EXIT;
        code = slot->start_error == ENOENT ? 127 : 126;
        snprintf(sentence, sizeof sentence, "the command could not be started: %s",
                 strerror(slot->start_error));
    } else if (slot->too_large) {
        snprintf(sentence, sizeof sentence,
                 "the result is larger than %" PRIu64 " bytes",
                 exec->stage->max_result);
    } else {
        how = stage_judge(exec->stage, slot->status, &code);
    }
    if (*sentence)
        text = (struct slice){(const uint8_t *)sentence, strlen(sentence)};
    events->failed(events->context, number, slot->task.seq, slot->task.attempt,
                   run_us_of(slot), how, code, text);
}

static bool is_idle(const struct exec *exec)
{
    for (uint32_t number = 0; number < exec->stage->slots; number++)
        if (exec->slots[number].busy)
            return false;
    return true;
}

static void report_unstarted(struct exec *exec, uint32_t number)
{
    struct exec_slot *slot = &exec->slots[number];
    const struct program_events *events = &exec->stage->events;
    int error = slot->start_error;
    bool hopeless = rest_begin(&exec->stage->rest, number, error, clock_now_us());
    events->unstarted(events->context, number, slot->task.seq, slot->task.attempt);
    events->slot(events->context, number, false);
    if (hopeless && is_idle(exec))
        stage_break(exec->stage, STATUS_IO,
                    "for a long time the command could not be started: %s",
                    strerror(error));
}

void exec_on_rested(struct exec *exec, uint32_t number)
{
    exec->stage->events.slot(exec->stage->events.context, number, true);
}

static void finish(struct exec *exec, uint32_t number)
{
    struct exec_slot *slot = &exec->slots[number];
    const struct program_events *events = &exec->stage->events;
    if (slot->survivors)
        stage_kill(exec->stage, number);
    close_end(&slot->input);
    close_end(&slot->output);
    relay_finish(exec->stage->relays[number]);
    alarms_set(&exec->stage->limits, number, 0);
    slot->busy = false;
    bool ready_due = slot->ready_due || slot->killed;
    slot->ready_due = false;
    if (slot->killed)
        slot->result.size = 0;
    else if (stage_lacks(slot->start_error))
        report_unstarted(exec, number);
    else if (slot->overdue && !slot->start_error && !slot->too_large)
        stage_tell_timeout(exec->stage, number, &slot->task, run_us_of(slot));
    else if (slot->start_error || slot->too_large || slot->greedy || slot->status != 0)
        report_failed(exec, number);
    else
        report_done(exec, number);
    if (ready_due && !rest_goes_on(&exec->stage->rest, number))
        events->slot(events->context, number, true);
}

static void settle(struct exec *exec, uint32_t number)
{
    struct exec_slot *slot = &exec->slots[number];
    bool doomed = slot->killed || slot->too_large || slot->overdue || slot->greedy;
    if (slot->busy && slot->reaped && (slot->status != 0 || doomed || slot->output < 0))
        finish(exec, number);
}

void exec_settle_all(struct exec *exec)
{
    for (uint32_t number = 0; number < exec->stage->slots; number++) {
        struct exec_slot *slot = &exec->slots[number];
        settle(exec, number);
        if (!slot->busy && slot->ready_due) {
            slot->ready_due = false;
            if (rest_goes_on(&exec->stage->rest, number))
                continue; /* it is told when that is over */
            exec->stage->events.slot(exec->stage->events.context, number, true);
        }
    }
}

void exec_kill(struct exec *exec, uint32_t number, uint64_t seq, uint32_t attempt)
{
    struct exec_slot *slot = &exec->slots[number];
    if (slot->busy && slot->task.seq == seq && slot->task.attempt == attempt) {
        slot->killed = true;
        stage_kill(exec->stage, number);
        close_end(&slot->input);
    } else {
        slot->ready_due = true;
    }
    stage_wake(exec->stage);
}

void exec_on_input(struct exec *exec, uint32_t number)
{
    struct exec_slot *slot = &exec->slots[number];
    if (slot->busy && slot->input >= 0)
        write_chunk(slot);
}

/* Reads what is there, up to a bound. `to_end`: its end may be there, too. */
static void read_output(struct exec *exec, uint32_t number, bool to_end)
{
    struct exec_slot *slot = &exec->slots[number];
    for (int left = DRAIN_READS; left > 0 && slot->output >= 0; left--) {
        size_t room = result_room(&slot->result);
        ssize_t got = read(slot->output, slot->result.data + slot->result.size, room);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            close_end(&slot->output);
            return;
        }
        slot->result.size += (size_t)got;
        if (slot->result.size > exec->stage->max_result) {
            slot->too_large = true;
            close_end(&slot->output);
            stage_kill(exec->stage, number);
        }
        if (!to_end && (size_t)got < room)
            return;
    }
}

void exec_on_output(struct exec *exec, uint32_t number)
{
    if (!exec->slots[number].busy)
        return;
    read_output(exec, number, false);
    settle(exec, number);
}

/* Its process may have ended in time, and what keeps it is but that we have not read
 * all of its output. */
static bool ended_in_time(struct exec *exec, uint32_t number)
{
    struct exec_slot *slot = &exec->slots[number];
    if (slot->reaped && slot->status == 0)
        read_output(exec, number, true);
    return slot->reaped && slot->output < 0;
}

void exec_on_limit(struct exec *exec, uint32_t number)
{
    struct exec_slot *slot = &exec->slots[number];
    if (!slot->busy || slot->killed || slot->too_large)
        return;
    if (slot->overdue) {
        stage_kill(exec->stage, number);
    } else if (!ended_in_time(exec, number)) {
        slot->overdue = true;
        stage_terminate(exec->stage, number);
        alarms_set(&exec->stage->limits, number, clock_now_us() + STAGE_GRACE_US);
    }
    settle(exec, number);
}

void exec_on_report(struct exec *exec, const struct report *report)
{
    if (report->slot >= exec->stage->slots || !exec->slots[report->slot].busy)
        return;
    struct exec_slot *slot = &exec->slots[report->slot];
    if (report->kind == REPORT_GREEDY && !slot->reaped)
        return; /* that was the task before */
    slot->reaped = true;
    slot->greedy = report->memory_bytes > 0;
    if (report->kind == REPORT_UNSTARTABLE) {
        slot->start_error = report->value;
        close_end(&slot->output);
    } else if (report->kind == REPORT_ENDED) {
        rest_forget(&exec->stage->rest, report->slot);
        slot->status = report->value;
        slot->survivors = report->survivors;
        /* Mostly its end is there already. */
        if (slot->status == 0 && !slot->greedy)
            read_output(exec, report->slot, true);
    }
    settle(exec, report->slot);
}
