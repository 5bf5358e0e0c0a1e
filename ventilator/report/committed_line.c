/* SPDX-License-Identifier: MIT */
/*
 * Others share the descriptor, so it stays as it is: this writes only where poll says
 * that a line has room, which a pipe then has.
 */
#include "ventilator/report/committed_line.h"

#include "common/clock.h"
#include "common/log.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LAST_LINE_MS = 1000 };

void committed_line_init(struct committed_line *line, int fd)
{
    *line = (struct committed_line){.fd = fd};
    if (fd >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void committed_line_deinit(struct committed_line *line)
{
    if (line->fd >= 0)
        close(line->fd);
    line->fd = -1;
}

void committed_line_set(struct committed_line *line, struct committed committed)
{
    if (committed.seq == line->newest.seq)
        return;
    line->newest = committed;
    line->untold = line->fd >= 0;
}

static void begin_line(struct committed_line *line)
{
    line->size = (size_t)snprintf(
        line->line, sizeof line->line, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
        line->newest.seq, line->newest.records, line->newest.bytes);
    line->written = 0;
    line->untold = false;
}

static bool has_room(const struct committed_line *line, int timeout_ms)
{
    struct pollfd ready = {.fd = line->fd, .events = POLLOUT};
    return poll(&ready, 1, timeout_ms) > 0;
}

/* A reader that is gone does not end the run. */
static void give_up(struct committed_line *line, int error)
{
    log_event(LOG_LEVEL_WARN, "committed_fd", "closed=1 error=\"%s\"", strerror(error));
    committed_line_deinit(line);
    line->untold = false;
    line->size = line->written = 0;
}

static bool write_some(struct committed_line *line, int timeout_ms)
{
    if (!has_room(line, timeout_ms))
        return false;
    ssize_t put =
        write(line->fd, line->line + line->written, line->size - line->written);
    if (put < 0 && errno != EINTR && errno != EAGAIN)
        give_up(line, errno);
    line->written += put > 0 ? (size_t)put : 0;
    return true;
}

static bool write_lines(struct committed_line *line, int timeout_ms)
{
    while (line->fd >= 0) {
        if (line->written == line->size && !line->untold)
            return false;
        if (line->written == line->size)
            begin_line(line);
        if (!write_some(line, timeout_ms))
            return true;
    }
    return false;
}

bool committed_line_write(struct committed_line *line)
{
    return write_lines(line, 0);
}

void committed_line_end(struct committed_line *line)
{
    if (write_lines(line, LAST_LINE_MS))
        log_event(LOG_LEVEL_WARN, "committed_fd", "untold=1 seq=%" PRIu64,
                  line->newest.seq);
}
