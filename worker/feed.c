/* SPDX-License-Identifier: MIT */
/* Tasks into the slot's shared memory, results out of it. */
#include "worker/feed.h"
#include "common/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

enum { ALIGNMENT = 16 };

static size_t align(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

int feed_open(struct feed *feed, int64_t now_us)
{
    int result = channel_create(&feed->channel);
    if (result < 0)
        return result;
    feed->head = feed->count = feed->given = 0;
    feed->batches_given = feed->batches_collected = 0;
    feed->collected_of_batch = 0;
    feed->collected = 0;
    feed->opened_at_us = now_us;
    return 0;
}

bool feed_is_open(const struct feed *feed)
{
    return feed->channel.control.data;
}

void feed_close(struct feed *feed)
{
    if (feed_is_open(feed))
        channel_close(&feed->channel);
}

struct queued_task *feed_at(struct feed *feed, uint32_t index)
{
    return &feed->tasks[(feed->head + index) % FEED_DEPTH];
}

void feed_push(struct feed *feed, const struct program_task *task)
{
    assert(feed->count < FEED_DEPTH);
    *feed_at(feed, feed->count++) = (struct queued_task){.task = *task};
}

void feed_clear(struct feed *feed)
{
    assert(!feed_is_open(feed));
    feed->count = feed->given = 0;
}

static size_t size_of(const struct program_task *task)
{
    return task->header.size + task->input.size;
}

/* Bytes that the next batch takes, and of how many tasks. */
static size_t measure_batch(struct feed *feed, uint32_t *ret_count)
{
    size_t bytes = 0;
    uint32_t count = 0;
    while (feed->given + count < feed->count && count < CHANNEL_BATCH_MAX) {
        size_t size = align(size_of(&feed_at(feed, feed->given + count)->task));
        if (count > 0 && bytes + size > CHANNEL_INPUT_BYTES)
            break;
        bytes += size;
        count++;
    }
    *ret_count = count;
    return bytes;
}

static void copy(uint8_t *to, const struct slice *slice)
{
    if (slice->size > 0)
        memcpy(to, slice->data, slice->size);
}

/* Copied, because the slot has no other way to see it; the message it lies in is the
 * worker's until the task is off its ledger. */
static void fill_batch(struct feed *feed, struct channel_batch *shared,
                       struct area *input, uint32_t count)
{
    size_t offset = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct program_task *task = &feed_at(feed, feed->given + i)->task;
        shared->tasks[i] = (struct channel_task){
            .seq = task->seq,
            .records = task->records,
            .offset = offset,
            .size = size_of(task),
            .attempt = task->attempt,
        };
        copy(input->data + offset, &task->header);
        copy(input->data + offset + task->header.size, &task->input);
        offset += align(size_of(task));
    }
    atomic_store_explicit(&shared->count, count, memory_order_relaxed);
}

static void give_batch(struct feed *feed)
{
    unsigned half = feed->batches_given % CHANNEL_BATCHES;
    struct area *input = &feed->channel.input[half];
    uint32_t count;
    size_t bytes = measure_batch(feed, &count);
    if (area_grow(input, bytes) < 0)
        abort_out_of_memory();
    struct channel_control *control = channel_control(&feed->channel);
    fill_batch(feed, &control->batches[half], input, count);
    feed->batches[half] = (struct batch){.count = count, .input_bytes = bytes};
    feed->given += count;
    atomic_store_explicit(&control->given, ++feed->batches_given, memory_order_release);
}

bool feed_give(struct feed *feed, uint64_t max_result)
{
    uint64_t before = feed->batches_given;
    if (feed->given == feed->count || !feed_is_open(feed))
        return false;
    atomic_store_explicit(&channel_control(&feed->channel)->max_result, max_result,
                          memory_order_relaxed);
    while (feed->given < feed->count &&
           feed->batches_given - feed->batches_collected < CHANNEL_BATCHES)
        give_batch(feed);
    if (feed->batches_given == before)
        return false;
    (void)eventfd_write(feed->channel.slot_bell, 1);
    return true;
}

bool feed_finished(const struct feed *feed, uint32_t *ret_count)
{
    *ret_count = 0;
    if (!feed_is_open(feed))
        return true;
    uint64_t ended = atomic_load_explicit(&channel_control(&feed->channel)->ended,
                                          memory_order_acquire);
    if (ended < feed->collected || ended - feed->collected > feed->given)
        return false;
    *ret_count = (uint32_t)(ended - feed->collected);
    return true;
}

