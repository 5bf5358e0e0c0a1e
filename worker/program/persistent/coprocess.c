/* SPDX-License-Identifier: MIT */
/*
 * Bytes to and from one process. One system call writes many requests, straight from
 * where the chunks lie. All answers are read into one buffer, which becomes the message
 * where one answer is most of it.
 */
#include "worker/program/persistent/coprocess.h"
#include "common/memory.h"
#include "common/process/fds.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    PIPE_BYTES = 64 << 10, /* the kernel's default */
    PIPE_MAX_BYTES = 1 << 20,
    BURST_BYTES = 1 << 20, /* given together, unless one task is longer */
    PARTS_MAX = 4,         /* of a task: head, header, chunk, the end of a line */
    VECTORS_MAX = 256,     /* in one write */
    READ_BYTES = 64 << 10, /* of room, where it costs nothing */
    ROOM_BYTES = 4 << 10,  /* of room, at least */
    AHEAD_BYTES = 1 << 20, /* of an answer, before any of it is there */
};

void coprocess_init(struct coprocess *coprocess, enum program_mode mode)
{
    *coprocess = (struct coprocess){.mode = mode, .input = -1, .output = -1};
    coprocess->tasks = allocate_zeroed(COPROCESS_DEPTH, sizeof *coprocess->tasks);
}

void coprocess_deinit(struct coprocess *coprocess)
{
    fd_close(&coprocess->input);
    fd_close(&coprocess->output);
    byte_buffer_deinit(&coprocess->heard);
    free(coprocess->tasks);
    coprocess->tasks = NULL;
}

int coprocess_open(struct coprocess *coprocess, int ret_theirs[2])
{
    assert(coprocess->given == 0);
    coprocess->asked = coprocess->written = 0;
    coprocess->heard.size = coprocess->parsed = coprocess->expected = 0;
    coprocess->lines = (struct lines_protocol){0};
    coprocess->paced = coprocess->paced_lines = 0;
    coprocess->frames = (struct frames_protocol){0};
    coprocess->pipe_bytes = PIPE_BYTES;
    int result = pipe_open(PIPE_WRITE, &coprocess->input, &ret_theirs[0]);
    if (result < 0)
        return result;
    result = pipe_open(PIPE_READ, &coprocess->output, &ret_theirs[1]);
    if (result < 0) {
        fd_close(&coprocess->input);
        fd_close(&ret_theirs[0]);
    }
    return result;
}

void coprocess_close(struct coprocess *coprocess)
{
    fd_close(&coprocess->input);
    fd_close(&coprocess->output);
    coprocess->given = coprocess->answered = 0;
    coprocess->heard.size = coprocess->parsed = 0;
}

void coprocess_close_pipes(struct coprocess *coprocess)
{
    fd_close(&coprocess->input);
    fd_close(&coprocess->output);
}

void coprocess_close_input(struct coprocess *coprocess)
{
    fd_close(&coprocess->input);
}

/* ---- tasks ---- */

void coprocess_push(struct coprocess *coprocess, const struct program_task *task)
{
    assert(coprocess->count < COPROCESS_DEPTH);
    *coprocess_at(coprocess, coprocess->count++) =
        (struct coprocess_task){.task = *task};
}

struct coprocess_task *coprocess_at(struct coprocess *coprocess, uint32_t index)
{
    return &coprocess->tasks[(coprocess->head + index) % COPROCESS_DEPTH];
}

void coprocess_pop(struct coprocess *coprocess)
{
    assert(coprocess->count > 0);
    coprocess->head = (coprocess->head + 1) % COPROCESS_DEPTH;
    coprocess->count--;
    coprocess->given -= coprocess->given > 0;
    coprocess->answered -= coprocess->answered > 0;
    if (coprocess->answered > 0 || coprocess->parsed == 0)
        return;
    byte_buffer_skip(&coprocess->heard, coprocess->parsed);
    coprocess->parsed = 0;
}

void coprocess_remove(struct coprocess *coprocess, uint32_t index)
{
    assert(index >= coprocess->given && index < coprocess->count);
    coprocess->count--;
    for (; index < coprocess->count; index++)
        *coprocess_at(coprocess, index) = *coprocess_at(coprocess, index + 1);
}

/* ---- in ---- */

static uint64_t length_of(const struct coprocess_task *item)
{
    return (uint64_t)item->task.header.size + item->task.input.size;
}

static void put_head(struct coprocess *coprocess, struct coprocess_task *item)
{
    item->request = ++coprocess->requests;
    struct frames_request request = {
        .number = item->request,
        .length = length_of(item),
        .seq = item->task.seq,
        .attempt = item->task.attempt,
        .records = item->task.records,
    };
    frames_put_head(item->head, &request);
}

static void give_one(struct coprocess *coprocess, struct coprocess_task *item)
{
    item->begin = coprocess->asked;
    item->end = item->begin + length_of(item);
    if (coprocess->mode == PROGRAM_FRAMES) {
        put_head(coprocess, item);
        item->end += FRAMES_REQUEST_HEAD;
    } else {
        item->question = lines_question(item->task.header, item->task.input);
        item->end += item->question.lacks_end;
    }
    coprocess->asked = item->end;
    coprocess->given++;
}

/* A long chunk passes with fewer turns of the loop. The pipes are the user's, of which
 * one may have only so many that are long; then they stay short. */
