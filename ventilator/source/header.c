/* SPDX-License-Identifier: MIT */
/* Reads ahead until all is known and all lines are there; the bytes behind them begin
 * the records. */
#include "ventilator/source/header.h"

#include "common/files/letters.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/records/byte_order_mark.h"
#include "common/records/lines.h"
#include "ventilator/source/beginning.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The end of the last line of the header; 0: not all lines are here. */
static size_t find_end(const struct header *header, const struct reader *reader)
{
    uint32_t left = header->lines;
    struct slice ahead = {reader->ahead, reader->ahead_size};
    size_t end = lines_take(ahead, &left);
    return left == 0 ? end : 0;
}

/* Without the byte order mark that only some of the inputs may have. */
static struct slice without_mark(const uint8_t *bytes, size_t size)
{
    size_t mark = byte_order_mark_size((struct slice){bytes, size});
    return (struct slice){bytes + mark, size - mark};
}

/* The first line that differs, from 1. */
static uint32_t differing_line(struct slice a, struct slice b)
{
    uint32_t line = 1;
    for (size_t i = 0; i < a.size && i < b.size && a.data[i] == b.data[i]; i++)
        line += a.data[i] == '\n';
    return line;
}

/* The line of this number, without its end. */
static struct slice line_of(struct slice lines, uint32_t line)
{
    struct slice rest = lines_after(lines, line - 1);
    const uint8_t *end = memchr(rest.data, '\n', rest.size);
    if (end)
        rest.size = (size_t)(end - rest.data);
    return rest;
}

static const char *quote(char *text, size_t size, struct slice line)
{
    enum { SHOWN_MAX = 60 };
    return log_quote(text, size, line.data,
                     line.size < SHOWN_MAX ? line.size : SHOWN_MAX);
}

static enum header_outcome refuse(const struct header *header, struct reader *reader,
                                  struct slice ours, struct slice known)
{
    char here[256], there[256];
    uint32_t line = differing_line(ours, known);
    reader_fail(reader,
                "%s: its header is not that of %s (line %" PRIu32
                " of --header is %s, not %s)",
                reader_item(reader)->name, reader->inputs.items[header->input].name,
                line, quote(here, sizeof here, line_of(ours, line)),
                quote(there, sizeof there, line_of(known, line)));
    return HEADER_FAILED;
}

static enum header_outcome refuse_size(const struct header *header,
                                       struct reader *reader)
{
    reader_fail(reader, "%s: its header, %" PRIu32 " line%s, is longer than %d bytes",
                reader_item(reader)->name, header->lines, header->lines == 1 ? "" : "s",
                RECORDS_HEADER_MAX);
    return HEADER_FAILED;
}

/* Keeps the first one; the others must be the same. */
static enum header_outcome keep(struct header *header, struct reader *reader,
                                struct slice bytes)
{
    if (header->known) {
        struct slice ours = without_mark(bytes.data, bytes.size);
        struct slice known = without_mark(header->bytes, header->size);
        if (ours.size != known.size || memcmp(ours.data, known.data, ours.size) != 0)
            return refuse(header, reader, ours, known);
    } else {
        header->bytes = allocate(bytes.size);
        memcpy(header->bytes, bytes.data, bytes.size);
        header->size = bytes.size;
        header->input = reader->at;
        header->known = true;
    }
    return HEADER_DONE;
}

/* `size` bytes are this input's header; with the newline that it may lack, it is
 * `written` bytes of `ahead`. */
static enum header_outcome take(struct header *header, struct reader *reader,
                                size_t size, size_t written)
{
    reader->ahead_used = size;
    return keep(header, reader, (struct slice){reader->ahead, written});
}

/* A dead letter's is in a file of its own. */
static enum header_outcome take_from_file(struct header *header, struct reader *reader)
{
    const char *path = reader_item(reader)->header;
    uint8_t *bytes = allocate(RECORDS_HEADER_MAX);
    size_t size = 0;
    uint32_t lines = header->lines;
    enum header_outcome outcome = HEADER_FAILED;
    int result = letters_read_header(path, bytes, RECORDS_HEADER_MAX, &size);
    if (result < 0)
        reader_fail(reader, "cannot read %s, the header of dead letters: %s", path,
                    strerror(-result));
    else if (lines_take((struct slice){bytes, size}, &lines) != size || lines > 0)
        reader_fail(reader, "%s has not the lines that --header says", path);
    else
        outcome = keep(header, reader, (struct slice){bytes, size});
    free(bytes);
    return outcome;
}

/* The input ends within its header. */
static enum header_outcome take_all(struct header *header, struct reader *reader)
{
    size_t size = reader->ahead_size, written = size;
    if (without_mark(reader->ahead, size).size == 0) {
        reader->ahead_used = size; /* nothing, or nothing but a mark */
        return HEADER_DONE;
    }
    if (size > 0 && reader->ahead[size - 1] != '\n')
        reader->ahead[written++] = '\n';
    if (written > RECORDS_HEADER_MAX)
        return refuse_size(header, reader);
    return take(header, reader, size, written);
}

static enum header_outcome read_lines(struct header *header, struct reader *reader)
{
    size_t end = find_end(header, reader);
    if (end > RECORDS_HEADER_MAX ||
        (end == 0 && reader->ahead_size == READER_AHEAD_MAX))
        return refuse_size(header, reader);
    if (end > 0)
        return take(header, reader, end, end);
    switch (reader_read_ahead(reader)) {
    case READER_BYTES:
        return HEADER_MORE;
    case READER_WAITS:
        return HEADER_WAITS;
    case READER_ENDED:
        return take_all(header, reader);
    case READER_FAILED:
        break;
    }
    return HEADER_FAILED;
}

bool header_begin_input(struct header *header)
{
    header->looked = false;
    return header->lines > 0 || beginning_matters(header->format, 0);
}

enum header_outcome header_read(struct header *header, struct reader *reader)
{
    if (header->looked)
        return read_lines(header, reader);
    switch (beginning_read(header->format, header->lines, reader)) {
    case BEGINNING_MORE:
        return HEADER_MORE;
    case BEGINNING_WAITS:
        return HEADER_WAITS;
    case BEGINNING_FAILED:
        return HEADER_FAILED;
    case BEGINNING_DONE:
        break;
    }
    header->looked = true;
    if (header->lines > 0 && reader_item(reader)->header)
        return take_from_file(header, reader);
    return header->lines > 0 ? HEADER_MORE : HEADER_DONE;
}

void header_deinit(struct header *header)
{
    free(header->bytes);
    header->bytes = NULL;
}
