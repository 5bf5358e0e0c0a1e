/* SPDX-License-Identifier: MIT */
/*
 * A write has at most PIPE_BUF bytes, unless our stderr is a file, and ends with a line
 * where one ends in it, so that lines of others stay apart. It does not block: pipes
 * and terminals are opened once more, without blocking; what cannot be opened again is
 * polled before. O_NONBLOCK on our stderr itself would be for every process that shares
 * it.
 *
 * What is left out is one gap: after the first line that is left out none is taken
 * until somebody has read. The notices stand where the gap is.
 */
#include "worker/program/stderr_queue.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/open_again.h"
#include "common/process/fds.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_PIECE_BYTES = 64 << 10,
    NAP_MS = 50, /* from one try of writing to the next, at the end */
    LAST_PIPE_BYTES = 512 << 10,
};

/*
 * FLOWING few lines wait, or none
 * HOLDING many do, and the programs are to wait
 * UNREAD  the same, but nobody reads, and the programs go on
 */
#define STDERR_QUEUE_STATES(X) X(FLOWING) X(HOLDING) X(UNREAD)

enum queue_state {
#define X(name) QUEUE_##name,
    STDERR_QUEUE_STATES(X)
#undef X
};

struct stderr_queue {
    int fd;
    int own; /* -1: it could not be opened again */
    bool file;
    enum queue_state state;
    char *data;
    size_t from, size, capacity; /* what waits is from `from` to `size` */
    int64_t read_us;             /* when somebody has last read, or nothing waited */
    bool read;                   /* somebody has, since read_us was set */
    uint32_t slots;
    uint64_t *left_out; /* lines of each slot in the gap */
    bool gap;
    /* Notices that wait, and the lines that they are about. */
    uint64_t notices, noticed;
    size_t behind_notices; /* bytes that wait behind the last of them */
    bool in_vain;          /* stderr_queue_await has waited for nothing */
};

/* ---- life cycle ---- */

struct stderr_queue *stderr_queue_new(int fd, uint32_t slots, int64_t now_us)
{
    struct stderr_queue *queue = allocate_zeroed(1, sizeof *queue);
    struct stat status;
    *queue = (struct stderr_queue){
        .fd = fd,
        .own = open_again(fd),
        .file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode),
        .read_us = now_us,
        .slots = slots,
        .left_out = allocate_zeroed(slots, sizeof *queue->left_out),
    };
    return queue;
}

void stderr_queue_destroy(struct stderr_queue **queue_p)
{
    if (!*queue_p)
        return;
    fd_close(&(*queue_p)->own);
    free((*queue_p)->data);
    free((*queue_p)->left_out);
    free(*queue_p);
    *queue_p = NULL;
}

int stderr_queue_fd(const struct stderr_queue *queue)
{
    return queue->own >= 0 ? queue->own : queue->fd;
}

static size_t waiting(const struct stderr_queue *queue)
{
    return queue->size - queue->from;
}

static void set_state(struct stderr_queue *queue, enum queue_state state)
{
    static const unsigned allowed[] = {
        [QUEUE_FLOWING] = 1u << QUEUE_FLOWING | 1u << QUEUE_HOLDING,
        [QUEUE_HOLDING] = 1u << QUEUE_FLOWING | 1u << QUEUE_HOLDING |
                          1u << QUEUE_UNREAD,
        [QUEUE_UNREAD] = 1u << QUEUE_FLOWING | 1u << QUEUE_HOLDING,
    };
    assert(allowed[queue->state] & 1u << state);
    queue->state = state;
}

/* ---- bytes ---- */

static void append(struct stderr_queue *queue, const void *data, size_t size)
{
    if (size == 0)
        return;
    if (queue->from > 0 && queue->size + size > queue->capacity &&
        queue->from >= waiting(queue)) {
        memcpy(queue->data, queue->data + queue->from, waiting(queue));
        queue->size -= queue->from;
        queue->from = 0;
    }
    if (queue->size + size > queue->capacity) {
        queue->capacity = (queue->size + size) * 2;
        queue->data = reallocate(queue->data, queue->capacity, 1);
    }
    memcpy(queue->data + queue->size, data, size);
    queue->size += size;
    queue->behind_notices += size;
}

