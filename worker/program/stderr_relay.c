/* SPDX-License-Identifier: MIT */
/*
 * Line by line. A line longer than LINE_MAX_BYTES is cut into several. Where the queue
 * holds the programs, their bytes stay in the pipe, but for those of a process that has
 * ended, which are at most as many as a pipe has.
 */
#include "worker/program/stderr_relay.h"
#include "common/memory.h"
#include "worker/program/said_lines.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 64 << 10,
    READ_BYTES = 16 << 10,
    FINISH_READS = 64, /* a survivor of the group may write for ever */
};

struct stderr_relay {
    int fd;
    uint32_t slot;
    bool prefix;
    struct stderr_queue *queue;
    bool over; /* nobody can write to the pipe any more */
    uint64_t seq;
    struct said_lines *said; /* NULL: the slot runs no part of a task */
    uint64_t parted;         /* that task's seq */
    char *line;              /* the unfinished one */
    size_t line_size, line_capacity;
    bool finishing; /* the process has ended, and so many bytes of it are to be read */
    size_t owed;
    char tail[2 * TEXT_MAX_BYTES];
    size_t tail_size;
    bool doubts;     /* whose the last bytes of the tail are, */
    size_t doubtful; /* so many; valid if `doubts` says so */
};

struct stderr_relay *stderr_relay_new(int fd, uint32_t slot, bool prefix,
                                      struct stderr_queue *queue)
{
    struct stderr_relay *relay = allocate_zeroed(1, sizeof *relay);
    relay->fd = fd;
    relay->slot = slot;
    relay->prefix = prefix;
    relay->queue = queue;
    return relay;
}

void stderr_relay_destroy(struct stderr_relay **stderr_relay_p)
{
    if (!*stderr_relay_p)
        return;
    close((*stderr_relay_p)->fd);
    free((*stderr_relay_p)->line);
    said_lines_destroy(&(*stderr_relay_p)->said);
    free(*stderr_relay_p);
    *stderr_relay_p = NULL;
}

int stderr_relay_fd(const struct stderr_relay *relay)
{
    return relay->fd;
}

bool stderr_relay_is_over(const struct stderr_relay *relay)
{
    return relay->over;
}

/* Bytes in the pipe. */
static size_t unread(const struct stderr_relay *relay)
{
    int size = 0;
    return ioctl(relay->fd, FIONREAD, &size) == 0 && size > 0 ? (size_t)size : 0;
}

bool stderr_relay_is_held(const struct stderr_relay *relay)
{
    return stderr_queue_holds(relay->queue) && unread(relay) > 0;
}

static void end_line(struct stderr_relay *relay)
{
    char prefix[80] = "";
    struct slice said = {(const uint8_t *)relay->line, relay->line_size};
    if (relay->said && relay->seq == relay->parted &&
        !said_lines_add(relay->said, said)) {
        relay->line_size = 0;
        return;
    }
    if (relay->prefix)
        snprintf(prefix, sizeof prefix, "[slot %" PRIu32 " seq %" PRIu64 "] ",
                 relay->slot + 1, relay->seq);
    stderr_queue_add(relay->queue, relay->slot, prefix, said);
    relay->line_size = 0;
}

static void reserve(struct stderr_relay *relay, size_t needed)
{
    if (needed <= relay->line_capacity)
        return;
    relay->line_capacity = needed * 2;
    relay->line = reallocate(relay->line, relay->line_capacity, 1);
}

static void add_text(struct stderr_relay *relay, const char *data, size_t size)
{
    while (size > 0) {
        const char *end = memchr(data, '\n', size);
        size_t part = end ? (size_t)(end - data) : size;
        size_t room = LINE_MAX_BYTES - relay->line_size;
        bool cut = part > room;
        if (cut)
            part = room;
        reserve(relay, relay->line_size + part + 1);
        memcpy(relay->line + relay->line_size, data, part);
        relay->line_size += part;
        if (end || cut)
            end_line(relay);
        size_t used = part + (end && !cut ? 1 : 0);
        data += used;
        size -= used;
    }
}

