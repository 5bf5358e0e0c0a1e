/* SPDX-License-Identifier: MIT */
/*
 * A connector as input: a process that is started again, behind the last record that is
 * whole, when it ends too early.
 *
 *     PAUSING --started--> RUNNING --its output ends--> CLOSING --it ends well,-->
 * ENDED ^ \                  |                            |      or stays |  `-- in
 * vain, often, or for good: FAILED        |
 *        `----- a crash -------+---------------------------+
 *
 * The end of the process counts as its output's end when all that it wrote is read.
 * Records reach the run when they are whole, so that nothing is there twice after a
 * crash. Records without a cursor of their own, behind the last one with some, are sent
 * again, and dropped.
 */
#include "ventilator/source/kinds/connector_input.h"

#include "common/clock.h"
#include "common/files/pipe_writers.h"
#include "common/helper/connector_end.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/process/process_handle.h"
#include "common/protocol/mark.h"
#include "ventilator/source/kinds/connector_cursors.h"
#include "ventilator/source/kinds/connector_parser.h"
#include "ventilator/source/kinds/connector_process.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAUSE_US     (SECOND_US / 10) /* before the first new start; then twice that */
#define PAUSE_MAX_US (10 * SECOND_US)
#define CLOSING_US   SECOND_US /* from the end of its output until it need not end */
#define LOOK_US      (SECOND_US / 100)

enum {
    STARTS_MAX = 10, /* in a row that bring nothing */
    READ_BYTES = 256 << 10,
    STOP_MS = 10000,
};

enum connector_phase {
    CONNECTOR_PAUSING,
    CONNECTOR_RUNNING,
    CONNECTOR_CLOSING,
    CONNECTOR_ENDED,
    CONNECTOR_FAILED,
};

struct connector_input {
    const struct connector_config *config;
    enum connector_phase phase;
    struct connector_process process;
    struct connector_parser parser;
    struct connector_cursors cursors;
    uint64_t skip;             /* records that it sends again */
    unsigned starts;           /* in a row that brought nothing */
    int64_t due_us;            /* PAUSING: the start; CLOSING: the input is over then */
    char told[CURSOR_MAX + 1]; /* the last cursor that it heard is committed */

    uint8_t *bytes; /* that were read and not parsed: used .. size */
    size_t used, size;
    struct framed_record record; /* the parser's, which is given out */
};

/* ---- starts and crashes ---- */

static void tell_told(struct connector_input *connector)
{
    char line[CONNECTOR_LINE_MAX];
    snprintf(line, sizeof line, "committed %s\n", connector->told);
    connector_process_tell(&connector->process, line);
}

static void start(struct connector_input *connector, struct input *input)
{
    char line[CONNECTOR_LINE_MAX];
    const struct cursor_place *place = &connector->cursors.read;
    int result =
        connector_process_start(&connector->process, connector->config->command);
    connector->starts++;
    if (result < 0) {
        connector->phase = CONNECTOR_FAILED;
        snprintf(input->reason, sizeof input->reason, "cannot start it: %s",
                 strerror(-result));
        return;
    }
    connector->phase = CONNECTOR_RUNNING;
    connector->skip = place->after;
    connector->used = connector->size = 0;
    connector_parser_restart(&connector->parser);
    input->fd = connector->process.events_fd;
    snprintf(line, sizeof line, "start %s\n", *place->cursor ? place->cursor : "-");
    connector_process_tell(&connector->process, line);
    if (*connector->told)
        tell_told(connector);
}

static int64_t pause_us(unsigned starts)
{
    int64_t us = PAUSE_US;
    while (--starts > 0 && us < PAUSE_MAX_US)
        us *= 2;
    return us < PAUSE_MAX_US ? us : PAUSE_MAX_US;
}

/* It ended, or wrote what is none of CONNECTOR/1: `how` says so. */
static void on_crash(struct connector_input *connector, struct input *input,
                     const char *how)
{
    input->fd = -1;
    if (connector->starts >= STARTS_MAX) {
        connector->phase = CONNECTOR_FAILED;
        snprintf(input->reason, sizeof input->reason,
                 "giving up, as it brings nothing however often it is started: %s",
                 how);
        return;
    }
    int64_t us = pause_us(connector->starts ? connector->starts : 1);
    connector->phase = CONNECTOR_PAUSING;
    connector->due_us = clock_now_us() + us;
    if (!connector->config->quiet)
        say("the connector %s: %s; starting it again in %.1f s",
            connector->config->command, how, (double)us / SECOND_US);
}

