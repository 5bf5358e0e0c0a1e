/* SPDX-License-Identifier: MIT */
/*
 * CONNECTOR/1, out: a program over two pipes.
 *
 *     to it:    run RUNHEX NEXT LF, then for each record NUMBER SP LENGTH LF and the
 * bytes from it:  have NUMBER LF or have - LF, then stored NUMBER LF
 *
 * A connector that ends, or breaks these rules, is started again, with growing pauses;
 * one that ends with a status that says that this is in vain fails the link.
 */
#include "common/byte_buffer.h"
#include "common/clock.h"
#include "common/helper/connector_end.h"
#include "common/helper/piped_child.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/parse.h"
#include "common/process/fds.h"
#include "sink/sender/link.h"
#include "sink/sender/record_envelope.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PAUSE_FIRST_US = 100000,
    PAUSE_MOST_US = 30000000,
    WAITING_BYTES = 1 << 20, /* that the pipe has not taken; then no more are sent */
    LINE_BYTES = 64,
    LEAVE_US = 10000000, /* to end by itself, when all is stored */
    STATUS_US = 1000000, /* from the end of its output until it has a status */
};

enum connector_phase { CONNECTOR_PAUSES, CONNECTOR_GREETS, CONNECTOR_RUNS };

struct connector {
    enum connector_phase phase;
    pid_t pid;   /* 0: none */
    int in, out; /* pipes to it and from it; -1: closed */
    struct byte_buffer waiting;
    char line[LINE_BYTES];
    size_t line_size;
    uint64_t sent; /* records below this number were, to this one */
    int64_t pause_us, again_us;
};

/* ---- starting and ending ---- */

static void greet(struct link *link)
{
    struct connector *connector = link->own;
    char run[ID_TEXT_SIZE], line[80];
    id_text(&link->run, run);
    int size = snprintf(line, sizeof line, "run %s %" PRIu64 "\n", run, link->stored);
    connector->waiting.size = connector->line_size = 0;
    byte_buffer_append(&connector->waiting, line, (size_t)size);
    connector->sent = link->stored;
    connector->phase = CONNECTOR_GREETS;
}

static void start(struct link *link, int64_t now_us)
{
    struct connector *connector = link->own;
    struct piped_child piped;
    sigset_t all;
    sigfillset(&all);
    int result = piped_child_start_command(&piped, link->config.command, &all);
    connector->pid = piped.pid;
    connector->in = piped.in;
    connector->out = piped.out;
    if (result == 0) {
        greet(link);
        return;
    }
    connector->again_us = now_us + PAUSE_MOST_US;
    say("cannot start the connector: %s", strerror(-result));
}

static void reap(struct connector *connector, int *ret_status)
{
    fd_close(&connector->in);
    fd_close(&connector->out);
    kill(-connector->pid, SIGKILL);
    while (waitpid(connector->pid, ret_status, 0) < 0 && errno == EINTR)
        continue;
    connector->pid = 0;
}

