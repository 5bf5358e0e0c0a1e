/* SPDX-License-Identifier: MIT */
/*
 * Joins reader, header, resume and chunker: reads as much as the next chunk needs.
 * Knows no difference between kinds of input but that some cannot be read again. An
 * input goes through these phases:
 *
 *     turn --first bytes matter--> header --> check, where the run has read --> cut
 *      ^ \-----------------------------------^------------------------------^  |
 *      \--------------------------------the input is over----------------------/
 */
#include "ventilator/source/source.h"

#include "common/memory.h"
#include "ventilator/source/kinds/connector_input.h"
#include "ventilator/source/receive/spool_input.h"
#include "ventilator/source/source_state.h"
#include <assert.h>
#include <stdlib.h>

enum { READS_MAX = 16 }; /* in one source_next, so that the loop comes round */

#define BIT(phase) (1u << (phase))

static void set_phase(struct source *source, enum phase phase)
{
    static const unsigned next[] = {
        [PHASE_TURN] = BIT(PHASE_HEADER) | BIT(PHASE_CHECK) | BIT(PHASE_CUT),
        [PHASE_HEADER] = BIT(PHASE_CHECK) | BIT(PHASE_CUT),
        [PHASE_CHECK] = BIT(PHASE_CUT) | BIT(PHASE_TURN),
        [PHASE_CUT] = BIT(PHASE_TURN),
    };
    assert(next[source->phase] & BIT(phase));
    source->phase = phase;
}

/* ---- life ---- */

static int open_inputs(const struct source_config *config, struct input_list *inputs,
                       char *error, size_t error_size)
{
    if (config->connector)
        return input_list_of_connector(inputs, config->connector, config->paths[0]);
    if (config->spool)
        return input_list_of_spool(inputs, config->spool, config->arguments, error,
                                   error_size);
    if (config->messages)
        return input_list_of_messages(inputs, config->paths, config->count,
                                      config->messages, error, error_size);
    return input_list_open(inputs, config->paths, config->count,
                           &(struct input_list_config){
                               .decompresses = !config->no_decompress,
                               .program = config->program,
                               .root = config->root,
                           },
                           error, error_size);
}

int source_open(const struct source_config *config, struct source **ret_source,
                char *error, size_t error_size)
{
    struct input_list inputs;
    struct input_fingerprint fingerprint;
    const struct source_cut cut = {
        .chunker = &config->chunker,
        .header_lines = config->header_lines,
        .header_out = config->header_out,
        .whole_files = config->whole_files,
    };
    int result = open_inputs(config, &inputs, error, error_size);
    if (result < 0)
        return result;
    result = input_list_fingerprint(&inputs, &cut, &fingerprint, error, error_size);
    if (result < 0) {
        input_list_deinit(&inputs);
        return result;
    }
    struct source *source = allocate_zeroed(1, sizeof *source);
    source->config = *config;
    reader_init(&source->reader, &inputs);
    source->chunker = chunker_new(&config->chunker);
    source->header.lines = config->header_lines;
    source->header.format = &source->config.chunker.format;
    source->total =
        reader_bytes_from(&source->reader, 0, reader_beginning(&source->reader, 0));
    input_fingerprint_write(&fingerprint, source->fingerprint);
    run_hash_init(&source->hash);
    *ret_source = source;
    return 0;
}

void source_destroy(struct source **source_p)
{
    struct source *source = *source_p;
    if (!source)
        return;
    reader_deinit(&source->reader);
    header_deinit(&source->header);
    chunker_destroy(&source->chunker);
    run_hash_deinit(&source->hash);
    free(source);
    *source_p = NULL;
}

/* A record of a spool has the number of its entry. `from`: the place where the run
 * resumes; NULL: it begins. */
static bool begin_spool(struct source *source, const struct input_mark *from)
{
    struct input *input = &source->reader.inputs.items[0].input;
    if (!input->spool || spool_input_begin(input, from, &source->record))
        return true;
    reader_fail(&source->reader, "%s", input->reason);
    return false;
}

bool source_start(struct source *source, struct slice mark, struct slice input)
{
    const struct input_mark *from = &source->resume.mark;
    if (mark.size == 0 && input.size == 0)
        return begin_spool(source, NULL);
    source->resume.stands = source->config.from_committed || source->config.spool;
    if (!resume_begin(&source->resume, &source->reader, &source->hash, mark, input,
                      source_input(source)))
        return false;
    source->cut_any = mark.size > 0;
    source->record = from->record;
    source->total =
        reader_bytes_from(&source->reader, (uint32_t)from->input, from->offset);
    return begin_spool(source, mark.size > 0 ? from : NULL);
}

