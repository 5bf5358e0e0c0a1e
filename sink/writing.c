/* SPDX-License-Identifier: MIT */
/* Results out: to the output, to the dead letters, and to the spill file while neither
 * takes them. */
#include "sink/sink_state.h"

#include "common/exit_status.h"
#include "common/memory.h"
#include "sink/letters.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const uint64_t share_default_bytes = UINT64_C(128) << 20;

static void tell_written(struct sink *sink, int64_t now_us)
{
    bool some = false;
    uint64_t seq;

    while (output_take_written(sink->parts.output, &seq))
        some = true;
    if (!some)
        return;
    sink->stirred = true;
    sink_session_on_written(sink->session, seq, now_us);
}

static uint64_t share_bytes(const struct sink *sink)
{
    uint64_t said = sink_session_buffer(sink->session);

    return said > 0 ? said : share_default_bytes;
}

static bool over_share(const struct sink *sink)
{
    return store_memory_bytes(sink->parts.store) > share_bytes(sink);
}

/* Over the share it goes on as long as the output takes what it is given: rather there
 * than into the spill file. */
void sink_write_output(struct sink *sink, int64_t now_us)
{
    int result;

    if (sink->output_ended)
        return;
    do {
        result = output_write(sink->parts.output);
        sink->output_bytes = output_bytes(sink->parts.output);
        tell_written(sink, now_us);
    } while (result == 0 && output_queued(sink->parts.output) > 0 &&
             !output_waits(sink->parts.output) && over_share(sink));
    if (result < 0)
        sink_fail_output(sink, result, now_us);
}

void sink_check_output(struct sink *sink, int64_t now_us)
{
    int result;

    if (sink->output_ended)
        return;
    result = output_check(sink->parts.output);
    if (result < 0)
        sink_fail_output(sink, result, now_us);
}

/* ---- dead letters ---- */

struct reading {
    const struct parcel *parcel;
    uint64_t from; /* the letter's first byte among those of all */
};

static int read_letter(void *context, uint64_t from, void *data, size_t size)
{
    const struct reading *reading = context;

    return parcel_read_letters(reading->parcel, reading->from + from, data, size);
}

static int write_letters(struct sink *sink, const struct parcel *parcel)
{
    struct reading reading = {.parcel = parcel};
    uint32_t count;
    const struct letter *letters = parcel_letters(parcel, &count);
    int result = 0;

    for (uint32_t i = 0; i < count && result == 0; i++) {
        struct letter letter = letters[i];

        letter.run = sink_session_position(sink->session).run;
        result = letters_write(sink->parts.outset.letters, sink->letters + 1, &letter,
                               read_letter, &reading);
        reading.from += letters[i].length;
        sink->letters += result == 0;
    }
    return result;
}

/* The parcel's seq must not count. */
static void fail(struct sink *sink, const char *text, int64_t now_us)
{
    sink->output_ended = true;
    sink_fail(sink, STATUS_IO, text, now_us);
}

static void deal_with_letters(struct sink *sink, const struct parcel *parcel,
                              int64_t now_us)
{
    char text[ERROR_MAX];
    int result = write_letters(sink, parcel);

    if (result == 0)
        return;
    snprintf(text, sizeof text, "cannot write dead letters to %.400s: %s",
             sink->parts.outset.letters,
             result == -EEXIST ? "another run has begun to write its own there"
                               : strerror(-result));
    fail(sink, text, now_us);
}

/* As soon as both are there. */
static void keep_header(struct sink *sink, int64_t now_us)
{
    char text[ERROR_MAX];
    struct slice header = {sink->header, sink->header_size};

    if (sink->output_ended || sink->header_kept || header.size == 0 ||
        sink->letters == 0)
        return;
    int result = letters_write_header(sink->parts.outset.letters, header);
    sink->header_kept = result == 0;
    if (result == 0)
        return;
    snprintf(text, sizeof text, "cannot write the header of dead letters to %.400s: %s",
             sink->parts.outset.letters, strerror(-result));
    fail(sink, text, now_us);
}

void sink_take_format(struct sink *sink, const struct message *welcome)
{
    struct record_format format;

    if (record_format_parse(welcome->welcome.format, &format))
        sink->format = format;
}

void sink_take_header(struct sink *sink, const struct message *end, int64_t now_us)
{
    struct slice header = end->end.header;

    if (sink->header != NULL || header.size == 0 ||
        end->end.epoch != sink_session_position(sink->session).epoch)
        return;
    sink->header = allocate(header.size);
    sink->header_size = header.size;
    memcpy(sink->header, header.data, header.size);
    keep_header(sink, now_us);
}

static void cut_heading(struct sink *sink, struct parcel *parcel, int64_t now_us)
{
    char text[ERROR_MAX];
    uint32_t lines = sink_session_header_out(sink->session);
    int result = heading_cut(&sink->heading, lines, parcel);

    if (result == 0)
        return;
    snprintf(text, sizeof text, "cannot read waiting results in %s: %s",
             store_directory(sink->parts.store), strerror(-result));
    fail(sink, text, now_us);
}

void sink_write_parcel(struct sink *sink, struct parcel *parcel, int64_t now_us)
{
    if (!sink->output_ended)
        deal_with_letters(sink, parcel, now_us);
    keep_header(sink, now_us);
    if (!sink->output_ended)
        cut_heading(sink, parcel, now_us);
    if (sink->output_ended)
        parcel_destroy(&parcel);
    else
        output_push(sink->parts.output, parcel);
}

/* ---- memory ---- */

/* What is needed last goes first: parked results, then those that the output does not
 * take. The latter make room for more than is asked, as each call goes over them all.
 */
static int spill(struct sink *sink)
{
    int result = 0;

    while (result == 0 && over_share(sink)) {
        struct parcel *parcel =
            sink_session_last_parked(sink->session, parcel_spillable);

        if (parcel == NULL)
            return output_spill(sink->parts.output, sink->parts.store,
                                share_bytes(sink) / 4 * 3);
        result = parcel_spill(parcel);
    }
    return result;
}

void sink_relieve_memory(struct sink *sink, int64_t now_us)
{
    char text[ERROR_MAX];
    int result;

    if (sink->output_ended || !over_share(sink))
        return;
    result = spill(sink);
    if (result == 0)
        return;
    snprintf(text, sizeof text, "cannot keep waiting results in %s: %s",
             store_directory(sink->parts.store), strerror(-result));
    sink->output_ended = true;
    sink_fail(sink, STATUS_IO, text, now_us);
}
