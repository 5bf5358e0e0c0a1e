/* SPDX-License-Identifier: MIT */
/*
 * Marks, and going on with a run. A mark is the name of the input, where there are
 * several, as mark_input has it (1 byte, how long it is, and its bytes); 1 byte (which
 * form: 4); then five little-endian u64: the offset after the chunk in its input, the
 * number of the record that starts there, the hash of all input before it, back to
 * where the run began, that of all before its input, and which input that is.
 *
 * Inputs that are surely the same are not read again but for the one in which the run
 * stood: a file is sought, and what is decompressed is dropped up to there. From all
 * else, what the run has read is read again and dropped, from the first input on. It
 * goes on where the hash is that of the mark.
 */
#include "ventilator/source_state.h"

#include "common/memory.h"
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Sizes are without the name. */
enum { MARK_FORM = 4, MARK_NUMBERS = 5, MARK_SIZE = 2 + 8 * MARK_NUMBERS };
enum { INPUT_NAME_MAX = CHUNK_MARK_MAX - MARK_SIZE };

static_assert(INPUT_NAME_MAX >= 100, "a mark has room for a name");

/* ---- marks ---- */

/* Of a long one the end, which tells it from others. Returns how many bytes. */
static size_t put_name(const char *name, uint8_t *to)
{
    static const char more[] = "...";
    size_t size = name ? strlen(name) : 0, cut = strlen(more);
    if (size <= INPUT_NAME_MAX) {
        memcpy(to, name ? name : "", size);
        return size;
    }
    memcpy(to, more, cut);
    memcpy(to + cut, name + size - (INPUT_NAME_MAX - cut), INPUT_NAME_MAX - cut);
    return INPUT_NAME_MAX;
}

void source_mark(const struct source *source, struct chunk *chunk)
{
    uint64_t numbers[MARK_NUMBERS] = {
        htole64(chunk->offset + chunk->length),
        htole64(chunk->first_record + chunk->records),
        htole64(chunk->hash_after),
        htole64(source->hash_before),
        htole64(chunk->input),
    };
    size_t name_size = put_name(source_name(source, chunk->input), chunk->mark + 1);
    uint8_t *own = chunk->mark + 1 + name_size;
    chunk->mark[0] = (uint8_t)name_size;
    own[0] = MARK_FORM;
    memcpy(own + 1, numbers, sizeof numbers);
    chunk->mark_size = (uint8_t)(MARK_SIZE + name_size);
}

/* What the run calls the beginning of its first input. */
static uint64_t beginning_of_run(const struct source *source,
                                 const struct source_identity *began)
{
    if (began->count > 1)
        return source_beginning(source, 0);
    return began->kind == SOURCE_KIND_FILE ? began->start : 0;
}

/* An empty one is the start of the run. */
static bool read_mark(const struct source *source, struct slice bytes,
                      const struct source_identity *began, struct mark *ret_mark)
{
    uint64_t numbers[MARK_NUMBERS];
    *ret_mark = (struct mark){.offset = beginning_of_run(source, began)};
    if (bytes.size == 0)
        return true;
    size_t name_size = mark_input(bytes).size;
    const uint8_t *own = bytes.data + 1 + name_size;
    if (bytes.size != MARK_SIZE + name_size || own[0] != MARK_FORM)
        return false;
    memcpy(numbers, own + 1, sizeof numbers);
    uint64_t least = ret_mark->offset;
    *ret_mark = (struct mark){.offset = le64toh(numbers[0]),
                              .record = le64toh(numbers[1]),
                              .hash = le64toh(numbers[2]),
                              .hash_before = le64toh(numbers[3]),
                              .input = le64toh(numbers[4])};
    return ret_mark->input < began->count &&
           (ret_mark->input > 0 || ret_mark->offset >= least);
}

/* ---- the hash ---- */

/* Of the end of one input, the hash of all before the next. */
uint64_t source_hash_of_next(const struct source *source)
{
    uint64_t before = htole64(source_hash_value(&source->hash));
    return XXH3_64bits_withSeed(&before, sizeof before, source->at + 1);
}

void source_begin_hash(struct source *source)
{
    source_hash_seek(&source->hash, 0);
    source_hash_set(&source->hash, source->hash_before);
}

int source_hash_until(const struct source *source, struct source_hash *hash,
                      uint32_t input, uint64_t offset)
{
    uint64_t beginning = source_beginning(source, input);
    size_t size = source_hash_seek(hash, offset - beginning);
    if (size == 0)
        return 0;
    uint8_t *bytes = allocate(size);
    int result = inputs_reread(&source->inputs, input,
                               source_own_offset(source, offset) - size, bytes, size);
    if (result == 0)
        source_hash_add(hash, bytes, size);
    free(bytes);
    return result;
}

/* ---- where it goes on ---- */

/* What there is to read from `mark` on, if that is known. */
static uint64_t count_total(const struct source *source, const struct mark *mark)
{
    uint64_t total = 0;
    if (!inputs_are_files(&source->inputs))
        return 0;
    for (uint32_t i = (uint32_t)mark->input; i < source->inputs.count; i++)
        total += source->inputs.items[i].size - source->inputs.items[i].start;
    uint64_t read = mark->offset - source_beginning(source, (uint32_t)mark->input);
    return total > read ? total - read : 0;
}

