/* SPDX-License-Identifier: MIT */
/* Bytes that come and go with a task; no decisions. */
#include "worker/work.h"

#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

static struct work *make(zmq_msg_t *payload, size_t offset, uint64_t length,
                         struct slice mark)
{
    struct work *work = allocate_zeroed(1, sizeof *work + mark.size);
    zmq_msg_init(&work->bytes);
    zmq_msg_copy(&work->bytes, payload);
    zmq_msg_init(&work->result);
    work->input = (struct slice){
        .data = (const uint8_t *)zmq_msg_data(&work->bytes) + offset,
        .size = length,
    };
    work->mark_size = (uint8_t)mark.size;
    if (work->mark_size)
        memcpy(work->mark, mark.data, work->mark_size);
    return work;
}

struct work *work_new(const struct task_entry *entry, zmq_msg_t *payload, size_t offset)
{
    struct work *work = make(payload, offset, entry->length, entry->mark);
    work->records = entry->records;
    work->limit_ms = entry->limit_ms;
    return work;
}

struct work *work_new_isolate(const struct message *message, zmq_msg_t *payload,
                              const struct parts_config *config)
{
    struct work *work =
        make(payload, 0, message->isolate.length, message->isolate.mark);
    work->limit_ms = message->isolate.limit_ms;
    work->parts = parts_new(message, work->input, config);
    return work;
}

void work_destroy(struct work **work_p)
{
    struct work *work = *work_p;
    if (!work)
        return;
    zmq_msg_close(&work->bytes);
    zmq_msg_close(&work->result);
    parts_destroy(&work->parts);
    free(work->text);
    free(work);
    *work_p = NULL;
}

static void drop_input(struct work *work)
{
    zmq_msg_close(&work->bytes);
    zmq_msg_init(&work->bytes);
    work->input = (struct slice){0};
}

static void finish(struct work *work, zmq_msg_t *result)
{
    drop_input(work);
    zmq_msg_move(&work->result, result);
    work->length = zmq_msg_size(&work->result);
}

static void fail(struct work *work, enum failure how, uint32_t code, struct slice text)
{
    drop_input(work);
    work->how = how;
    work->code = code;
    work->text_size = text.size < TEXT_MAX_BYTES ? text.size : TEXT_MAX_BYTES;
    free(work->text);
    work->text = allocate(work->text_size);
    if (work->text_size) /* the last bytes say most */
        memcpy(work->text, text.data + text.size - work->text_size, work->text_size);
}

static enum work_state next_part(struct work *work, struct slice *ret_input,
                                 uint64_t *ret_records)
{
    enum failure how;
    struct slice text;
    switch (parts_next(work->parts, ret_input, ret_records)) {
    case PARTS_RUN:
        return WORK_RUNS;
    case PARTS_DONE:
        zmq_msg_close(&work->result);
        parts_take(work->parts, &work->result, &work->length, &work->bad,
                   &work->bad_count);
        drop_input(work);
        return WORK_DONE;
    case PARTS_FAILED:
        break;
    }
    text = parts_failure(work->parts, &how);
    fail(work, how, 0, text);
    return WORK_FAILED;
}

enum work_state work_next(struct work *work, struct slice *ret_input,
                          uint64_t *ret_records)
{
    if (work->parts)
        return next_part(work, ret_input, ret_records);
    *ret_input = work->input;
    *ret_records = work->records;
    return WORK_RUNS;
}

enum work_state work_on_done(struct work *work, uint64_t run_us, zmq_msg_t *result)
{
    struct slice input;
    uint64_t records;
    work->run_us += run_us;
    if (!work->parts) {
        finish(work, result);
        return WORK_DONE;
    }
    parts_on_done(work->parts, zmq_msg_data(result), zmq_msg_size(result));
    return next_part(work, &input, &records);
}

enum work_state work_on_failed(struct work *work, uint64_t run_us, enum failure how,
                               uint32_t code, struct slice text)
{
    struct slice input;
    uint64_t records;
    work->run_us += run_us;
    if (!work->parts) {
        fail(work, how, code, text);
        return WORK_FAILED;
    }
    parts_on_failed(work->parts, how, code, text);
    return next_part(work, &input, &records);
}

struct slice work_mark(const struct work *work)
{
    return (struct slice){.data = work->mark, .size = work->mark_size};
}
