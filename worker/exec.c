/* SPDX-License-Identifier: MIT */
/*
 * One process a task. A task is over when its process was reaped and its stdout is at
 * the end; after a bad exit, or when the task is doomed (killed, result too large), it
 * is over with the process. Bytes move between pipe and memory once, in each direction.
 *
 * A task that is killed is still the slot's until the keeper has reaped its process;
 * only then is the slot ready, and nothing is told of the task.
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
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    PIPE_BYTES = 64 << 10, /* the kernel's default */
    PIPE_MAX_BYTES = 1 << 20,
    DRAIN_READS = 16, /* of one slot at a time */
    REST_US = 10000,  /* the first rest; each is twice as long as the one before */
    REST_MAX_US = 1000000,
    LACKING_MAX_US = 30000000, /* without a task that could be started */
};

struct exec_slot {
    bool busy;
    bool killed;     /* nothing is told of the task */
    bool too_large;  /* the result is */
    bool ready_due;  /* tell that the slot is ready, whatever else */
    bool reaped;     /* the process; then `status` and `survivors` are valid */
    bool survivors;  /* its group lives on */
    int status;      /* wait status */
    int start_error; /* errno; 0: it was started */
    int input;       /* -1: all is written, or the program wants no more */
    int output;      /* -1: at its end */
    size_t written;
    int64_t started_at_us;
    int64_t rest_us;       /* the last one; 0: its last task was started */
    int64_t rest_until_us; /* 0: it does not rest */
    struct program_task task;
    struct result result;
};

struct exec {
    struct stage *stage;
    struct exec_slot *slots;
    int rest;                 /* timerfd: a slot's rest is over */
    int64_t lacking_since_us; /* no task was started since then; 0: one was */
    bool told;                /* that something is lacking */
};

int exec_new(struct stage *stage, struct exec **ret_exec)
{
    struct exec *exec = allocate(sizeof *exec);
    struct exec_slot *slots = allocate_zeroed(stage->slots, sizeof *slots);
    *exec = (struct exec){.stage = stage, .slots = slots};
    *ret_exec = exec;
    for (uint32_t slot = 0; slot < stage->slots; slot++)
        slots[slot].input = slots[slot].output = -1;
    exec->rest = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (exec->rest < 0)
        return -errno;
    stage_watch(stage, exec->rest, TAG_REST, 0, EPOLLIN);
    return 0;
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
    close_end(&exec->rest);
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
    int error = open_pipe(1, task->input.size, &slot->input, &theirs[0]);
    if (!error)
        error = open_pipe(0, task->input.size, &slot->output, &theirs[1]);
    if (!error)
        error = -link_request(exec->stage->starter,
                              &(struct request){.kind = REQUEST_START,
                                                .slot = number,
                                                .attempt = task->attempt,
                                                .seq = task->seq},
                              theirs, 2);
    close_end(&theirs[0]);
    close_end(&theirs[1]);
    return error;
}

/* What the pipe takes now. True: there is more. */
static bool write_chunk(struct exec_slot *slot)
{
    const struct slice *input = &slot->task.input;
    while (slot->written < input->size) {
        ssize_t wrote = write(slot->input, input->data + slot->written,
                              input->size - slot->written);
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
        .rest_us = slot->rest_us,
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
    stage_watch(exec->stage, slot->output, TAG_OUTPUT, number, EPOLLIN);
    if (write_chunk(slot))
        stage_watch(exec->stage, slot->input, TAG_INPUT, number, EPOLLOUT);
}

static void report_done(struct exec *exec, uint32_t number)
{
    struct exec_slot *slot = &exec->slots[number];
    const struct program_events *events = &exec->stage->events;
    zmq_msg_t message;
    result_take(&slot->result, &message);
    events->done(events->context, number, slot->task.seq, slot->task.attempt,
                 (uint64_t)(clock_now_us() - slot->started_at_us), &message);
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
                   (uint64_t)(clock_now_us() - slot->started_at_us), how, code, text);
}