/* All before this input is surely the same, and so is this one. */
static void jump(struct source *source)
{
    source->at = (uint32_t)source->goes_on.input;
    source->hash_before = source->goes_on.hash_before;
    if (source_item(source)->kind == SOURCE_KIND_FILE)
        source->seeks = true;
    else
        source->checks = true;
}

bool source_start(struct source *source, struct slice mark, struct slice input)
{
    struct source_identity began, now;
    char reason[256];
    if (mark.size == 0 && input.size == 0)
        return true;
    const char *name = source->inputs.items[0].name;
    if (!source_identity_read(input, &began) ||
        !read_mark(source, mark, &began, &source->goes_on)) {
        source_fail(source,
                    "%s: cannot go on: the run began with another version of fanfold",
                    name);
        return false;
    }
    source_identity_read(source_input(source), &now);
    enum source_match match =
        source_identity_match(&began, &now, reason, sizeof reason);
    if (match == SOURCE_OTHER) {
        source_fail(source, "%s: cannot go on: %s", name, reason);
        return false;
    }
    if (now.count == 1)
        source->shift = beginning_of_run(source, &began) - source_beginning(source, 0);
    source->cut_any = mark.size > 0;
    source->record = source->goes_on.record;
    source->total = count_total(source, &source->goes_on);
    if (match == SOURCE_SAME && mark.size > 0)
        jump(source);
    else
        source->checks = mark.size > 0;
    return true;
}

static void begin_cutting(struct source *source)
{
    chunker_start(source->chunker, source->goes_on.offset, source->goes_on.record);
    source->cut_some = true;
    source->phase = PHASE_CUT;
}

static enum source_outcome seek(struct source *source)
{
    struct named_input *item = source_item(source);
    const struct mark *mark = &source->goes_on;
    uint64_t read = mark->offset - source_beginning(source, source->at);
    int result = -ENODATA;
    if (read <= item->size - item->start)
        result = source_hash_until(source, &source->hash, source->at, mark->offset);
    if (result < 0)
        return source_fail(
            source, "%s: cannot go on: %s at byte %" PRIu64 ", where the run stood",
            item->name, result == -ENODATA ? "there is nothing" : strerror(-result),
            mark->offset);
    source_hash_set(&source->hash, mark->hash);
    item->input.offset = source_own_offset(source, mark->offset);
    source->ahead_size = source->ahead_used = 0;
    source->seeks = false;
    begin_cutting(source);
    return SOURCE_MORE;
}

enum source_outcome source_begin_records(struct source *source)
{
    uint64_t beginning = source_beginning(source, source->at);
    if (source->seeks)
        return seek(source);
    source_hash_header(source);
    source->phase = source->checks ? PHASE_CHECK : PHASE_CUT;
    source->checked = beginning + source->ahead_used;
    if (!source->checks) {
        source->bytes += source->ahead_used;
        chunker_start(source->chunker, source->checked, source->record);
    }
    return SOURCE_MORE;
}

/* ---- what the run has read is read again ---- */

static bool is_last_to_check(const struct source *source)
{
    return source->at == source->goes_on.input;
}

/* All that the run has read was read again: is it the same? */
static enum source_outcome end_check(struct source *source)
{
    const struct mark *mark = &source->goes_on;
    if (source->checked != mark->offset ||
        source_hash_value(&source->hash) != mark->hash)
        return source_fail(
            source,
            "%s: cannot go on: it is not the input that the run began with (it differs "
            "before byte %" PRIu64 ", where the run stood)",
            source_item(source)->name, mark->offset);
    source->checks = false;
    begin_cutting(source);
    return SOURCE_MORE;
}

/* An input ends while it is checked. */
static enum source_outcome end_input(struct source *source)
{
    if (is_last_to_check(source))
        return source_fail(
            source,
            "%s: cannot go on: it is not the input that the run began with (it ends at "
            "byte %" PRIu64 ", and the run stood at byte %" PRIu64 ")",
            source_item(source)->name, source->checked, source->goes_on.offset);
    source->hash_before = source_hash_of_next(source);
    source->at++;
    source->phase = PHASE_TURN;
    return SOURCE_MORE;
}

enum source_outcome source_check_on(struct source *source)
{
    void *bytes;
    uint64_t most = UINT64_MAX;
    if (is_last_to_check(source)) {
        if (source->checked >= source->goes_on.offset)
            return end_check(source);
        most = source->goes_on.offset - source->checked;
    }
    ssize_t got = source_read_some(source, most, &bytes);
    if (got == -EAGAIN)
        return SOURCE_WAITS;
    if (got < 0)
        return source_fail_to_read(source, (int)-got);
    if (got == 0)
        return end_input(source);
    source_hash_add(&source->hash, bytes, (size_t)got);
    source->checked += (uint64_t)got;
    return SOURCE_MORE;
}
