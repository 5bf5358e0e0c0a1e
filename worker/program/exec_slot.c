/* SPDX-License-Identifier: MIT */
/* Bytes move between pipe and memory once, in each direction. */
#include "worker/program/exec_slot.h"
#include "common/clock.h"
#include "common/process/fds.h"
#include "worker/program/task_report.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    PIPE_BYTES = 64 << 10, /* the kernel's default */
    PIPE_MAX_BYTES = 1 << 20,
    PIPE_MIN_BYTES = 4096,
    DRAIN_READS = 16, /* of one slot at a time */
};

void exec_slot_set_phase(struct exec_slot *slot, enum exec_phase phase)
{
    static const unsigned allowed[] = {
        [EXEC_AT_WORK] = 1u << EXEC_OVERDUE | 1u << EXEC_TOO_LARGE | 1u << EXEC_KILLED,
        [EXEC_OVERDUE] = 1u << EXEC_TOO_LARGE | 1u << EXEC_KILLED,
        [EXEC_TOO_LARGE] = 1u << EXEC_KILLED,
        [EXEC_KILLED] = 1u << EXEC_KILLED,
    };
    assert(allowed[slot->phase] & 1u << phase);
    slot->phase = phase;
}

bool exec_slot_is_busy(const struct exec_slot *slot)
{
    return slot->life.phase == SLOT_OCCUPIED;
}

void exec_slot_init(struct exec_slot *slot, struct runner_context *context,
                    uint32_t number)
{
    slot_life_init(&slot->life, context, number);
    slot->input = slot->output = -1;
}

void exec_slot_close(struct exec_slot *slot)
{
    fd_close(&slot->input);
    fd_close(&slot->output);
}

void exec_slot_deinit(struct exec_slot *slot)
{
    exec_slot_close(slot);
    exec_result_deinit(&slot->result);
}

/* A pipe that is too small for all the bytes is full until the program reads. */
static void narrow(int fd, size_t bytes)
{
    size_t size = PIPE_BYTES;
    while (size > bytes / 2 && size > PIPE_MIN_BYTES)
        size /= 2;
    if (size < PIPE_BYTES)
        (void)fcntl(fd, F_SETPIPE_SZ, (int)size);
}

/* The bytes that are known to pass through the pipe; more of them fit at once then. */
static void widen(int fd, size_t bytes)
{
    if (bytes > PIPE_BYTES)
        (void)fcntl(fd, F_SETPIPE_SZ,
                    (int)(bytes < PIPE_MAX_BYTES ? bytes : PIPE_MAX_BYTES));
}

/* 0, or -errno. */
static int launch(struct exec_slot *slot)
{
    const struct program_task *task = &slot->task;
    struct request request = {
        .slot = slot->life.number,
        .attempt = task->attempt,
        .seq = task->seq,
        .records = task->records,
    };
    int theirs[2] = {-1, -1};
    int result = pipe_open(PIPE_WRITE, &slot->input, &theirs[0]);
    if (result == 0)
        result = pipe_open(PIPE_READ, &slot->output, &theirs[1]);
    if (result == 0) {
        size_t bytes = program_task_size(task);
        if (start_costs_begin(&slot->life.context->starts, slot->started_at_us))
            narrow(slot->input, bytes);
        else
            widen(slot->input, bytes);
        widen(slot->output, program_task_chunk_size(task));
        result = runner_context_start(slot->life.context, &request, theirs, 2);
    }
    fd_close(&theirs[0]);
    fd_close(&theirs[1]);
    return result;
}

static struct iovec rest_of(const struct slice *slice, size_t written)
{
    size_t done = written < slice->size ? written : slice->size;
    return (struct iovec){.iov_base = done ? (void *)(slice->data + done)
                                           : (void *)slice->data,
                          .iov_len = slice->size - done};
}

/* What is in memory: the rest of the header, and then that of the input. */
static ssize_t write_memory(const struct exec_slot *slot, size_t of_header,
                            size_t of_input)
{
    const struct program_task *task = &slot->task;
    struct iovec rest[] = {rest_of(&task->header, of_header),
                           rest_of(&task->input, of_input)};
    bool header_alone = task->extent.size > 0 && of_header < task->header.size;
    return writev(slot->input, rest, header_alone ? 1 : 2);
}

/* From the file into the pipe, where its pages lie until the program reads them: a
 * change of the file shows there, too, and is found when the task is over. */
static ssize_t write_extent(struct exec_slot *slot, size_t done)
{
    const struct file_extent *extent = &slot->task.extent;
    off_t offset = (off_t)(extent->offset + done);
    ssize_t wrote = sendfile(slot->input, extent->fd, &offset, extent->size - done);
    slot->unread = wrote == 0 ||
                   (wrote < 0 && errno != EAGAIN && errno != EINTR && errno != EPIPE);
    return wrote;
}

static ssize_t write_some(struct exec_slot *slot)
{
    size_t header = slot->task.header.size, file = slot->task.extent.size;
    if (slot->written < header)
        return write_memory(slot, slot->written, 0);
    size_t done = slot->written - header;
    return done < file ? write_extent(slot, done)
                       : write_memory(slot, header, done - file);
}

bool exec_slot_write(struct exec_slot *slot)
{
    while (slot->written < program_task_size(&slot->task)) {
        ssize_t wrote = write_some(slot);
        if (wrote < 0 && errno == EAGAIN)
            return true;
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            break; /* EPIPE: the program does not want the rest */
        slot->written += (size_t)wrote;
    }
    fd_close(&slot->input);
    return false;
}

void exec_slot_start(struct exec_slot *slot, const struct program_task *task)
{
    struct runner_context *context = slot->life.context;
    uint32_t number = slot->life.number;
    assert(!exec_slot_is_busy(slot));
    slot_life_start(&slot->life, false);
    *slot = (struct exec_slot){
        .life = slot->life,
        .input = -1,
        .output = -1,
        .started_at_us = clock_now_us(),
        .task = *task,
        .result = slot->result,
    };
    stderr_relay_begin(context->relays[number], task->seq);
    slot->start_error = -launch(slot);
    if (slot->start_error) {
        slot->reaped = true;
        exec_slot_close(slot);
        runner_context_wake(context);
        return;
    }
    uint64_t expected = program_task_chunk_size(task);
    exec_result_begin(&slot->result, expected,
                      task_report_lender(context, task, expected));
    if (task->limit_ms)
        slot_timers_set(&context->limits, number,
                        slot->started_at_us + task->limit_ms * INT64_C(1000));
    runner_context_watch(context, slot->output, TAG_OUTPUT, number, EPOLLIN);
    if (exec_slot_write(slot))
        runner_context_watch(context, slot->input, TAG_INPUT, number, EPOLLOUT);
}

void exec_slot_read(struct exec_slot *slot, bool to_end)
{
    struct runner_context *context = slot->life.context;
    for (int left = DRAIN_READS; left > 0 && slot->output >= 0; left--) {
        bool full = false;
        ssize_t got = exec_result_read(&slot->result, slot->output, &full);
        if (got == -EAGAIN || got == -EINTR)
            return;
        if (got <= 0) {
            fd_close(&slot->output);
            return;
        }
        if (slot->result.size > context->max_result) {
            if (slot->phase != EXEC_KILLED)
                exec_slot_set_phase(slot, EXEC_TOO_LARGE);
            fd_close(&slot->output);
            runner_context_kill(context, slot->life.number);
        }
        if (!to_end && !full)
            return;
    }
}