/* Another start would end the same way. */
static void on_final_end(struct connector_input *connector, struct input *input,
                         const char *how)
{
    input->fd = -1;
    connector->phase = CONNECTOR_FAILED;
    snprintf(input->reason, sizeof input->reason, "%s", how);
}

/* Its process has ended, and that is not the end of the input. */
static void on_end(struct connector_input *connector, struct input *input, int status)
{
    char how[160];
    bool did_work = connector->starts == 0;
    connector_end_describe(status, did_work, how, sizeof how);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        on_crash(connector, input, "it ended in the middle of a record");
    else if (connector_end_is_final(status, did_work))
        on_final_end(connector, input, how);
    else
        on_crash(connector, input, how);
}

static bool ended_well(const struct connector_input *connector, int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
           connector_parser_is_between(&connector->parser);
}

static void on_wrong(struct connector_input *connector, struct input *input,
                     const char *why)
{
    int status;
    connector_process_stop(&connector->process, 0, &status);
    on_crash(connector, input, why);
}

/* Its output is at its end. A process that stays hears what is committed until the run
 * ends; that it will end well is what it says by a whole last record. */
static void close_or_wait(struct connector_input *connector, struct input *input)
{
    int status;
    if (connector_process_ended(&connector->process, &status)) {
        if (ended_well(connector, status)) {
            connector->phase = CONNECTOR_ENDED;
            return;
        }
        on_end(connector, input, status);
    } else if (clock_now_us() >= connector->due_us) {
        if (connector_parser_is_between(&connector->parser))
            connector->phase = CONNECTOR_ENDED;
        else
            on_wrong(connector, input,
                     "it closed its output in the middle of a record");
    }
}

/* ---- reading ---- */

/* A record that cannot be one of the run's format is not the connector's crash. */
static int frame_record(struct connector_input *connector, struct input *input)
{
    const struct byte_buffer *record = &connector->parser.record;
    char why[160];
    if (connector->skip > 0) {
        connector->skip--;
        return 0;
    }
    connector->starts = 0;
    if (!framed_record_begin(&connector->record, &connector->config->framing,
                             (struct slice){record->data, record->size}, why,
                             sizeof why)) {
        connector->phase = CONNECTOR_FAILED;
        snprintf(input->reason, sizeof input->reason, "the record behind cursor %s: %s",
                 *connector->cursors.read.cursor ? connector->cursors.read.cursor : "-",
                 why);
        return -EBADMSG;
    }
    return 1;
}

/* Before it is killed with the connector's process group. */
static void tell_holder(const struct connector_input *connector)
{
    char name[64], who[96] = "a process that it started";
    struct children writers = {NULL, 0};
    struct stat pipe;
    if (fstat(connector->process.records_fd, &pipe) == 0)
        pipe_writers_find(pipe.st_ino, &writers);
    if (writers.count > 0)
        snprintf(who, sizeof who, "process %ld (%s)", (long)writers.items[0].pid,
                 process_name(writers.items[0].pid, name, sizeof name));
    children_deinit(&writers);
    if (!connector->config->quiet)
        say("the connector %s has ended, but %s holds its output open: reading no more",
            connector->config->command, who);
}

/* 1: more bytes are there; 0: look at the phase again; -EAGAIN. */
static int read_more(struct connector_input *connector, struct input *input)
{
    /* Before the read: then nothing of the process's own comes behind what is there. */
    bool ended = child_has_ended(connector->process.pid);
    ssize_t got = read(connector->process.records_fd, connector->bytes, READ_BYTES);
    bool held = got < 0 && errno == EAGAIN && ended;
    if (got < 0 && !held)
        return errno == EINTR || errno == EAGAIN ? -EAGAIN : -errno;
    connector->used = 0;
    connector->size = got > 0 ? (size_t)got : 0;
    if (got > 0)
        return 1;
    if (held)
        tell_holder(connector);
    input->fd = -1;
    connector->phase = CONNECTOR_CLOSING;
    connector->due_us = clock_now_us() + CLOSING_US;
    return 0;
}

/* 1: a record is to be given out; 0: go on; -errno. */
static int run(struct connector_input *connector, struct input *input)
{
    char why[160];
    size_t used;
    if (connector->used == connector->size)
        return read_more(connector, input) < 0 ? -EAGAIN : 0;
    enum connector_parse outcome = connector_parser_take(
        &connector->parser, connector->bytes + connector->used,
        connector->size - connector->used, &used, why, sizeof why);
    connector->used += used;
    if (outcome == CONNECTOR_WRONG)
        on_wrong(connector, input, why);
    return outcome == CONNECTOR_RECORD ? frame_record(connector, input) : 0;
}