/* Memory that was needed once is not kept. */
static void forget(struct stderr_queue *queue)
{
    queue->from = queue->size = 0;
    if (queue->capacity <= 2 * STDERR_QUEUE_HOLD_BYTES)
        return;
    free(queue->data);
    queue->data = NULL;
    queue->capacity = 0;
}

static size_t piece_size(const struct stderr_queue *queue)
{
    const char *data = queue->data + queue->from;
    size_t most = queue->file ? FILE_PIECE_BYTES : PIPE_BUF;
    if (waiting(queue) <= most)
        return waiting(queue);
    const char *end = memrchr(data, '\n', most);
    return end ? (size_t)(end - data) + 1 : most;
}

/* Our stderr takes a piece without blocking, or says that it does not. */
static bool may_write(const struct stderr_queue *queue)
{
    struct pollfd polled = {.fd = queue->fd, .events = POLLOUT};
    return queue->file || queue->own >= 0 || poll(&polled, 1, 0) > 0;
}

/* Writing fails for now: nobody reads, or the disk is full. */
static bool is_passing(const struct stderr_queue *queue, int error)
{
    bool full = error == ENOSPC || error == EDQUOT;
    return error == EAGAIN || error == EINTR || (full && queue->file);
}

/* True: something was written. */
static bool write_some(struct stderr_queue *queue)
{
    bool wrote = false;
    while (waiting(queue) > 0 && may_write(queue)) {
        ssize_t size =
            write(stderr_queue_fd(queue), queue->data + queue->from, piece_size(queue));
        if (size == 0 || (size < 0 && is_passing(queue, errno)))
            break;
        wrote = true;
        if (size < 0) /* nobody is there to read it */
            queue->from = queue->size;
        else
            queue->from += (size_t)size;
    }
    if (waiting(queue) <= queue->behind_notices)
        queue->notices = queue->noticed = 0;
    if (waiting(queue) == 0)
        forget(queue);
    return wrote;
}

/* ---- the gap ---- */

static void append_notice(struct stderr_queue *queue, uint32_t slot)
{
    char whose[32] = "", notice[160];
    uint64_t lines = queue->left_out[slot];
    if (queue->slots > 1)
        snprintf(whose, sizeof whose, " of slot %" PRIu32, slot + 1);
    int size = snprintf(notice, sizeof notice,
                        "fanfold-worker: left out %" PRIu64
                        " line%s%s, because nobody read standard error\n",
                        lines, lines == 1 ? "" : "s", whose);
    append(queue, notice, (size_t)size);
    queue->notices++;
    queue->noticed += lines;
    queue->behind_notices = 0;
    queue->left_out[slot] = 0;
}

static void close_gap(struct stderr_queue *queue)
{
    for (uint32_t slot = 0; queue->gap && slot < queue->slots; slot++)
        if (queue->left_out[slot] > 0)
            append_notice(queue, slot);
    queue->gap = false;
}

/* ---- lines ---- */

/* Writes what goes now, and draws the conclusions from that. */
static void flush(struct stderr_queue *queue)
{
    bool read = write_some(queue);
    queue->read |= read;
    if (read)
        close_gap(queue);
    if (queue->state == QUEUE_UNREAD && !read)
        return;
    size_t most = queue->state == QUEUE_FLOWING ? STDERR_QUEUE_HOLD_BYTES - 1
                                                : STDERR_QUEUE_RESUME_BYTES;
    set_state(queue, waiting(queue) > most ? QUEUE_HOLDING : QUEUE_FLOWING);
}

void stderr_queue_add(struct stderr_queue *queue, uint32_t slot, const char *prefix,
                      struct slice line)
{
    const char *start = log_line_start();
    size_t size = strlen(start) + strlen(prefix) + line.size + 1;
    if (waiting(queue) + size > STDERR_QUEUE_MAX_BYTES)
        flush(queue);
    if (queue->gap || waiting(queue) + size > STDERR_QUEUE_MAX_BYTES) {
        queue->gap = true;
        queue->left_out[slot]++;
        return;
    }
    append(queue, start, strlen(start));
    append(queue, prefix, strlen(prefix));
    append(queue, line.data, line.size);
    append(queue, "\n", 1);
    if (queue->state == QUEUE_FLOWING && waiting(queue) >= STDERR_QUEUE_HOLD_BYTES)
        flush(queue);
}