/* ---- an input's way to its records ---- */

static enum source_outcome begin_at_mark(struct source *source)
{
    const struct input_mark *mark = &source->resume.mark;
    chunker_start(source->chunker, mark->offset, mark->record,
                  resume_before(&source->resume));
    uint64_t read = mark->offset - reader_beginning(&source->reader, source->reader.at);
    if (source->bytes_before_input == 0 && mark->bytes > read)
        source->bytes_before_input = mark->bytes - read;
    source->cut_some = true;
    set_phase(source, PHASE_CUT);
    return SOURCE_MORE;
}

/* The header is read, or there is none. */
static enum source_outcome begin_records(struct source *source)
{
    struct reader *reader = &source->reader;
    struct resume *resume = &source->resume;
    uint64_t offset = reader_beginning(reader, reader->at) + reader->ahead_used;
    if (resume->seeks)
        return resume_seek(resume, reader, &source->hash) ? begin_at_mark(source)
                                                          : SOURCE_FAILED;
    if (resume->stands) {
        resume_stand(resume, reader, &source->hash);
        return begin_at_mark(source);
    }
    stream_hash_add(&source->hash.stream, reader->ahead, reader->ahead_used);
    if (resume->checks) {
        resume->checked = offset;
        set_phase(source, PHASE_CHECK);
    } else {
        source->bytes += reader->ahead_used;
        struct slice header = {reader->ahead,
                               source->header.lines ? reader->ahead_used : 0};
        chunker_start(source->chunker, offset, source->record, header);
        set_phase(source, PHASE_CUT);
    }
    return SOURCE_MORE;
}

/* Of messages nobody asks in what order their bytes are. A stream that begins in its
 * middle has no beginning. */
static bool begins_in_header(struct source *source)
{
    const struct input *input = &reader_item(&source->reader)->input;
    if (input->messages || input->connector || input->spool || source->resume.stands)
        return false;
    return header_begin_input(&source->header);
}

static enum source_outcome turn(struct source *source)
{
    if (source->reader.at == source->reader.inputs.count) {
        source->header.known = true;
        return SOURCE_ENDED;
    }
    if (!reader_open(&source->reader))
        return SOURCE_FAILED;
    source->cut_some = false;
    source->pending = 0;
    source->resume.before_size = 0;
    run_hash_begin_input(&source->hash);
    if (!begins_in_header(source))
        return begin_records(source);
    set_phase(source, PHASE_HEADER);
    return SOURCE_MORE;
}

/* `end`: where the run has read the input to. */
static enum source_outcome leave_input(struct source *source, uint64_t end)
{
    source->bytes_before_input += end -
                                  reader_beginning(&source->reader, source->reader.at);
    run_hash_end_input(&source->hash, source->reader.at);
    source->reader.at++;
    set_phase(source, PHASE_TURN);
    return SOURCE_MORE;
}

static enum source_outcome read_header(struct source *source)
{
    switch (header_read(&source->header, &source->reader)) {
    case HEADER_MORE:
        return SOURCE_MORE;
    case HEADER_WAITS:
        return SOURCE_WAITS;
    case HEADER_DONE:
        return begin_records(source);
    case HEADER_FAILED:
        break;
    }
    return SOURCE_FAILED;
}

static enum source_outcome check(struct source *source)
{
    size_t size;
    void *room = chunker_room(source->chunker, &size);
    switch (resume_check(&source->resume, &source->reader, &source->hash, room, size)) {
    case CHECK_MORE:
        return SOURCE_MORE;
    case CHECK_WAITS:
        return SOURCE_WAITS;
    case CHECK_INPUT_OVER:
        return leave_input(source, source->resume.checked);
    case CHECK_DONE:
        return begin_at_mark(source);
    case CHECK_FAILED:
        break;
    }
    return SOURCE_FAILED;
}

/* Reads into the chunker once. */
static enum source_outcome read_on(struct source *source)
{
    size_t size, got;
    void *room = chunker_room(source->chunker, &size);
    switch (reader_read(&source->reader, room, size, &got)) {
    case READER_BYTES:
        chunker_on_bytes(source->chunker, got);
        source->pending += got;
        return SOURCE_MORE;
    case READER_ENDED:
        chunker_on_end(source->chunker,
                       source->reader.at + 1 < source->reader.inputs.count);
        return SOURCE_MORE;
    case READER_WAITS:
        return SOURCE_WAITS;
    case READER_FAILED:
        break;
    }
    return SOURCE_FAILED;
}

/* ---- cutting ---- */

