/* SPDX-License-Identifier: MIT */
/* Bytes that come and go with a task; no decisions. */
#include "worker/work.h"

#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

struct work *work_new(const struct task_entry *entry, zmq_msg_t *payload, size_t offset)
{
    struct work *work = allocate_zeroed(1, sizeof *work + entry->mark.size);
    work->records = entry->records;
    work->limit_ms = entry->limit_ms;
    zmq_msg_init(&work->bytes);
    zmq_msg_copy(&work->bytes, payload);
    zmq_msg_init(&work->result);
    work->input = (struct slice){
        .data = (const uint8_t *)zmq_msg_data(&work->bytes) + offset,
        .size = entry->length,
    };
    work->mark_size = (uint8_t)entry->mark.size;
    if (work->mark_size)
        memcpy(work->mark, entry->mark.data, work->mark_size);
    return work;
}

void work_destroy(struct work **work_p)
{
    struct work *work = *work_p;
    if (!work)
        return;
    zmq_msg_close(&work->bytes);
    zmq_msg_close(&work->result);
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

void work_finish(struct work *work, zmq_msg_t *result)
{
    drop_input(work);
    zmq_msg_move(&work->result, result);
}

void work_fail(struct work *work, enum failure how, uint32_t code, struct slice text)
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

struct slice work_mark(const struct work *work)
{
    return (struct slice){.data = work->mark, .size = work->mark_size};
}
