/* SPDX-License-Identifier: MIT */
#include "ventilator/source/resume.h"

#include "ventilator/source/kinds/connector_input.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- where to resume ---- */

/* What the run calls the beginning of its first input. */
static uint64_t beginning_of_run(const struct reader *reader,
                                 const struct input_fingerprint *began)
{
    if (began->count > 1)
        return reader_beginning(reader, 0);
    return began->kind == SOURCE_KIND_FILE ? began->start : 0;
}

static bool read_mark(const struct reader *reader, struct slice bytes,
                      const struct input_fingerprint *began,
                      struct input_mark *ret_mark)
{
    uint64_t least = beginning_of_run(reader, began);
    *ret_mark = (struct input_mark){.offset = least};
    if (bytes.size == 0)
        return true;
    return input_mark_read(bytes, ret_mark) && ret_mark->input < began->count &&
           (ret_mark->input > 0 || ret_mark->offset >= least);
}

/* All before the mark's input is surely the same, and so is that one. */
static void jump(struct resume *resume, struct reader *reader, struct run_hash *hash)
{
    reader->at = (uint32_t)resume->mark.input;
    hash->before = resume->mark.hash_before;
    resume->seeks = reader_item(reader)->kind == SOURCE_KIND_FILE;
    resume->checks = !resume->seeks;
}

static bool may_stand(const struct resume *resume, struct reader *reader)
{
    struct input *input = &reader->inputs.items[0].input;
    if (input->connector && !connector_input_resume(input, resume->mark.cursor)) {
        reader_fail(reader,
                    "%s: cannot resume: the connector gave no cursor with what the "
                    "output has",
                    reader->inputs.items[0].name);
        return false;
    }
    if (reader->inputs.count == 1 && reader_item(reader)->kind == SOURCE_KIND_STREAM)
        return true;
    reader_fail(reader,
                "%s: --from-committed is for one input that is no file: the run finds "
                "its place in a file itself",
                reader->inputs.items[0].name);
    return false;
}

bool resume_begin(struct resume *resume, struct reader *reader, struct run_hash *hash,
                  struct slice mark, struct slice began, struct slice now)
{
    struct input_fingerprint then, here;
    char reason[256];
    const char *name = reader->inputs.items[0].name;
    if (!input_fingerprint_read(began, &then) ||
        !read_mark(reader, mark, &then, &resume->mark)) {
        reader_fail(reader,
                    "%s: cannot resume: the run began with another version of fanfold",
                    name);
        return false;
    }
    input_fingerprint_read(now, &here);
    enum input_match match =
        input_fingerprint_match(&then, &here, reason, sizeof reason);
    if (match == INPUT_OTHER) {
        reader_fail(reader, "%s: cannot resume: %s", name, reason);
        return false;
    }
    if (here.count == 1)
        reader->shift = beginning_of_run(reader, &then) - reader_beginning(reader, 0);
    bool connector = reader->inputs.items[0].input.connector;
    resume->stands = mark.size > 0 && (resume->stands || connector);
    if (resume->stands)
        return may_stand(resume, reader);
    if (match == INPUT_SAME && mark.size > 0)
        jump(resume, reader, hash);
    else
        resume->checks = mark.size > 0;
    return true;
}

/* These bytes were read on the way to the mark. */
static void keep_last(struct resume *resume, const uint8_t *bytes, size_t size)
{
    size_t keep = size < sizeof resume->before ? sizeof resume->before - size : 0;
    size_t fresh = sizeof resume->before - keep;
    memmove(resume->before, resume->before + fresh, keep);
    memcpy(resume->before + keep, bytes + size - fresh, fresh);
    resume->before_size += fresh;
    if (resume->before_size > sizeof resume->before)
        resume->before_size = sizeof resume->before;
}

