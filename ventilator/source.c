/* SPDX-License-Identifier: MIT */
/*
 * Joins the inputs, one after the other, with the chunker: reads as much as the next
 * chunk needs, and names what goes wrong with its input and offset. Knows no difference
 * between kinds of input but that some cannot be read again.
 *
 *     turn --header asked for--> header --> check, where the run has read --> cut
 *      ^ \-----------------------------------^------------------------------^  |
 *      \--------------------------------the input is over----------------------/
 */
#include "ventilator/source_state.h"

#include "common/memory.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    READ_MAX = 1 << 20, /* bytes at once */
    READS_MAX = 16,     /* in one source_next, so that the loop goes on */
};

/* ---- life ---- */

static uint64_t count_bytes(const struct inputs *inputs)
{
    uint64_t total = 0;
    if (!inputs_are_files(inputs))
        return 0;
    for (uint32_t i = 0; i < inputs->count; i++)
        total += inputs->items[i].size - inputs->items[i].start;
    return total;
}

int source_open(const struct source_config *config, struct source **ret_source,
                char *error, size_t error_size)
{
    struct inputs inputs;
    struct source_identity identity;
    const struct source_cut cut = {
        .chunker = &config->chunker,
        .header_lines = config->header_lines,
        .header_out = config->header_out,
        .whole_files = config->whole_files,
    };
    int result = inputs_open(&inputs, config->paths, config->count, !config->as_it_is,
                             config->program, error, error_size);
    if (result < 0)
        return result;
    result = inputs_identify(&inputs, &cut, &identity, error, error_size);
    if (result < 0) {
        inputs_deinit(&inputs);
        return result;
    }
    struct source *source = allocate_zeroed(1, sizeof *source);
    source->config = *config;
    source->inputs = inputs;
    source->chunker = chunker_new(&config->chunker);
    source->header.lines = config->header_lines;
    source->total = count_bytes(&inputs);
    source_identity_write(&identity, source->identity);
    source_hash_init(&source->hash);
    *ret_source = source;
    return 0;
}

void source_destroy(struct source **source_p)
{
    struct source *source = *source_p;
    if (!source)
        return;
    inputs_deinit(&source->inputs);
    chunker_destroy(&source->chunker);
    source_hash_deinit(&source->hash);
    free(source->header.bytes);
    free(source->ahead);
    free(source);
    *source_p = NULL;
}

enum source_outcome source_fail(struct source *source, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(source->error, sizeof source->error, format, arguments);
    va_end(arguments);
    return SOURCE_FAILED;
}

enum source_outcome source_fail_to_read(struct source *source, int error)
{
    const struct named_input *item = source_item(source);
    uint64_t offset = item->input.offset;
    if (error == ENODATA)
        return source_fail(
            source,
            "%s was cut short while it was read: it ends before byte %" PRIu64
            " and had %" PRIu64 " bytes",
            item->name, offset, item->input.size);
    if (error == EBADMSG)
        return source_fail(
            source, "cannot decompress %s beyond byte %" PRIu64 " of its content: %s",
            item->name, offset, item->input.reason);
    return source_fail(
        source, "cannot read %s at byte %" PRIu64 ": %s", item->name, offset,
        error == ESTALE ? "another file has taken its place" : strerror(error));
}

/* ---- places ---- */

struct named_input *source_item(const struct source *source)
{
    return &source->inputs.items[source->at];
}

uint64_t source_own_offset(const struct source *source, uint64_t offset)
{
    return offset - source->shift;
}

static bool counts_as_file(const struct named_input *item)
{
    return item->kind == SOURCE_KIND_FILE;
}

/* Streams, and what is decompressed, count from their first byte on; but an only one
 * counts as the run began. */
uint64_t source_beginning(const struct source *source, uint32_t input)
{
    const struct named_input *item = &source->inputs.items[input];
    return (counts_as_file(item) ? item->start : 0) + source->shift;
}

/* ---- reading ---- */

static size_t take_ahead(struct source *source, void *bytes, size_t size)
{
    size_t left = source->ahead_size - source->ahead_used;
    if (size > left)
        size = left;
    if (size > 0)
        memcpy(bytes, source->ahead + source->ahead_used, size);
    source->ahead_used += size;
    return size;
}