static void arm_rest(struct exec *exec)
{
    int64_t due_us = 0;
    for (uint32_t number = 0; number < exec->stage->slots; number++) {
        int64_t until_us = exec->slots[number].rest_until_us;
        if (until_us && (!due_us || until_us < due_us))
            due_us = until_us;
    }
    struct itimerspec due = {.it_value = {.tv_sec = due_us / SECOND_US,
                                          .tv_nsec = due_us % SECOND_US * 1000}};
    (void)timerfd_settime(exec->rest, TFD_TIMER_ABSTIME, &due, NULL);
}

void exec_on_rest(struct exec *exec)
{
    uint64_t count;
    if (read(exec->rest, &count, sizeof count) < 0)
        return;
    int64_t now_us = clock_now_us();
    for (uint32_t number = 0; number < exec->stage->slots; number++) {
        struct exec_slot *slot = &exec->slots[number];
        if (!slot->rest_until_us || slot->rest_until_us > now_us)
            continue;
        slot->rest_until_us = 0;
        exec->stage->events.slot(exec->stage->events.context, number, true);
    }
    arm_rest(exec);
}

static bool is_idle(const struct exec *exec)
{
    for (uint32_t number = 0; number < exec->stage->slots; number++)
        if (exec->slots[number].busy)
            return false;
    return true;
}

/* Something is lacking: since when, and whether that is too long. */
static void mind_lack(struct exec *exec, int error, int64_t now_us)
{
    if (!exec->told)
        log_event(LOG_LEVEL_WARN, "cannot_start",
                  "error=\"%s\" why=\"tasks wait until it goes again\"",
                  strerror(error));
    exec->told = true;
    if (!exec->lacking_since_us)
        exec->lacking_since_us = now_us;
    if (now_us - exec->lacking_since_us >= LACKING_MAX_US && is_idle(exec))
        stage_break(exec->stage, STATUS_IO,
                    "the command could not be started for %d s: %s",
                    (int)(LACKING_MAX_US / SECOND_US), strerror(error));
}

static void report_unstarted(struct exec *exec, uint32_t number)
{
    struct exec_slot *slot = &exec->slots[number];
    const struct program_events *events = &exec->stage->events;
    int64_t now_us = clock_now_us();
    slot->rest_us = slot->rest_us ? slot->rest_us * 2 : REST_US;
    if (slot->rest_us > REST_MAX_US)
        slot->rest_us = REST_MAX_US;
    slot->rest_until_us = now_us + slot->rest_us;
    arm_rest(exec);
    events->unstarted(events->context, number, slot->task.seq, slot->task.attempt);
    events->slot(events->context, number, false);
    mind_lack(exec, slot->start_error, now_us);
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
    slot->busy = false;
    bool ready_due = slot->ready_due || slot->killed;
    slot->ready_due = false;
    if (slot->killed)
        slot->result.size = 0;
    else if (stage_lacks(slot->start_error))
        report_unstarted(exec, number);
    else if (slot->start_error || slot->too_large || slot->status != 0)
        report_failed(exec, number);
    else
        report_done(exec, number);
    if (ready_due && !slot->rest_until_us)
        events->slot(events->context, number, true);
}

static void settle(struct exec *exec, uint32_t number)
{
    struct exec_slot *slot = &exec->slots[number];
    bool doomed = slot->killed || slot->too_large;
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
            if (slot->rest_until_us)
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

void exec_on_report(struct exec *exec, const struct report *report)
{
    if (report->slot >= exec->stage->slots || !exec->slots[report->slot].busy)
        return;
    struct exec_slot *slot = &exec->slots[report->slot];
    slot->reaped = true;
    if (report->kind == REPORT_UNSTARTABLE) {
        slot->start_error = report->value;
        close_end(&slot->output);
    } else {
        slot->rest_us = exec->lacking_since_us = 0;
        slot->status = report->value;
        slot->survivors = report->survivors;
        /* Mostly its end is there already. */
        if (slot->status == 0)
            read_output(exec, report->slot, true);
    }
    settle(exec, report->slot);
}