/* 1: a record is to be given out; 0: the input is over; -errno. */
static int next_record(struct connector_input *connector, struct input *input)
{
    int result = 0;
    connector_process_write(&connector->process);
    while (result == 0) {
        switch (connector->phase) {
        case CONNECTOR_PAUSING:
            if (clock_now_us() < connector->due_us)
                return -EAGAIN;
            start(connector, input);
            break;
        case CONNECTOR_RUNNING:
            result = run(connector, input);
            break;
        case CONNECTOR_CLOSING:
            close_or_wait(connector, input);
            if (connector->phase == CONNECTOR_CLOSING)
                return -EAGAIN;
            break;
        case CONNECTOR_ENDED:
            return 0;
        case CONNECTOR_FAILED:
            return -EBADMSG;
        }
    }
    return result;
}

static ssize_t read_records(struct input *input, void *buffer, size_t size)
{
    struct connector_input *connector = input->connector;
    size_t used = 0;
    int result = 1;
    while (used < size && result > 0) {
        if (framed_record_is_done(&connector->record)) {
            result = next_record(connector, input);
            if (result > 0)
                connector_cursors_add(&connector->cursors,
                                      input->offset + used + connector->record.size,
                                      connector->parser.cursor);
        }
        if (result > 0)
            used += framed_record_copy(&connector->record, (uint8_t *)buffer + used,
                                       size - used);
    }
    input->offset += used;
    return used > 0 ? (ssize_t)used : result;
}

/* ---- cursors ---- */

bool connector_input_resume(struct input *input, const char *cursor)
{
    struct cursor_place place;
    if (*cursor == '\0' || !cursor_place_read(cursor, &place))
        return false;
    connector_cursors_begin(&input->connector->cursors, &place);
    strcpy(input->connector->told, place.cursor);
    return true;
}

void connector_input_cursor(struct input *input, uint64_t end,
                            char text[INPUT_MARK_CURSOR_MAX + 1])
{
    cursor_place_write(connector_cursors_at(&input->connector->cursors, end), text);
}

static void tell_committed(struct input *input, struct slice sealed)
{
    struct connector_input *connector = input->connector;
    struct input_mark mark;
    struct cursor_place place;
    if (!input_mark_read(mark_content(sealed), &mark) ||
        !cursor_place_read(mark.cursor, &place) || !*place.cursor ||
        strcmp(place.cursor, connector->told) == 0)
        return;
    strcpy(connector->told, place.cursor);
    tell_told(connector);
}

/* ---- the kind ---- */

static int64_t next_look(const struct input *input)
{
    const struct connector_input *connector = input->connector;
    if (connector->phase == CONNECTOR_PAUSING)
        return connector->due_us;
    bool looks = connector->phase == CONNECTOR_CLOSING ||
                 (connector->phase == CONNECTOR_RUNNING &&
                  !connector_process_tells_end(&connector->process));
    return looks ? clock_now_us() + LOOK_US : NEVER_US;
}

/* What was read and not given out comes again, to whoever begins at the cursor. */
static void drain(struct input *input)
{
    struct connector_input *connector = input->connector;
    if (connector->phase == CONNECTOR_FAILED)
        return;
    connector->phase = CONNECTOR_ENDED;
    input->fd = -1;
}

/* The run is over: the process has heard of all that is committed, and ends. */
static void close_connector(struct input *input)
{
    struct connector_input *connector = input->connector;
    int status = 0;
    if (!connector)
        return;
    bool runs = connector->process.pid > 0;
    if (runs && !connector_process_stop(&connector->process, STOP_MS, &status))
        say("the connector %s did not end when its input did: killed it",
            connector->config->command);
    connector_parser_deinit(&connector->parser);
    connector_cursors_deinit(&connector->cursors);
    free(connector->bytes);
    free(connector);
    input->connector = NULL;
    input->fd = -1;
}

static const struct input_kind connector_kind = {
    .read = read_records,
    .deadline_us = next_look,
    .committed = tell_committed,
    .drain = drain,
    .close = close_connector,
};

struct input input_of_connector(const struct connector_config *config)
{
    struct connector_input *connector = allocate_zeroed(1, sizeof *connector);
    connector->config = config;
    connector->parser.max_record_bytes = config->framing.max_record_bytes;
    connector->process = connector_process_none;
    connector->bytes = allocate(READ_BYTES);
    return (struct input){.kind = &connector_kind, .fd = -1, .connector = connector};
}