ssize_t source_read_some(struct source *source, uint64_t most, void **ret_bytes)
{
    struct input *input = &source_item(source)->input;
    size_t size;
    *ret_bytes = chunker_room(source->chunker, &size);
    if (size > READ_MAX)
        size = READ_MAX;
    if (size > most)
        size = (size_t)most;
    size_t ahead = take_ahead(source, *ret_bytes, size);
    return ahead > 0 ? (ssize_t)ahead : input->kind->read(input, *ret_bytes, size);
}

/* The turn of the next input has come, if there is one. */
static enum source_outcome turn(struct source *source)
{
    if (source->at == source->inputs.count) {
        source->header.known = true;
        return SOURCE_ENDED;
    }
    int result = inputs_turn_to(&source->inputs, source->at);
    if (result < 0)
        return source_fail_to_read(source, -result);
    source->cut_some = false;
    source->pending = 0;
    source->ahead_size = source->ahead_used = 0;
    source_begin_hash(source);
    if (source->header.lines == 0)
        return source_begin_records(source);
    source->phase = PHASE_HEADER;
    return SOURCE_MORE;
}

/* Feeds the chunker once. */
static enum source_outcome read_on(struct source *source)
{
    void *bytes;
    ssize_t got = source_read_some(source, READ_MAX, &bytes);
    if (got == -EAGAIN)
        return SOURCE_WAITS;
    if (got < 0)
        return source_fail_to_read(source, (int)-got);
    if (got == 0)
        chunker_on_end(source->chunker);
    else
        chunker_on_bytes(source->chunker, (size_t)got);
    source->pending += (uint64_t)got;
    return SOURCE_MORE;
}

/* ---- cutting ---- */

void source_set_block(struct source *source, uint64_t block_bytes)
{
    chunker_set_block(source->chunker, block_bytes);
}

static enum source_outcome finish_chunk(struct source *source, struct chunk *chunk)
{
    chunk->input = source->at;
    chunk->hash_before = source_hash_value(&source->hash);
    source_hash_add(&source->hash, zmq_msg_data(&chunk->bytes), chunk->length);
    chunk->hash_after = source_hash_value(&source->hash);
    source_mark(source, chunk);
    source->record = chunk->first_record + chunk->records;
    source->pending -= chunk->length;
    source->bytes += chunk->length;
    source->cut_some = source->cut_any = true;
    return SOURCE_CHUNK;
}

static enum source_outcome take_nothing(struct source *source, uint64_t records,
                                        struct chunk *ret_chunk)
{
    *ret_chunk = (struct chunk){.offset = chunker_offset(source->chunker),
                                .first_record = source->record,
                                .records = records};
    zmq_msg_init(&ret_chunk->bytes);
    return finish_chunk(source, ret_chunk);
}

/* A table that is nothing but its header has results with one, where others have. */
static bool lacks_header_out(const struct source *source)
{
    return source->config.header_out > 0 && source->header.size > 0 &&
           !source->cut_any && source->at == source->inputs.count - 1;
}

/* As a whole, an empty file is a chunk like any other. */
static enum source_outcome end_input(struct source *source, struct chunk *ret_chunk)
{
    if (source->config.whole_files && !source->cut_some)
        return take_nothing(source, 1, ret_chunk);
    if (lacks_header_out(source))
        return take_nothing(source, 0, ret_chunk);
    source->hash_before = source_hash_of_next(source);
    source->at++;
    source->phase = PHASE_TURN;
    return SOURCE_MORE;
}

static enum source_outcome cut(struct source *source, struct chunk *ret_chunk)
{
    switch (chunker_take(source->chunker, ret_chunk)) {
    case CHUNKER_CHUNK:
        return finish_chunk(source, ret_chunk);
    case CHUNKER_ENDED:
        return end_input(source, ret_chunk);
    case CHUNKER_TOO_LONG:
    case CHUNKER_BROKEN:
        return source_fail(source, "%s: %s", source_item(source)->name,
                           chunker_problem(source->chunker));
    case CHUNKER_HUNGRY:
        break;
    }
    enum source_outcome outcome = read_on(source);
    bool flushes = outcome == SOURCE_FAILED && !source->config.chunker.records;
    return flushes && source_flush(source, ret_chunk) ? SOURCE_CHUNK : outcome;
}

