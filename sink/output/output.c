/* SPDX-License-Identifier: MIT */
/*
 * A queue of results, and the kind of output to which they go. The queue is a ring of
 * entries: first those that are written and not yet told, then those that wait.
 */
#include "sink/output/output_state.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>

enum { ENTRIES_FIRST = 1024 };

struct output *output_new(const struct output_kind *kind, const char *name)
{
    struct output *output = allocate_zeroed(1, sizeof *output);
    output->kind = kind;
    output->fd = -1;
    output->limit = UINT64_MAX;
    output->name = allocate_text("%s", name);
    output->capacity = ENTRIES_FIRST;
    output->entries = allocate_zeroed(output->capacity, sizeof *output->entries);
    return output;
}

struct output_entry *output_entry_at(const struct output *output, size_t index)
{
    return &output->entries[(output->first + index) & (output->capacity - 1)];
}

void output_finish_entry(struct output *output)
{
    result_destroy(&output_entry_at(output, output->written)->result);
    output->written++;
}

static void drop_queue(struct output *output)
{
    for (size_t i = output->written; i < output->count; i++)
        result_destroy(&output_entry_at(output, i)->result);
    output->count = output->written;
}

int output_close(struct output **output_p)
{
    struct output *output = *output_p;
    if (!output)
        return 0;
    drop_queue(output);
    int error = output->kind->close(output);
    free(output->entries);
    free(output->name);
    free(output);
    *output_p = NULL;
    return error;
}

static void grow(struct output *output)
{
    size_t capacity = output->capacity * 2;
    struct output_entry *entries = allocate_zeroed(capacity, sizeof *entries);
    for (size_t i = 0; i < output->count; i++)
        entries[i] = *output_entry_at(output, i);
    free(output->entries);
    output->entries = entries;
    output->capacity = capacity;
    output->first = 0;
}

void output_shape(struct output *output, const struct output_shape *shape)
{
    assert(output->count == output->written);
    output->framing = shape->framing;
    output->kind->shape(output, shape);
}

void output_push(struct output *output, struct result *result)
{
    const struct frame frame = {.seq = result_seq(result),
                                .size = result_size(result),
                                .dead_letter = result_is_dead_letter(result)};
    if (output->count == output->capacity)
        grow(output);
    struct output_entry *entry = output_entry_at(output, output->count++);
    *entry = (struct output_entry){.seq = frame.seq,
                                   .size = UINT64_MAX,
                                   .result = result,
                                   .unseen = output->unseen};
    output->unseen = ++output->pushed;
    if (output->framer)
        return;
    entry->head_size = framing_head(output->framing, &frame, entry->head);
    entry->size = entry->head_size + frame.size;
}

int output_write(struct output *output)
{
    if (output->error == 0)
        output->error = output->kind->write(output);
    return output->error;
}

bool output_take_written(struct output *output, uint64_t *ret_seq)
{
    if (output->written == 0)
        return false;
    *ret_seq = output_entry_at(output, 0)->seq;
    output->whole += output_entry_at(output, 0)->size;
    output->first = (output->first + 1) & (output->capacity - 1);
    output->written--;
    output->count--;
    return true;
}

int output_descriptor(const struct output *output)
{
    return output->fd;
}

void output_fill_item(const struct output *output, zmq_pollitem_t *item)
{
    output->kind->fill_item(output, item);
}

bool output_waits(const struct output *output)
{
    return output->waits;
}

int output_check(struct output *output)
{
    if (output->error == 0)
        output->error = output->kind->check(output);
    return output->error;
}

void output_limit(struct output *output, uint64_t bytes)
{
    output->limit = bytes;
}

bool output_is_full(const struct output *output)
{
    return output->bytes >= output->limit && output->bytes == output->whole;
}

bool output_is_sent(const struct output *output)
{
    return output->kind->flush;
}

int output_flush(struct output *output, int limit_ms)
{
    return output->kind->flush ? output->kind->flush(output, limit_ms) : 1;
}

const char *output_receiver(const struct output *output, bool *ret_there)
{
    return output->kind->receiver ? output->kind->receiver(output, ret_there) : NULL;
}

uint64_t output_queued(const struct output *output)
{
    return output->count - output->written;
}

uint64_t output_bytes(const struct output *output)
{
    return output->bytes;
}

uint64_t output_whole_bytes(const struct output *output)
{
    return output->whole;
}

uint64_t output_earlier_bytes(const struct output *output)
{
    return output->earlier;
}

uint64_t output_found_bytes(const struct output *output)
{
    return output->found;
}

bool output_is_as_found(const struct output *output)
{
    return output->found > 0 && !output->cleared;
}

const char *output_name(const struct output *output)
{
    return output->name;
}

bool output_is_regular(const struct output *output)
{
    return output->regular;
}

bool output_is_owned(const struct output *output)
{
    return output->owned;
}

/* Entries that were never looked at are a chain through `unseen`, the last one first.
 * Where it comes to one that is being written, or is no more, it has no other. */
int output_spill(struct output *output, const struct result_memory *memory,
                 uint64_t memory_bytes)
{
    uint64_t before_first = output->pushed - output->count;
    uint64_t busy = before_first + output->written + output->framed + 1;
    int error = 0;
    while (output->unseen > busy && error == 0 &&
           result_memory_bytes(memory) > memory_bytes) {
        const struct output_entry *entry =
            output_entry_at(output, (size_t)(output->unseen - before_first - 1));
        if (result_spillable(entry->result))
            error = result_spill(entry->result);
        output->unseen = entry->unseen;
    }
    return error;
}
