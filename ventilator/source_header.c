/* SPDX-License-Identifier: MIT */
/*
 * The first lines of each input, which are no records: those of the first input are
 * the header, and every other must begin with the same. Lines end with a newline,
 * whatever ends a record; a last one that lacks it is given it. An input of no bytes at
 * all needs no header.
 */
#include "ventilator/source_state.h"

#include "common/lines.h"
#include "common/log.h"
#include "common/memory.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { AHEAD_MAX = RECORDS_HEADER_MAX + 1 }; /* bytes; the last for a newline */

/* The end of its last line; 0: not all lines are here. */
static size_t find_end(const struct source *source)
{
    uint32_t left = source->header.lines;
    struct slice ahead = {source->ahead, source->ahead_size};
    size_t end = lines_take(ahead, &left);
    return left == 0 ? end : 0;
}

/* The first line that differs, from 1. */
static uint32_t differing_line(const uint8_t *a, size_t a_size, const uint8_t *b,
                               size_t b_size)
{
    uint32_t line = 1;
    for (size_t i = 0; i < a_size && i < b_size && a[i] == b[i]; i++)
        line += a[i] == '\n';
    return line;
}

/* The line of this number, without its end. */
static struct slice line_of(const uint8_t *bytes, size_t size, uint32_t line)
{
    struct slice rest = lines_after((struct slice){bytes, size}, line - 1);
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

static enum source_outcome refuse(struct source *source, const uint8_t *bytes,
                                  size_t size)
{
    char here[256], there[256];
    const struct source_header *header = &source->header;
    uint32_t line = differing_line(bytes, size, header->bytes, header->size);
    return source_fail(
        source,
        "%s: its header is not that of %s (line %" PRIu32 " of --header is %s, not %s)",
        source_item(source)->name, source->inputs.items[header->input].name, line,
        quote(here, sizeof here, line_of(bytes, size, line)),
        quote(there, sizeof there, line_of(header->bytes, header->size, line)));
}

/* `size` bytes are this input's header, `written` with the newline that it may lack. */
static enum source_outcome take(struct source *source, size_t size, size_t written)
{
    struct source_header *header = &source->header;
    if (size > 0 && !header->known) {
        header->bytes = allocate(written);
        memcpy(header->bytes, source->ahead, written);
        header->size = written;
        header->input = source->at;
        header->known = true;
    } else if (size > 0 && (header->size != written ||
                            memcmp(header->bytes, source->ahead, written) != 0)) {
        return refuse(source, source->ahead, written);
    }
    source->ahead_used = size;
    return source_begin_records(source);
}

static enum source_outcome refuse_size(struct source *source)
{
    return source_fail(source,
                       "%s: its header, %" PRIu32 " line%s, is longer than %d bytes",
                       source_item(source)->name, source->header.lines,
                       source->header.lines == 1 ? "" : "s", RECORDS_HEADER_MAX);
}

static enum source_outcome take_all(struct source *source)
{
    size_t size = source->ahead_size, written = size;
    if (size > 0 && source->ahead[size - 1] != '\n')
        source->ahead[written++] = '\n';
    if (written > RECORDS_HEADER_MAX)
        return refuse_size(source);
    return take(source, size, written);
}

enum source_outcome source_read_header(struct source *source)
{
    struct input *input = &source_item(source)->input;
    if (!source->ahead)
        source->ahead = allocate(AHEAD_MAX + 1);
    ssize_t got = input->kind->read(input, source->ahead + source->ahead_size,
                                    AHEAD_MAX - source->ahead_size);
    if (got == -EAGAIN)
        return SOURCE_WAITS;
    if (got < 0)
        return source_fail_to_read(source, (int)-got);
    if (got == 0)
        return take_all(source);
    source->ahead_size += (size_t)got;
    size_t end = find_end(source);
    if (end > RECORDS_HEADER_MAX || (end == 0 && source->ahead_size == AHEAD_MAX))
        return refuse_size(source);
    return end > 0 ? take(source, end, end) : SOURCE_MORE;
}

void source_hash_header(struct source *source)
{
    source_hash_add(&source->hash, source->ahead, source->ahead_used);
}
