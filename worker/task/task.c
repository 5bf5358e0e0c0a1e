/* SPDX-License-Identifier: MIT */
/* Keeps the bytes; decides nothing. */
#include "worker/task/task.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 200 }; /* of a sentence of ours */

static const char CHANGED[] = "the file that has the chunk has changed meanwhile";

static struct task *make(zmq_msg_t *payload, size_t offset, uint64_t length,
                         struct slice mark)
{
    struct task *task = allocate_zeroed(1, sizeof *task + mark.size);
    zmq_msg_init(&task->bytes);
    zmq_msg_copy(&task->bytes, payload);
    zmq_msg_init(&task->result);
    task->input = (struct slice){
        .data = (const uint8_t *)zmq_msg_data(&task->bytes) + offset,
        .size = length,
    };
    task->mark_size = (uint8_t)mark.size;
    if (task->mark_size)
        memcpy(task->mark, mark.data, task->mark_size);
    return task;
}

struct task *task_new(const struct task_entry *entry, zmq_msg_t *payload, size_t offset)
{
    struct task *task = make(payload, offset, entry->length, entry->mark);
    task->records = entry->records;
    task->limit_ms = entry->limit_ms;
    return task;
}

struct task *task_new_by_reference(const struct task_entry *entry, zmq_msg_t *payload,
                                   size_t offset, struct chunk_files *files)
{
    struct task *task = task_new(entry, payload, offset);
    task->extents = chunk_extents_open(task->input, files);
    task->input = (struct slice){0};
    return task;
}

struct task *task_new_isolate(const struct message *message, zmq_msg_t *payload,
                              const struct part_run_config *config)
{
    struct task *task =
        make(payload, 0, message->isolate.length, message->isolate.mark);
    task->limit_ms = message->isolate.limit_ms;
    task->part_run = part_run_new(message, task->input, config);
    return task;
}

void task_destroy(struct task **task_p)
{
    struct task *task = *task_p;
    if (!task)
        return;
    zmq_msg_close(&task->bytes);
    zmq_msg_close(&task->result);
    part_run_destroy(&task->part_run);
    chunk_extents_close(&task->extents);
    free(task->text);
    free(task->stripped);
    free(task);
    *task_p = NULL;
}

static void drop_input(struct task *task)
{
    free(task->stripped);
    task->stripped = NULL;
    zmq_msg_close(&task->bytes);
    zmq_msg_init(&task->bytes);
    task->input = (struct slice){0};
    chunk_extents_close(&task->extents);
    task->extent = (struct file_extent){.size = 0};
}

static void finish(struct task *task, zmq_msg_t *result, uint64_t lent)
{
    drop_input(task);
    zmq_msg_move(&task->result, result);
    task->lent = lent > 0;
    task->length = lent ? lent : zmq_msg_size(&task->result);
}

static void fail(struct task *task, enum failure cause, uint32_t code,
                 struct slice text)
{
    drop_input(task);
    task->cause = cause;
    task->code = code;
    task->text_size = text.size < TEXT_MAX_BYTES ? text.size : TEXT_MAX_BYTES;
    free(task->text);
    task->text = allocate(task->text_size);
    if (task->text_size) /* the end says most */
        memcpy(task->text, text.data + text.size - task->text_size, task->text_size);
}

static enum task_state next_part(struct task *task, struct slice *ret_input,
                                 uint64_t *ret_records)
{
    enum failure cause;
    uint32_t code;
    struct slice text;
    switch (part_run_next(task->part_run, ret_input, ret_records)) {
    case PART_RUN_RUNS:
        return TASK_RUNS;
    case PART_RUN_DONE:
        zmq_msg_close(&task->result);
        part_run_take(task->part_run, &task->result, &task->length, &task->bad,
                      &task->bad_count);
        drop_input(task);
        return TASK_DONE;
    case PART_RUN_FAILED:
        break;
    }
    text = part_run_failure(task->part_run, &cause, &code);
    fail(task, cause, code, text);
    return TASK_FAILED;
}