/* It may have something to put away; but not for ever. */
static void await_end(struct connector *connector, int64_t limit_us)
{
    int64_t end_us = clock_now_us() + limit_us;
    siginfo_t info = {.si_pid = 0};
    fd_close(&connector->in);
    while (info.si_pid == 0 && clock_now_us() < end_us) {
        if (waitid(P_PID, (id_t)connector->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
            return;
        zmq_poll(NULL, 0, 5);
    }
}

static void start_again(struct link *link, const char *why, int64_t now_us)
{
    struct connector *connector = link->own;
    connector->pause_us = connector->pause_us ? 2 * connector->pause_us
                                              : PAUSE_FIRST_US;
    if (connector->pause_us > PAUSE_MOST_US)
        connector->pause_us = PAUSE_MOST_US;
    connector->again_us = now_us + connector->pause_us;
    connector->phase = CONNECTOR_PAUSES;
    link->there = false;
    if (!link->config.quiet)
        say("the connector %s: %s; starting it again in %.1f s", link->config.command,
            why, (double)connector->pause_us / 1e6);
}

/* Its output is at its end. The shell, which has the status, may end later. */
static int on_end(struct link *link, int64_t now_us)
{
    struct connector *connector = link->own;
    bool did_work = connector->phase == CONNECTOR_RUNS;
    char how[160];
    int status = 0;
    await_end(connector, STATUS_US);
    reap(connector, &status);
    connector_end_describe(status, did_work, how, sizeof how);
    if (!connector_end_is_final(status, did_work)) {
        start_again(link, how, now_us);
        return 0;
    }
    link->there = false;
    snprintf(link->error, sizeof link->error, "%s", how);
    return -EPROTO;
}

/* ---- what it says ---- */

/* False: it breaks the rules. */
static bool on_have(struct link *link, const char *value)
{
    struct connector *connector = link->own;
    uint64_t number = link->stored;
    if (strcmp(value, "-") != 0 && !parse_number(value, 0, UINT64_MAX, &number))
        return false;
    if (number < link->stored)
        return false; /* what it had said to be stored is gone from here */
    link->stored = number;
    link->rewinds = true;
    link->from = connector->sent = number;
    link->there = true;
    connector->phase = CONNECTOR_RUNS;
    return true;
}

static bool on_stored(struct link *link, const char *value)
{
    struct connector *connector = link->own;
    uint64_t number;
    if (!parse_number(value, 0, UINT64_MAX, &number) || number >= connector->sent)
        return false;
    if (number + 1 > link->stored)
        link->stored = number + 1;
    connector->pause_us = 0; /* it works */
    return true;
}

static bool on_line(struct link *link, const char *line)
{
    struct connector *connector = link->own;
    if (connector->phase == CONNECTOR_GREETS)
        return strncmp(line, "have ", 5) == 0 && on_have(link, line + 5);
    return strncmp(line, "stored ", 7) == 0 && on_stored(link, line + 7);
}

/* `line` has been refused. */
static void refuse_line(struct link *link, int64_t now_us)
{
    struct connector *connector = link->own;
    char line[4 * LINE_BYTES + 1], why[sizeof line + 64];
    int status;
    size_t size = strnlen(connector->line, connector->line_size);
    slice_copy_printable((struct slice){(const uint8_t *)connector->line, size}, line,
                         sizeof line);
    snprintf(why, sizeof why, "it broke the rules of CONNECTOR/1: it wrote '%s'", line);
    reap(connector, &status);
    start_again(link, why, now_us);
}

static bool take_lines(struct link *link)
{
    struct connector *connector = link->own;
    char *end;
    while ((end = memchr(connector->line, '\n', connector->line_size))) {
        *end = '\0';
        if (!on_line(link, connector->line))
            return false; /* the line is still there */
        connector->line_size -= (size_t)(end + 1 - connector->line);
        memmove(connector->line, end + 1, connector->line_size);
    }
    return connector->line_size < sizeof connector->line;
}

/* ---- the pipes ---- */

static void write_waiting(struct connector *connector)
{
    struct byte_buffer *waiting = &connector->waiting;
    size_t done = 0;
    while (connector->in >= 0 && done < waiting->size) {
        ssize_t put = write(connector->in, waiting->data + done, waiting->size - done);
        if (put > 0)
            done += (size_t)put;
        else if (errno != EINTR)
            break; /* a closed pipe is seen where it is read */
    }
    byte_buffer_skip(waiting, done);
}

static int read_answers(struct link *link, int64_t now_us)
{
    struct connector *connector = link->own;
    int result = 0;
    while (result == 0 && connector->pid > 0) {
        ssize_t got = read(connector->out, connector->line + connector->line_size,
                           sizeof connector->line - connector->line_size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return 0;
        if (got <= 0)
            result = on_end(link, now_us);
        else {
            connector->line_size += (size_t)got;
            if (!take_lines(link))
                refuse_line(link, now_us);
        }
    }
    return result;
}

/* ---- the kind ---- */

static int send_record(struct link *link, uint64_t number, struct slice record)
{
    struct connector *connector = link->own;
    char head[64];
    if (connector->phase != CONNECTOR_RUNS || link->rewinds ||
        connector->waiting.size > WAITING_BYTES)
        return 0;
    int size = snprintf(head, sizeof head, "%" PRIu64 " %zu\n", number, record.size);
    byte_buffer_append(&connector->waiting, head, (size_t)size);
    byte_buffer_append(&connector->waiting, record.data, record.size);
    connector->sent = number + 1;
    return 1;
}

static int64_t tick(struct link *link, int64_t now_us)
{
    struct connector *connector = link->own;
    if (connector->pid == 0 && now_us >= connector->again_us)
        start(link, now_us);
    write_waiting(connector);
    int result = read_answers(link, now_us);
    if (result < 0)
        return result;
    return connector->pid == 0 ? connector->again_us : NEVER_US;
}

static void fill_item(const struct link *link, bool output, zmq_pollitem_t items[2])
{
    const struct connector *connector = link->own;
    (void)output;
    items[0].fd = connector->out;
    items[0].events = connector->out >= 0 ? ZMQ_POLLIN : 0;
    items[1].fd = connector->in;
    items[1].events = connector->waiting.size > 0 ? ZMQ_POLLOUT : 0;
}

static int finish(struct link *link)
{
    const struct connector *connector = link->own;
    return connector->phase == CONNECTOR_RUNS && connector->sent <= link->stored;
}

static int open_link(struct link *link)
{
    struct connector *connector = allocate_zeroed(1, sizeof *connector);
    connector->in = connector->out = -1;
    link->own = connector;
    start(link, clock_now_us());
    return 0;
}

static void close_link(struct link *link)
{
    struct connector *connector = link->own;
    int status;
    if (!connector)
        return;
    if (connector->pid > 0) {
        await_end(connector, LEAVE_US);
        reap(connector, &status);
    }
    byte_buffer_deinit(&connector->waiting);
    free(connector);
    link->own = NULL;
}

const struct link_kind connector_link_kind = {open_link, send_record, tick,
                                              fill_item, finish,      close_link};