bool source_flush(struct source *source, struct chunk *ret_chunk)
{
    if (source->phase != PHASE_CUT ||
        chunker_take_early(source->chunker, ret_chunk) != CHUNKER_CHUNK)
        return false;
    finish_chunk(source, ret_chunk);
    return true;
}

static enum source_outcome step(struct source *source, struct chunk *ret_chunk)
{
    switch (source->phase) {
    case PHASE_TURN:
        return turn(source);
    case PHASE_HEADER:
        return source_read_header(source);
    case PHASE_CHECK:
        return source_check_on(source);
    case PHASE_CUT:
        break;
    }
    return cut(source, ret_chunk);
}

enum source_outcome source_next(struct source *source, struct chunk *ret_chunk)
{
    for (int reads = 0;; reads++) {
        if (source->error[0])
            return SOURCE_FAILED;
        enum source_outcome outcome = step(source, ret_chunk);
        if (outcome != SOURCE_MORE || reads == READS_MAX)
            return outcome;
    }
}

/* ---- reading again ---- */

bool source_can_reread(const struct source *source)
{
    return inputs_are_files(&source->inputs);
}

/* Whether these are the bytes that the chunk was cut with; 0, 1: they are not, or what
 * reread says. */
static int compare(const struct source *source, const struct chunk *chunk,
                   const void *bytes)
{
    struct source_hash hash;
    source_hash_init(&hash);
    int result = source_hash_until(source, &hash, chunk->input, chunk->offset);
    uint64_t before = source_hash_value(&hash);
    source_hash_add(&hash, bytes, chunk->length);
    uint64_t is = source_hash_value(&hash) - before;
    source_hash_deinit(&hash);
    return result < 0 ? result : is != chunk->hash_after - chunk->hash_before;
}

static const char *describe(int result)
{
    return result > 0           ? "it was changed while it was read"
           : result == -ENODATA ? "it is shorter than it was"
           : result == -ESTALE  ? "another file has taken its place"
                                : strerror(-result);
}

bool source_reread(struct source *source, const struct chunk *chunk,
                   zmq_msg_t *ret_bytes)
{
    zmq_msg_t bytes;
    if (zmq_msg_init_size(&bytes, chunk->length))
        abort_out_of_memory();
    uint64_t from = source_own_offset(source, chunk->offset);
    int result = inputs_reread(&source->inputs, chunk->input, from,
                               zmq_msg_data(&bytes), chunk->length);
    if (result == 0)
        result = compare(source, chunk, zmq_msg_data(&bytes));
    if (result == 0) {
        zmq_msg_init(ret_bytes);
        zmq_msg_move(ret_bytes, &bytes);
        zmq_msg_close(&bytes);
        return true;
    }
    zmq_msg_close(&bytes);
    source_fail(source, "cannot read bytes %" PRIu64 "-%" PRIu64 " of %s again: %s",
                from, from + chunk->length - 1, source->inputs.items[chunk->input].name,
                describe(result));
    return false;
}

/* ---- queries ---- */

struct slice source_input(const struct source *source)
{
    return (struct slice){source->identity, sizeof source->identity};
}

uint64_t source_pending(const struct source *source)
{
    return source->phase == PHASE_CUT ? source->pending : 0;
}

bool source_is_stream(const struct source *source)
{
    return source->at < source->inputs.count &&
           source_item(source)->kind == SOURCE_KIND_STREAM;
}

struct slice source_header(const struct source *source)
{
    return (struct slice){source->header.bytes, source->header.size};
}

bool source_knows_header(const struct source *source)
{
    return source->header.known || source->header.lines == 0;
}

int source_fd(const struct source *source)
{
    return source->at < source->inputs.count ? source_item(source)->input.fd : -1;
}

bool source_is_terminal(const struct source *source)
{
    for (uint32_t i = 0; i < source->inputs.count; i++)
        if (source->inputs.items[i].kind == SOURCE_KIND_STREAM &&
            isatty(source->inputs.items[i].input.fd))
            return true;
    return false;
}

const char *source_name(const struct source *source, uint32_t input)
{
    return source->inputs.count > 1 ? source->inputs.items[input].name : NULL;
}

uint64_t source_bytes(const struct source *source)
{
    return source->bytes;
}

uint64_t source_total(const struct source *source)
{
    return source->total;
}

bool source_checks(const struct source *source)
{
    return source->checks;
}

const char *source_error(const struct source *source)
{
    return source->error;
}