/* Into memory, in place of the reference. */
static bool read_chunk(struct task *task)
{
    zmq_msg_t bytes;
    if (!chunk_extents_read(task->extents, &bytes))
        return false;
    zmq_msg_move(&task->bytes, &bytes);
    zmq_msg_close(&bytes);
    task->input =
        (struct slice){zmq_msg_data(&task->bytes), zmq_msg_size(&task->bytes)};
    chunk_extents_close(&task->extents);
    return true;
}

/* The chunk is what was sent, as far as one can tell before it runs. */
static bool find_chunk(struct task *task)
{
    if (!task->extents)
        return true;
    if (task->direct && task->strip == STRIP_FRAME_NOT &&
        chunk_extents_are_plain(task->extents, &task->extent, &task->input))
        return chunk_extents_hold(task->extents);
    return read_chunk(task);
}

static enum task_state next_run(struct task *task, struct slice *ret_input,
                                uint64_t *ret_records)
{
    if (task->part_run)
        return next_part(task, ret_input, ret_records);
    if (!find_chunk(task)) {
        task_refuse_reference(task, CHANGED);
        return TASK_FAILED;
    }
    *ret_input = task->input;
    *ret_records = task->records;
    return TASK_RUNS;
}

enum task_state task_next(struct task *task, struct slice *ret_input,
                          uint64_t *ret_records)
{
    char text[TEXT_MAX];
    const char *reason;
    enum task_state state = next_run(task, ret_input, ret_records);
    while (state == TASK_RUNS &&
           (reason = strip_frame(task->strip, *ret_input, &task->stripped, ret_input,
                                 text, sizeof text))) {
        state = task_on_failed(task, 0, FAILURE_PROTOCOL, 0, slice_of_text(reason));
        if (state == TASK_RUNS)
            state = next_run(task, ret_input, ret_records);
    }
    return state;
}

/* What the program read was perhaps not the chunk. */
static bool was_misread(const struct task *task)
{
    return task->extents && !chunk_extents_hold(task->extents);
}

enum task_state task_on_done(struct task *task, uint64_t run_us, zmq_msg_t *result,
                             uint64_t lent)
{
    struct slice input;
    uint64_t records;
    task->run_us += run_us;
    if (was_misread(task)) {
        task_refuse_reference(task, CHANGED);
        return TASK_FAILED;
    }
    if (!task->part_run) {
        finish(task, result, lent);
        return TASK_DONE;
    }
    assert(!lent);
    part_run_on_done(task->part_run, zmq_msg_data(result), zmq_msg_size(result));
    return next_part(task, &input, &records);
}

enum task_state task_on_failed(struct task *task, uint64_t run_us, enum failure cause,
                               uint32_t code, struct slice text)
{
    struct slice input;
    uint64_t records;
    task->run_us += run_us;
    if (was_misread(task)) {
        task_refuse_reference(task, CHANGED);
        return TASK_FAILED;
    }
    if (!task->part_run) {
        fail(task, cause, code, text);
        return TASK_FAILED;
    }
    part_run_on_failed(task->part_run, cause, code, text);
    return next_part(task, &input, &records);
}

void task_refuse_kind(struct task *task, uint32_t kind)
{
    fail(task, FAILURE_KIND, kind,
         slice_of_text("this worker does not know this kind of task"));
}

void task_refuse_reference(struct task *task, const char *reason)
{
    fail(task, FAILURE_REFERENCE, 0, slice_of_text(reason));
}

void task_refuse_damaged(struct task *task)
{
    fail(task, FAILURE_PROTOCOL, 0,
         slice_of_text("the chunk came to the worker damaged: its compressed bytes are "
                       "not what the ventilator sent"));
}

struct slice task_mark(const struct task *task)
{
    return (struct slice){.data = task->mark, .size = task->mark_size};
}

uint64_t task_waited_us(const struct task *task)
{
    return task->started_us > task->received_us
               ? (uint64_t)(task->started_us - task->received_us)
               : 0;
}

uint64_t task_kept_us(const struct task *task, int64_t now_us)
{
    return task->ended_us && now_us > task->ended_us
               ? (uint64_t)(now_us - task->ended_us)
               : 0;
}
