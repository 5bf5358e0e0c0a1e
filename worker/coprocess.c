/* SPDX-License-Identifier: MIT */
/*
 * Bytes to and from one process. Requests go out many to a system call, straight from
 * where the chunks lie; what comes back is read into one buffer, which becomes the
 * message where one answer is most of it.
 */
#include "worker/coprocess.h"
#include "common/memory.h"

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

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void coprocess_deinit(struct coprocess *coprocess)
{
    close_end(&coprocess->input);
    close_end(&coprocess->output);
    result_deinit(&coprocess->heard);
    free(coprocess->tasks);
    coprocess->tasks = NULL;
}

/* The end `ours` (0: for reading, 1: for writing) becomes non-blocking. */
static int open_pipe(int ours, int *ret_ours, int *ret_theirs)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    fcntl(ends[ours], F_SETFL, O_NONBLOCK);
    *ret_ours = ends[ours];
    *ret_theirs = ends[!ours];
    return 0;
}

int coprocess_open(struct coprocess *coprocess, int ret_theirs[2])
{
    assert(coprocess->given == 0);
    coprocess->asked = coprocess->written = 0;
    coprocess->heard.size = coprocess->parsed = coprocess->expected = 0;
    coprocess->lines = (struct lines_dialogue){0};
    coprocess->frames = (struct frames_dialogue){0};
    coprocess->pipe_bytes = PIPE_BYTES;
    int result = open_pipe(1, &coprocess->input, &ret_theirs[0]);
    if (result < 0)
        return result;
    result = open_pipe(0, &coprocess->output, &ret_theirs[1]);
    if (result < 0) {
        close_end(&coprocess->input);
        close_end(&ret_theirs[0]);
    }
    return result;
}

void coprocess_close(struct coprocess *coprocess)
{
    close_end(&coprocess->input);
    close_end(&coprocess->output);
    coprocess->given = coprocess->answered = 0;
    coprocess->heard.size = coprocess->parsed = 0;
}

void coprocess_close_pipes(struct coprocess *coprocess)
{
    close_end(&coprocess->input);
    close_end(&coprocess->output);
}