/* `read`: bytes of the input in front of the mark. 0 or as input_list_reread. */
static int read_before(struct resume *resume, const struct reader *reader,
                       uint64_t read)
{
    uint8_t bytes[sizeof resume->before];
    size_t size = read < sizeof bytes ? (size_t)read : sizeof bytes;
    uint64_t from = reader_own_offset(reader, resume->mark.offset) - size;
    int result =
        size == 0 ? 0
                  : input_list_reread(&reader->inputs, reader->at, from, bytes, size);
    if (result == 0 && size > 0)
        keep_last(resume, bytes, size);
    return result;
}

struct slice resume_before(const struct resume *resume)
{
    return (struct slice){resume->before + sizeof resume->before - resume->before_size,
                          resume->before_size};
}

bool resume_seek(struct resume *resume, struct reader *reader, struct run_hash *hash)
{
    const struct named_input *item = reader_item(reader);
    const struct input_mark *mark = &resume->mark;
    uint64_t read = mark->offset - reader_beginning(reader, reader->at);
    int result = -ENODATA;
    if (read <= item->size - item->start)
        result = run_hash_seek(reader, &hash->stream, reader->at, mark->offset);
    if (result == 0)
        result = read_before(resume, reader, read);
    if (result < 0) {
        reader_fail(
            reader, "%s: cannot resume: %s at byte %" PRIu64 ", where the run stopped",
            item->name, result == -ENODATA ? "there is nothing" : strerror(-result),
            mark->offset);
        return false;
    }
    stream_hash_set(&hash->stream, mark->hash);
    reader_seek(reader, mark->offset);
    resume->seeks = false;
    return true;
}

/* Nobody has the bytes that the hash counts: from here on it is that of a run which was
 * resumed in this way. */
void resume_stand(struct resume *resume, struct reader *reader, struct run_hash *hash)
{
    stream_hash_seek(&hash->stream, resume->mark.offset);
    stream_hash_set(&hash->stream, resume->mark.hash);
    reader_seek(reader, resume->mark.offset);
    resume->stands = false;
}

/* ---- reading again what the run has read ---- */

static bool is_last_to_check(const struct resume *resume, const struct reader *reader)
{
    return reader->at == resume->mark.input;
}

/* All that the run has read was read again: is it the same? */
static enum check_outcome end_check(struct resume *resume, struct reader *reader,
                                    const struct run_hash *hash)
{
    const struct input_mark *mark = &resume->mark;
    if (resume->checked != mark->offset ||
        stream_hash_value(&hash->stream) != mark->hash) {
        reader_fail(reader,
                    "%s: cannot resume: it is not the input that the run began with "
                    "(it differs before byte %" PRIu64 ", where the run stopped)",
                    reader_item(reader)->name, mark->offset);
        return CHECK_FAILED;
    }
    resume->checks = false;
    return CHECK_DONE;
}

static enum check_outcome end_input(const struct resume *resume, struct reader *reader)
{
    if (!is_last_to_check(resume, reader))
        return CHECK_INPUT_OVER;
    reader_fail(reader,
                "%s: cannot resume: it is not the input that the run began with (it "
                "ends at byte %" PRIu64 ", and the run stopped at byte %" PRIu64 ")",
                reader_item(reader)->name, resume->checked, resume->mark.offset);
    return CHECK_FAILED;
}

enum check_outcome resume_check(struct resume *resume, struct reader *reader,
                                struct run_hash *hash, void *room, size_t size)
{
    if (is_last_to_check(resume, reader)) {
        if (resume->checked >= resume->mark.offset)
            return end_check(resume, reader, hash);
        uint64_t left = resume->mark.offset - resume->checked;
        if (size > left)
            size = (size_t)left;
    }
    size_t got;
    switch (reader_read(reader, room, size, &got)) {
    case READER_BYTES:
        break;
    case READER_WAITS:
        return CHECK_WAITS;
    case READER_ENDED:
        return end_input(resume, reader);
    case READER_FAILED:
        return CHECK_FAILED;
    }
    stream_hash_add(&hash->stream, room, got);
    keep_last(resume, room, got);
    resume->checked += got;
    return CHECK_MORE;
}