/* The result that is due, as far as it makes sense: within the area, of a kind that
 * there is. A copy, because the slot may write to it at any time. */
static bool read_result(struct feed *feed, struct channel_result *ret_result)
{
    unsigned half = feed->batches_collected % CHANNEL_BATCHES;
    const struct channel_batch *shared =
        &channel_control(&feed->channel)->batches[half];
    const volatile struct channel_result *theirs =
        &shared->results[feed->collected_of_batch];
    struct channel_result result = {theirs->offset, theirs->size, theirs->run_us,
                                    theirs->verdict, theirs->code};
    if (result.verdict < CHANNEL_DONE || result.verdict > CHANNEL_OVERRUN ||
        result.offset > PTRDIFF_MAX || result.size > PTRDIFF_MAX ||
        !area_follow(&feed->channel.output[half], result.offset + result.size))
        return false;
    *ret_result = result;
    return true;
}

bool feed_take(struct feed *feed, uint64_t max_result, int64_t now_us,
               struct queued_task *ret_task, struct channel_result *ret_result,
               const uint8_t **ret_data)
{
    struct channel_result result;
    if (!read_result(feed, &result))
        return false;
    if (result.verdict == CHANNEL_DONE && result.size > max_result)
        result.verdict = CHANNEL_TOO_LARGE;
    uint64_t most_us = (uint64_t)(now_us - feed->opened_at_us);
    if (result.run_us > most_us)
        result.run_us = most_us;
    unsigned half = feed->batches_collected % CHANNEL_BATCHES;
    struct batch *batch = &feed->batches[half];
    if (batch->output_bytes < result.offset + result.size)
        batch->output_bytes = result.offset + result.size;
    *ret_task = *feed_at(feed, 0);
    *ret_result = result;
    *ret_data = feed->channel.output[half].data + result.offset;
    feed->head = (feed->head + 1) % FEED_DEPTH;
    feed->count--;
    feed->given--;
    feed->collected++;
    feed->collected_of_batch++;
    return true;
}

void feed_release(struct feed *feed)
{
    unsigned half = feed->batches_collected % CHANNEL_BATCHES;
    const struct batch *batch = &feed->batches[half];
    if (feed->collected_of_batch < batch->count)
        return;
    area_rest(&feed->channel.input[half], batch->input_bytes);
    area_rest(&feed->channel.output[half], batch->output_bytes);
    feed->batches_collected++;
    feed->collected_of_batch = 0;
}

void feed_acknowledge(struct feed *feed)
{
    struct channel_control *control = channel_control(&feed->channel);
    atomic_store(&control->collected, feed->collected);
    if (atomic_load(&control->waiting))
        (void)eventfd_write(feed->channel.slot_bell, 1);
}

uint64_t feed_begun(const struct feed *feed)
{
    return atomic_load_explicit(&channel_control(&feed->channel)->begun,
                                memory_order_acquire);
}

bool feed_running(struct feed *feed, uint32_t *ret_index)
{
    if (!feed_is_open(feed) || feed->given == 0)
        return false;
    uint64_t begun = feed_begun(feed);
    if (begun <= feed->collected || begun - feed->collected > feed->given)
        return false;
    *ret_index = (uint32_t)(begun - feed->collected - 1);
    return true;
}

int64_t feed_begun_at(const struct feed *feed, int64_t now_us)
{
    uint64_t begun_at_us = atomic_load_explicit(
        &channel_control(&feed->channel)->begun_at_us, memory_order_relaxed);
    if (begun_at_us > (uint64_t)now_us)
        return now_us;
    return (int64_t)begun_at_us > feed->opened_at_us ? (int64_t)begun_at_us
                                                     : feed->opened_at_us;
}

int64_t feed_limit_due(struct feed *feed, int64_t now_us)
{
    int64_t due_us = 0;
    uint32_t running;
    bool runs = feed_running(feed, &running);
    for (uint32_t i = 0; i < feed->given; i++) {
        const struct program_task *task = &feed_at(feed, i)->task;
        bool is_running = runs && i == running;
        int64_t from_us = is_running ? feed_begun_at(feed, now_us) : now_us;
        int64_t until_us = from_us + task->limit_ms * INT64_C(1000);
        if (task->limit_ms && (!due_us || until_us < due_us))
            due_us = until_us;
    }
    return due_us;
}