void source_set_block(struct source *source, uint64_t block_bytes)
{
    chunker_set_block(source->chunker, block_bytes);
}

static void set_mark(const struct source *source, struct chunk *chunk)
{
    struct input *input = &reader_item(&source->reader)->input;
    struct input_mark mark = {
        .offset = chunk->offset + chunk_input_length(chunk),
        .record = chunk->first_record + chunk->records,
        .hash = chunk->hash_after,
        .hash_before = source->hash.before,
        .input = chunk->input,
        .bytes = chunk->bytes_after,
    };
    if (input->connector)
        connector_input_cursor(input, mark.offset, mark.cursor);
    if (input->spool)
        spool_input_cursor(input, mark.cursor);
    chunk->mark_size = (uint8_t)input_mark_write(
        &mark, source_name(source, chunk->input), chunk->mark);
}

static enum source_outcome finish_chunk(struct source *source, struct chunk *chunk)
{
    chunk->input = source->reader.at;
    chunk->hash_before = stream_hash_value(&source->hash.stream);
    uint64_t length = chunk_input_length(chunk);
    stream_hash_add(&source->hash.stream, zmq_msg_data(&chunk->bytes), length);
    chunk->hash_after = stream_hash_value(&source->hash.stream);
    chunk->bytes_after = source->bytes_before_input + chunk->offset + length -
                         reader_beginning(&source->reader, chunk->input);
    set_mark(source, chunk);
    source->record = chunk->first_record + chunk->records;
    source->pending -= length;
    source->bytes += length;
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

/* With --header-out, results have a header: a table that is nothing but one must be a
 * chunk for its result to have it, too. */
static bool lacks_header_out(const struct source *source)
{
    return source->config.header_out > 0 && source->header.size > 0 &&
           !source->cut_any && source->reader.at == source->reader.inputs.count - 1;
}

/* With --whole-files, an empty file is a chunk like any other. */
static enum source_outcome end_input(struct source *source, struct chunk *ret_chunk)
{
    if (source->config.whole_files && !source->cut_some)
        return take_nothing(source, 1, ret_chunk);
    if (lacks_header_out(source))
        return take_nothing(source, 0, ret_chunk);
    return leave_input(source, chunker_offset(source->chunker));
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
        reader_fail(&source->reader, "%s: %s", reader_item(&source->reader)->name,
                    chunker_problem(source->chunker));
        return SOURCE_FAILED;
    case CHUNKER_HUNGRY:
        break;
    }
    enum source_outcome outcome = read_on(source);
    bool flushes = outcome == SOURCE_FAILED && !source->config.chunker.records;
    return flushes && source_flush(source, ret_chunk) ? SOURCE_CHUNK : outcome;
}

bool source_flush(struct source *source, struct chunk *ret_chunk)
{
    if (source->phase != PHASE_CUT)
        return false;
    enum chunker_outcome outcome = chunker_take(source->chunker, ret_chunk);
    if (outcome == CHUNKER_HUNGRY)
        outcome = chunker_take_early(source->chunker, ret_chunk);
    if (outcome == CHUNKER_CHUNK)
        finish_chunk(source, ret_chunk);
    return outcome == CHUNKER_CHUNK;
}

static enum source_outcome step(struct source *source, struct chunk *ret_chunk)
{
    switch (source->phase) {
    case PHASE_TURN:
        return turn(source);
    case PHASE_HEADER:
        return read_header(source);
    case PHASE_CHECK:
        return check(source);
    case PHASE_CUT:
        break;
    }
    return cut(source, ret_chunk);
}

enum source_outcome source_next(struct source *source, struct chunk *ret_chunk)
{
    for (int reads = 0;; reads++) {
        if (source->reader.error[0])
            return SOURCE_FAILED;
        enum source_outcome outcome = step(source, ret_chunk);
        if (outcome != SOURCE_MORE || reads == READS_MAX)
            return outcome;
    }
}

bool source_drain(struct source *source)
{
    struct input *input = &source->reader.inputs.items[0].input;
    if (!input->kind || !input->kind->drain)
        return false;
    input->kind->drain(input);
    return true;
}

void source_on_completed(struct source *source)
{
    struct input *input = &source->reader.inputs.items[0].input;
    if (input->kind && input->kind->completed)
        input->kind->completed(input);
}

void source_on_committed(struct source *source, const struct chunk *chunk)
{
    struct input *input = &source->reader.inputs.items[chunk->input].input;
    if (input->kind && input->kind->committed)
        input->kind->committed(input, (struct slice){chunk->mark, chunk->mark_size});
}