static void widen_pipes(struct coprocess *coprocess, uint64_t bytes)
{
    if (bytes > PIPE_MAX_BYTES)
        bytes = PIPE_MAX_BYTES;
    if (bytes <= coprocess->pipe_bytes || coprocess->input < 0)
        return;
    coprocess->pipe_bytes = bytes;
    (void)fcntl(coprocess->input, F_SETPIPE_SZ, (int)bytes);
    (void)fcntl(coprocess->output, F_SETPIPE_SZ, (int)bytes);
}

/* The next task may follow those that are given. */
static bool may_follow(struct coprocess *coprocess, bool alone)
{
    const struct coprocess_task *next = coprocess_at(coprocess, coprocess->given);
    if (coprocess->given == 0)
        return true;
    const struct coprocess_task *first = coprocess_at(coprocess, 0);
    if (alone || next->task.attempt > 1 || first->task.attempt > 1)
        return false;
    return coprocess->mode == PROGRAM_FRAMES ||
           (coprocess->answered == coprocess->given &&
            coprocess->asked - first->begin + length_of(next) <= BURST_BYTES);
}

bool coprocess_give(struct coprocess *coprocess, bool alone)
{
    uint32_t before = coprocess->given;
    while (coprocess->given < coprocess->count && may_follow(coprocess, alone)) {
        struct coprocess_task *item = coprocess_at(coprocess, coprocess->given);
        give_one(coprocess, item);
        widen_pipes(coprocess, item->end - item->begin);
    }
    return coprocess->given > before;
}

/* Adds what is left of a part after `*skip` bytes. */
static unsigned add_part(struct iovec *part, const void *data, size_t size,
                         uint64_t *skip)
{
    if (*skip >= size) {
        *skip -= size;
        return 0;
    }
    *part = (struct iovec){.iov_base = (uint8_t *)(uintptr_t)data + *skip,
                           .iov_len = size - (size_t)*skip};
    *skip = 0;
    return 1;
}

static unsigned add_task(const struct coprocess *coprocess,
                         const struct coprocess_task *item, struct iovec *parts)
{
    const struct program_task *task = &item->task;
    uint64_t skip = coprocess->written > item->begin ? coprocess->written - item->begin
                                                     : 0;
    unsigned count = 0;
    if (coprocess->mode == PROGRAM_FRAMES)
        count += add_part(parts + count, item->head, FRAMES_REQUEST_HEAD, &skip);
    count += add_part(parts + count, task->header.data, task->header.size, &skip);
    count += add_part(parts + count, task->input.data, task->input.size, &skip);
    if (coprocess->mode == PROGRAM_LINES && item->question.lacks_end)
        count += add_part(parts + count, "\n", 1, &skip);
    return count;
}

static unsigned gather(struct coprocess *coprocess, struct iovec *parts)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < coprocess->given && count <= VECTORS_MAX - PARTS_MAX;
         i++) {
        const struct coprocess_task *item = coprocess_at(coprocess, i);
        if (item->end > coprocess->written)
            count += add_task(coprocess, item, parts + count);
    }
    return count;
}

bool coprocess_write(struct coprocess *coprocess)
{
    while (coprocess->input >= 0 && coprocess->written < coprocess->asked) {
        struct iovec parts[VECTORS_MAX];
        unsigned count = gather(coprocess, parts);
        ssize_t wrote = writev(coprocess->input, parts, (int)count);
        if (wrote < 0 && errno == EAGAIN)
            return true;
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return false; /* EPIPE */
        coprocess->written += (uint64_t)wrote;
    }
    return true;
}

uint64_t coprocess_taken(const struct coprocess *coprocess)
{
    int unread = 0;
    if (coprocess->input < 0 || ioctl(coprocess->input, FIONREAD, &unread) < 0)
        return coprocess->written;
    return coprocess->written - (uint64_t)unread;
}

/* ---- out ---- */

/* For the answer at hand, as far as it is known how long it is, but not much more than
 * there are bytes of it: a program need not write all that it announces. */
static void make_room(struct coprocess *coprocess)
{
    struct byte_buffer *heard = &coprocess->heard;
    size_t wanted = coprocess->parsed + coprocess->expected + READ_BYTES;
    if (coprocess->mode == PROGRAM_LINES && coprocess->given > coprocess->answered)
        wanted = coprocess->asked - coprocess_at(coprocess, 0)->begin + READ_BYTES;
    size_t most = 2 * heard->size + AHEAD_BYTES;
    wanted = wanted < most ? wanted : most;
    if (heard->size == 0)
        byte_buffer_begin(heard, wanted);
    else if (heard->capacity - heard->size < ROOM_BYTES)
        byte_buffer_reserve(heard, wanted > 2 * heard->size ? wanted : 2 * heard->size);
}

enum coprocess_read coprocess_read(struct coprocess *coprocess)
{
    struct byte_buffer *heard = &coprocess->heard;
    if (coprocess->output < 0)
        return COPROCESS_CLOSED;
    make_room(coprocess);
    size_t room = byte_buffer_room(heard);
    ssize_t got = read(coprocess->output, heard->data + heard->size, room);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return COPROCESS_EMPTY;
    if (got <= 0) {
        fd_close(&coprocess->output);
        return COPROCESS_CLOSED;
    }
    heard->size += (size_t)got;
    return (size_t)got == room ? COPROCESS_READ : COPROCESS_EMPTY;
}
