/* SPDX-License-Identifier: MIT */
#include "sink/output/output_writer.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/memory.h"
#include "sink/messages/message_sender.h"
#include "sink/output/framed_file.h"
#include "sink/output/output_part.h"
#include "sink/result/header_filter.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITES_MAX = 4 /* in a row, of some megabytes each; then others have a turn */ };

struct output_writer {
    struct output *output; /* NULL once it is closed */
    const struct result_memory *memory;
    struct header_filter header_filter;
    bool journal;
    bool ended;
    bool flushing; /* the last of it is on its way */
    bool lost;
    bool as_found;
    bool behind;    /* it takes more at once, and too much is in memory */
    uint64_t bytes; /* written; kept when the output is closed */
    enum framing framing;
    struct rotation rotation;
    bool headed;       /* the parts before this one have a result's byte */
    uint64_t part;     /* the number of the one that is written; 0: it is not rotated */
    int64_t begun_us;  /* when its first byte was seen; 0: not yet */
    bool some_written; /* since output_writer_take_written: up to written_seq */
    uint64_t written_seq;
};

static void count_bytes(struct output_writer *writer)
{
    writer->bytes = output_earlier_bytes(writer->output) + output_bytes(writer->output);
}

struct output_writer *output_writer_new(struct output **output_p,
                                        const struct result_memory *memory,
                                        bool journal)
{
    struct output_writer *writer = allocate_zeroed(1, sizeof *writer);
    writer->output = *output_p;
    *output_p = NULL;
    writer->memory = memory;
    writer->journal = journal;
    count_bytes(writer);
    writer->header_filter.there = writer->bytes > 0;
    return writer;
}

void output_writer_destroy(struct output_writer **writer_p)
{
    if (*writer_p)
        output_close(&(*writer_p)->output);
    free(*writer_p);
    *writer_p = NULL;
}

/* ---- results ---- */

/* In earlier parts, or in this one's first bytes. */
static bool has_result(const struct output_writer *writer, uint64_t end)
{
    return writer->headed || framed_file_has_result(output_descriptor(writer->output),
                                                    writer->framing, end);
}

void output_writer_shape(struct output_writer *writer, const struct output_shape *shape)
{
    output_shape(writer->output, shape);
    writer->framing = shape->framing;
    if (writer->header_filter.there)
        writer->header_filter.there = has_result(writer, output_bytes(writer->output));
}

bool output_writer_is_headed(struct output_writer *writer)
{
    if (!writer->headed)
        writer->headed = has_result(writer, output_whole_bytes(writer->output));
    return writer->headed;
}

int output_writer_push(struct output_writer *writer, struct result *result,
                       uint32_t header_lines, char *error, size_t error_size)
{
    int failure = 0;
    if (!writer->ended && !result_is_dead_letter(result))
        failure = header_filter_cut(&writer->header_filter, header_lines, result);
    if (failure < 0) {
        writer->ended = true;
        snprintf(error, error_size, "cannot read waiting results in %s: %s",
                 result_memory_directory(writer->memory), strerror(-failure));
    }
    if (writer->ended)
        result_destroy(&result);
    else
        output_push(writer->output, result);
    return failure < 0 ? STATUS_IO : STATUS_OK;
}

/* `failure` is that of a write. */
static int fail(struct output_writer *writer, int failure, char *error,
                size_t error_size)
{
    writer->ended = true;
    if (writer->journal)
        output_cut(writer->output);
    error[0] = '\0';
    if ((failure == -EPIPE || failure == -ECONNRESET) &&
        !output_is_sent(writer->output))
        return STATUS_OUTPUT_CLOSED;
    writer->lost |= output_error_is_loss(failure);
    snprintf(error, error_size, "cannot write %.300s: %s", output_name(writer->output),
             output_error_text(failure));
    return STATUS_IO;
}

/* Before anything is cut off: what counts as written stays. */
static void count_written(struct output_writer *writer)
{
    count_bytes(writer);
    while (output_take_written(writer->output, &writer->written_seq))
        writer->some_written = true;
}

/* Over the share of memory results go to the output, as long as it takes some, rather
 * than to the spill file. */
int output_writer_write(struct output_writer *writer, uint64_t share_bytes, char *error,
                        size_t error_size)
{
    int failure = 0;
    if (writer->ended)
        return STATUS_OK;
    for (int i = 0; i == 0 || (i < WRITES_MAX && writer->behind); i++) {
        failure = output_write(writer->output);
        count_written(writer);
        writer->behind = failure == 0 && output_queued(writer->output) > 0 &&
                         !output_waits(writer->output) &&
                         result_memory_bytes(writer->memory) > share_bytes;
    }
    return failure < 0 ? fail(writer, failure, error, error_size) : STATUS_OK;
}

bool output_writer_take_written(struct output_writer *writer, uint64_t *ret_seq)
{
    bool some = writer->some_written;
    writer->some_written = false;
    if (some)
        *ret_seq = writer->written_seq;
    return some;
}

int output_writer_check(struct output_writer *writer, char *error, size_t error_size)
{
    int failure = writer->ended ? 0 : output_check(writer->output);
    return failure < 0 ? fail(writer, failure, error, error_size) : STATUS_OK;
}

int output_writer_spill(struct output_writer *writer, uint64_t memory_bytes)
{
    return output_spill(writer->output, writer->memory, memory_bytes);
}

/* ---- parts ---- */