bool stderr_queue_push(struct stderr_queue *queue, int64_t now_us)
{
    bool none = waiting(queue) == 0;
    flush(queue);
    if (queue->read || none)
        queue->read_us = now_us;
    queue->read = false;
    return waiting(queue) == 0;
}

/* ---- the hold ---- */

bool stderr_queue_holds(const struct stderr_queue *queue)
{
    return queue->state == QUEUE_HOLDING;
}

int64_t stderr_queue_deadline(const struct stderr_queue *queue)
{
    return stderr_queue_holds(queue) ? queue->read_us + STDERR_QUEUE_PATIENCE_US : 0;
}

void stderr_queue_on_deadline(struct stderr_queue *queue, int64_t now_us)
{
    (void)stderr_queue_push(queue, now_us);
    if (stderr_queue_holds(queue) && now_us >= stderr_queue_deadline(queue))
        set_state(queue, QUEUE_UNREAD);
}

void stderr_queue_shift(struct stderr_queue *queue, int64_t by_us)
{
    queue->read_us += by_us;
}

/* ---- the end ---- */

/* Signals are blocked, and nobody takes them from the descriptor any more. */
static bool is_told_to_end(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

static bool is_done(const struct stderr_queue *queue, bool all)
{
    return all ? waiting(queue) == 0 : !stderr_queue_holds(queue);
}

bool stderr_queue_await(struct stderr_queue *queue, bool all, int wait_ms)
{
    int64_t begin_us = clock_now_us();
    (void)stderr_queue_push(queue, begin_us);
    while (!is_done(queue, all) && !queue->in_vain) {
        /* A file on a full disk takes bytes at any time, it says. */
        struct pollfd polled = {.fd = queue->file ? -1 : stderr_queue_fd(queue),
                                .events = POLLOUT};
        (void)poll(&polled, 1, NAP_MS);
        int64_t now_us = clock_now_us();
        (void)stderr_queue_push(queue, now_us);
        int64_t since_us = queue->read_us > begin_us ? queue->read_us : begin_us;
        queue->in_vain = is_told_to_end() ||
                         now_us - since_us >= wait_ms * INT64_C(1000);
    }
    return is_done(queue, all);
}

void stderr_queue_hurry(struct stderr_queue *queue)
{
    queue->in_vain = true;
}

/* Lines that wait, and those of which the notices wait. */
static uint64_t lines_unsaid(const struct stderr_queue *queue)
{
    uint64_t lines = queue->noticed - queue->notices;
    for (uint32_t slot = 0; slot < queue->slots; slot++)
        lines += queue->left_out[slot];
    for (size_t i = queue->from; i < queue->size; i++)
        lines += queue->data[i] == '\n';
    return lines;
}

/* Gives a pipe more room, unless it has that or is none. */
static void widen(const struct stderr_queue *queue, int bytes)
{
    int fd = stderr_queue_fd(queue), now = fcntl(fd, F_GETPIPE_SZ);
    if (now > 0 && now < bytes)
        (void)fcntl(fd, F_SETPIPE_SZ, bytes);
}

void stderr_queue_finish(struct stderr_queue *queue, int wait_ms)
{
    char notice[128];
    if (stderr_queue_await(queue, true, wait_ms))
        return;
    /* Whoever reads after our end finds as much as a pipe can have, and the notice. */
    widen(queue, LAST_PIPE_BYTES);
    flush(queue);
    uint64_t lines = lines_unsaid(queue);
    if (lines == 0)
        return;
    forget(queue);
    int size = snprintf(notice, sizeof notice,
                        "fanfold-worker: left out the last %" PRIu64
                        " lines, because nobody read standard error\n",
                        lines);
    append(queue, notice, (size_t)size);
    widen(queue, 2 * LAST_PIPE_BYTES);
    (void)write_some(queue);
}