/* Keeps the last TEXT_MAX_BYTES in a buffer of twice that, so that most appends move
 * nothing. */
static void add_tail(struct stderr_relay *relay, const char *data, size_t size)
{
    if (size > TEXT_MAX_BYTES) {
        data += size - TEXT_MAX_BYTES;
        size = TEXT_MAX_BYTES;
    }
    if (relay->tail_size + size > sizeof relay->tail) {
        size_t keep = TEXT_MAX_BYTES;
        memmove(relay->tail, relay->tail + relay->tail_size - keep, keep);
        relay->tail_size = keep;
    }
    memcpy(relay->tail + relay->tail_size, data, size);
    relay->tail_size += size;
    relay->doubtful += size;
}

static bool read_once(struct stderr_relay *relay)
{
    char data[READ_BYTES];
    ssize_t got = read(relay->fd, data, sizeof data);
    relay->over |= got == 0;
    if (got <= 0)
        return false;
    relay->owed -= relay->owed < (size_t)got ? relay->owed : (size_t)got;
    add_tail(relay, data, (size_t)got);
    add_text(relay, data, (size_t)got);
    return got == (ssize_t)sizeof data;
}

void stderr_relay_begin(struct stderr_relay *relay, uint64_t seq)
{
    relay->seq = seq;
    relay->tail_size = 0;
    relay->finishing = false;
    relay->doubts = false;
}

void stderr_relay_expect(struct stderr_relay *relay, uint64_t seq, bool part)
{
    if (relay->said && (!part || relay->parted != seq))
        said_lines_destroy(&relay->said);
    relay->parted = seq;
    if (part && !relay->said)
        relay->said = said_lines_new();
    else if (part)
        said_lines_next_run(relay->said);
}

static void keep_doubtful(struct stderr_relay *relay)
{
    size_t size = relay->doubts ? relay->doubtful : 0;
    if (size > relay->tail_size)
        size = relay->tail_size;
    memmove(relay->tail, relay->tail + relay->tail_size - size, size);
    relay->tail_size = size;
}

void stderr_relay_speaker(struct stderr_relay *relay, uint64_t seq)
{
    if (relay->seq == seq)
        return;
    keep_doubtful(relay);
    size_t kept = relay->tail_size;
    stderr_relay_begin(relay, seq);
    relay->tail_size = kept;
}

void stderr_relay_doubt(struct stderr_relay *relay)
{
    relay->doubtful = relay->doubts ? relay->doubtful : 0;
    relay->doubts = true;
}

void stderr_relay_be_sure(struct stderr_relay *relay)
{
    relay->doubts = false;
}

void stderr_relay_forget(struct stderr_relay *relay, uint64_t seq)
{
    if (relay->seq == seq)
        keep_doubtful(relay);
}

void stderr_relay_read(struct stderr_relay *relay)
{
    for (int left = 4; left > 0 && !stderr_queue_holds(relay->queue); left--)
        if (!read_once(relay))
            return;
}

void stderr_relay_end_line(struct stderr_relay *relay)
{
    if (relay->line_size > 0 && unread(relay) == 0)
        end_line(relay);
}

static void finish(struct stderr_relay *relay)
{
    if (relay->line_size > 0)
        end_line(relay);
    relay->finishing = false;
}

bool stderr_relay_try_finish(struct stderr_relay *relay)
{
    if (!relay->finishing)
        relay->owed = unread(relay);
    relay->finishing = true;
    while (relay->owed > 0) {
        if (stderr_queue_holds(relay->queue))
            return false;
        if (!read_once(relay))
            break;
    }
    finish(relay);
    return true;
}

void stderr_relay_finish(struct stderr_relay *relay)
{
    for (int left = FINISH_READS; left > 0 && read_once(relay); left--)
        ;
    finish(relay);
}

struct slice stderr_relay_tail(struct stderr_relay *relay)
{
    size_t size = relay->tail_size < TEXT_MAX_BYTES ? relay->tail_size : TEXT_MAX_BYTES;
    return (struct slice){(const uint8_t *)relay->tail + relay->tail_size - size, size};
}