void output_writer_rotate(struct output_writer *writer, const struct rotation *rotation,
                          uint64_t part, bool closing, bool headed)
{
    writer->rotation = *rotation;
    writer->part = part;
    writer->headed = headed;
    output_limit(writer->output, closing ? 1 : rotation->bytes);
}

int64_t output_writer_tick(struct output_writer *writer, int64_t now_us)
{
    int64_t age_us = writer->rotation.age_us;
    if (writer->part == 0 || age_us == INT64_MAX || writer->ended ||
        output_bytes(writer->output) == 0)
        return NEVER_US;
    if (writer->begun_us == 0)
        writer->begun_us = now_us;
    if (now_us - writer->begun_us < age_us)
        return writer->begun_us + age_us;
    output_limit(writer->output, 1);
    return NEVER_US;
}

bool output_writer_is_full(const struct output_writer *writer)
{
    return writer->part > 0 && !writer->ended && output_is_full(writer->output);
}

void output_writer_begin_part(struct output_writer *writer, int fd)
{
    output_begin_part(writer->output, fd);
    output_limit(writer->output, writer->rotation.bytes);
    writer->part++;
    writer->begun_us = 0;
}

uint64_t output_writer_parts(const struct output_writer *writer)
{
    return writer->part > 0 ? writer->part - 1 : 0;
}

/* Of a complete run: the last part gets its name, too, and an empty one is none. */
static int finish_last_part(struct output_writer *writer)
{
    if (output_bytes(writer->output) == 0) {
        if (writer->part > 1)
            output_drop_empty(writer->output);
        else
            output_discard(writer->output);
        return 0;
    }
    int failure = output_part_finish_path(output_name(writer->output), writer->part);
    if (failure == 0)
        writer->part++;
    return failure;
}

/* ---- the end ---- */

static int end_by(struct output_writer *writer, int failure, char *error,
                  size_t error_size)
{
    if (failure == 0)
        return STATUS_OK;
    writer->ended = true;
    writer->lost |= output_error_is_loss(failure);
    snprintf(error, error_size, "cannot write %.300s: %s", output_name(writer->output),
             output_error_text(failure));
    return STATUS_IO;
}

int output_writer_look(struct output_writer *writer, char *error, size_t error_size)
{
    int failure = output_check_name(writer->output);
    if (failure == 0)
        failure = output_look(writer->output);
    return end_by(writer, failure, error, error_size);
}

int output_writer_complete(struct output_writer *writer, char *error, size_t error_size)
{
    return end_by(writer, output_complete(writer->output), error, error_size);
}

int output_writer_flush(struct output_writer *writer, int64_t patience_us, char *error,
                        size_t error_size)
{
    int limit_ms = message_sender_patience_ms(patience_us);
    writer->flushing = true;
    int outcome = output_flush(writer->output, limit_ms);
    if (outcome == -EPROTO)
        snprintf(error, error_size, "cannot write %.300s: %s",
                 output_name(writer->output), MESSAGES_REFUSED);
    else if (outcome < 0)
        snprintf(error, error_size,
                 "cannot write %.300s: nobody took the last messages in %g s "
                 "(--patience)",
                 output_name(writer->output), limit_ms / 1e3);
    return outcome;
}

bool output_writer_is_sent(const struct output_writer *writer)
{
    return writer->output && output_is_sent(writer->output);
}

const char *output_writer_receiver(const struct output_writer *writer, bool *ret_there)
{
    bool waits = writer->output && (writer->flushing || output_waits(writer->output));
    return waits ? output_receiver(writer->output, ret_there) : NULL;
}

void output_writer_stop(struct output_writer *writer)
{
    writer->ended = true;
}

bool output_writer_has_ended(const struct output_writer *writer)
{
    return writer->ended;
}

void output_writer_abandon(struct output_writer *writer)
{
    if (!writer->output)
        return;
    if (writer->journal)
        output_cut(writer->output);
    writer->as_found = output_is_as_found(writer->output);
    output_discard(writer->output);
}

int output_writer_close(struct output_writer *writer, bool complete, char *error,
                        size_t error_size)
{
    char name[PATH_MAX];
    int failure = 0;
    if (!writer->output)
        return STATUS_OK;
    snprintf(name, sizeof name, "%s", output_name(writer->output));
    if (complete)
        failure = output_complete(writer->output);
    else
        output_writer_abandon(writer);
    if (complete && failure == 0 && writer->part > 0)
        failure = finish_last_part(writer);
    writer->lost |= output_error_is_loss(failure);
    int closed = output_close(&writer->output);
    failure = failure < 0 ? failure : closed;
    writer->ended = true;
    if (failure < 0)
        snprintf(error, error_size, "cannot write %.300s: %s", name,
                 output_error_text(failure));
    return failure < 0 ? STATUS_IO : STATUS_OK;
}

/* ---- queries ---- */

void output_writer_fill_item(const struct output_writer *writer, zmq_pollitem_t *item)
{
    if (!writer->ended)
        output_fill_item(writer->output, item);
}

bool output_writer_is_behind(const struct output_writer *writer)
{
    return writer->behind && !writer->ended;
}

bool output_writer_has_queued(const struct output_writer *writer)
{
    return writer->output && output_queued(writer->output) > 0;
}

uint64_t output_writer_bytes(const struct output_writer *writer)
{
    return writer->bytes;
}

uint64_t output_writer_whole_bytes(const struct output_writer *writer)
{
    return output_whole_bytes(writer->output);
}

bool output_writer_is_lost(const struct output_writer *writer)
{
    return writer->lost;
}

bool output_writer_was_as_found(const struct output_writer *writer)
{
    return writer->as_found;
}