void coprocess_close_input(struct coprocess *coprocess)
{
    close_end(&coprocess->input);
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
    result_skip(&coprocess->heard, coprocess->parsed);
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
 * there are bytes of it: what a program announces need not come. */
static void make_room(struct coprocess *coprocess)
{
    struct result *heard = &coprocess->heard;
    size_t wanted = coprocess->parsed + coprocess->expected + READ_BYTES;
    if (coprocess->mode == PROGRAM_LINES && coprocess->given > coprocess->answered)
        wanted = coprocess->asked - coprocess_at(coprocess, 0)->begin + READ_BYTES;
    size_t most = 2 * heard->size + AHEAD_BYTES;
    wanted = wanted < most ? wanted : most;
    if (heard->size == 0)
        result_begin(heard, wanted);
    else if (heard->capacity - heard->size < ROOM_BYTES)
        result_reserve(heard, wanted > 2 * heard->size ? wanted : 2 * heard->size);
}

enum coprocess_read coprocess_read(struct coprocess *coprocess)
{
    struct result *heard = &coprocess->heard;
    if (coprocess->output < 0)
        return COPROCESS_CLOSED;
    make_room(coprocess);
    size_t room = result_room(heard);
    ssize_t got = read(coprocess->output, heard->data + heard->size, room);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return COPROCESS_EMPTY;
    if (got <= 0) {
        close_end(&coprocess->output);
        return COPROCESS_CLOSED;
    }
    heard->size += (size_t)got;
    return (size_t)got == room ? COPROCESS_READ : COPROCESS_EMPTY;
}

static struct slice unparsed(const struct coprocess *coprocess)
{
    return (struct slice){coprocess->heard.data + coprocess->parsed,
                          coprocess->heard.size - coprocess->parsed};
}

/* An answer of the first task that has none. */
static void mark_answered(struct coprocess *coprocess, bool good, size_t from,
                          size_t size, size_t used)
{
    struct coprocess_task *item = coprocess_at(coprocess, coprocess->answered++);
    item->good = good;
    item->from = coprocess->parsed + from;
    item->size = size;
    coprocess->parsed += used;
    coprocess->expected = 0;
}

/* ---- lines ---- */

static enum coprocess_finding say_too_large(uint64_t max_result, char *text,
                                            size_t text_size)
{
    snprintf(text, text_size, "the result is larger than %" PRIu64 " bytes",
             max_result);
    return COPROCESS_TOO_LARGE;
}

void coprocess_count_lines(struct coprocess *coprocess, uint64_t *ret_answered,
                           uint64_t *ret_wanted)
{
    *ret_answered = coprocess->lines.answered;
    *ret_wanted = 0;
    for (uint32_t i = 0; i < coprocess->given; i++) {
        uint64_t lines = coprocess_at(coprocess, i)->question.lines;
        *ret_wanted += lines;
        if (i < coprocess->answered)
            *ret_answered += lines;
    }
}

/* All is answered. Whatever comes then is too much, and so is an answer to what the
 * program has not taken yet (but for the last end of line, which it may guess). */
static enum coprocess_finding check_surplus(struct coprocess *coprocess, char *text,
                                            size_t text_size)
{
    uint64_t answered, wanted, surplus = lines_surplus(unparsed(coprocess));
    if (surplus == 0 && coprocess_taken(coprocess) + 1 < coprocess->asked)
        surplus = 1;
    if (surplus == 0)
        return COPROCESS_FINE;
    coprocess_count_lines(coprocess, &answered, &wanted);
    lines_too_many(text, text_size, surplus, wanted);
    return COPROCESS_SURPLUS;
}

static enum coprocess_finding parse_lines(struct coprocess *coprocess,
                                          uint64_t max_result, char *text,
                                          size_t text_size)
{
    size_t used, size;
    bool news = coprocess->answered < coprocess->given;
    while (coprocess->answered < coprocess->given) {
        struct coprocess_task *item = coprocess_at(coprocess, coprocess->answered);
        if (!lines_dialogue_take(&coprocess->lines, &item->question,
                                 unparsed(coprocess), &used, &size))
            return unparsed(coprocess).size <= max_result
                       ? COPROCESS_FINE
                       : say_too_large(max_result, text, text_size);
        if (size > max_result)
            return say_too_large(max_result, text, text_size);
        mark_answered(coprocess, true, 0, size, used);
    }
    return news || unparsed(coprocess).size > 0
               ? check_surplus(coprocess, text, text_size)
               : COPROCESS_FINE;
}

/* ---- frames ---- */

/* The number of the first that is not answered; 0: all are. */
static uint64_t request_at_hand(struct coprocess *coprocess)
{
    return coprocess->answered < coprocess->given
               ? coprocess_at(coprocess, coprocess->answered)->request
               : 0;
}

static enum coprocess_finding parse_frames(struct coprocess *coprocess,
                                           uint64_t max_result, char *text,
                                           size_t text_size)
{
    struct frames_event event;
    do {
        frames_dialogue_take(&coprocess->frames, unparsed(coprocess),
                             request_at_hand(coprocess), max_result, &event);
        switch (event.outcome) {
        case FRAMES_MORE:
            coprocess->expected = event.used;
            return COPROCESS_FINE;
        case FRAMES_READY:
            coprocess->parsed += event.used;
            return COPROCESS_READIED;
        case FRAMES_RESULT:
        case FRAMES_ERROR:
            mark_answered(coprocess, event.outcome == FRAMES_RESULT,
                          FRAMES_RESPONSE_HEAD, event.payload.size, event.used);
            break;
        case FRAMES_TOO_LARGE:
        case FRAMES_BROKEN:
            snprintf(text, text_size, "%s", event.text);
            return event.outcome == FRAMES_BROKEN ? COPROCESS_BROKEN
                                                  : COPROCESS_TOO_LARGE;
        }
    } while (true);
}

enum coprocess_finding coprocess_parse(struct coprocess *coprocess, uint64_t max_result,
                                       char *text, size_t text_size)
{
    return coprocess->mode == PROGRAM_LINES
               ? parse_lines(coprocess, max_result, text, text_size)
               : parse_frames(coprocess, max_result, text, text_size);
}

/* ---- answers ---- */

struct slice coprocess_answer(struct coprocess *coprocess)
{
    const struct coprocess_task *item = coprocess_at(coprocess, 0);
    return (struct slice){coprocess->heard.data + item->from, item->size};
}

void coprocess_take_result(struct coprocess *coprocess, zmq_msg_t *ret_message)
{
    const struct coprocess_task *item = coprocess_at(coprocess, 0);
    bool forgot = false;
    if (coprocess->answered == 1)
        result_take_part(&coprocess->heard, item->from, item->size, coprocess->parsed,
                         ret_message, &forgot);
    else
        result_copy_part(&coprocess->heard, item->from, item->size, ret_message);
    if (forgot)
        coprocess->parsed = 0;
}
