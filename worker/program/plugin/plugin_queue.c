/* SPDX-License-Identifier: MIT */
/* Tasks into the slot's shared memory, results out of it. */
#include "worker/program/plugin/plugin_queue.h"
#include "common/files/read_all_at.h"
#include "common/loan/loan_name.h"
#include "common/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALIGNMENT = 16 };

static size_t align(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void drop_loan(struct batch *batch)
{
    if (batch->loan)
        loan_drop(batch->loan);
    free(batch->copy);
    batch->loan = NULL;
    batch->copy = NULL;
}

int plugin_queue_open(struct plugin_queue *queue, int64_t now_us)
{
    int result = plugin_channel_create(&queue->channel);
    if (result < 0)
        return result;
    queue->head = queue->count = queue->given = 0;
    queue->batches_given = queue->batches_collected = 0;
    queue->collected_of_batch = 0;
    queue->collected = 0;
    queue->opened_at_us = now_us;
    atomic_store(&plugin_channel_control(&queue->channel)->worker, getpid());
    return 0;
}

bool plugin_queue_is_open(const struct plugin_queue *queue)
{
    return queue->channel.control.data;
}

void plugin_queue_close(struct plugin_queue *queue)
{
    if (!plugin_queue_is_open(queue))
        return;
    plugin_channel_close(&queue->channel);
    for (int i = 0; i < PLUGIN_CHANNEL_BATCHES; i++)
        drop_loan(&queue->batches[i]);
}

struct plugin_queue_task *plugin_queue_at(struct plugin_queue *queue, uint32_t index)
{
    return &queue->tasks[(queue->head + index) % PLUGIN_QUEUE_DEPTH];
}

void plugin_queue_push(struct plugin_queue *queue, const struct program_task *task)
{
    assert(queue->count < PLUGIN_QUEUE_DEPTH);
    *plugin_queue_at(queue, queue->count++) = (struct plugin_queue_task){.task = *task};
}

void plugin_queue_clear(struct plugin_queue *queue)
{
    assert(!plugin_queue_is_open(queue));
    queue->count = queue->given = 0;
}

/* Bytes that the next batch takes, and of how many tasks. */
static size_t measure_batch(struct plugin_queue *queue, uint32_t *ret_count)
{
    size_t bytes = 0;
    uint32_t count = 0;
    while (queue->given + count < queue->count && count < PLUGIN_CHANNEL_BATCH_MAX) {
        size_t size = align(
            program_task_size(&plugin_queue_at(queue, queue->given + count)->task));
        if (count > 0 && (bytes + size > PLUGIN_CHANNEL_INPUT_BYTES ||
                          bytes >= LOAN_LEAST || size >= LOAN_LEAST))
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
 * worker's until the task is off its ledger. Of an extent the slot is told where it is:
 * it reads the file itself, and this loop does not wait for a disk. */
static void fill_batch(struct plugin_queue *queue, struct plugin_channel_batch *shared,
                       struct shared_memory *input, uint32_t count)
{
    size_t offset = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct program_task *task =
            &plugin_queue_at(queue, queue->given + i)->task;
        shared->tasks[i] = (struct plugin_channel_task){
            .seq = task->seq,
            .records = task->records,
            .offset = offset,
            .size = program_task_size(task),
            .attempt = task->attempt,
            .file_fd = task->extent.fd,
            .file_serial = task->extent.serial,
            .file_device = task->extent.device,
            .file_inode = task->extent.inode,
            .file_offset = task->extent.offset,
            .file_size = task->extent.size,
            .file_at = offset + task->header.size,
        };
        copy(input->data + offset, &task->header);
        copy(input->data + offset + task->header.size + task->extent.size,
             &task->input);
        offset += align(program_task_size(task));
    }
    atomic_store_explicit(&shared->count, count, memory_order_relaxed);
}

/* Of a task that is long, its result mostly is, too. NULL: it goes as others do. */
static struct loan *loan_for(const struct program_task *task, struct lender *lender)
{
    return lender && !task->part && program_task_size(task) >= LOAN_LEAST
               ? lender_take(lender, program_task_size(task))
               : NULL;
}

static void give_batch(struct plugin_queue *queue, struct lender *lender)
{
    unsigned half = queue->batches_given % PLUGIN_CHANNEL_BATCHES;
    struct shared_memory *input = &queue->channel.input[half];
    uint32_t count;
    size_t bytes = measure_batch(queue, &count);
    if (shared_memory_grow(input, bytes) < 0)
        abort_out_of_memory();
    struct plugin_channel_control *control = plugin_channel_control(&queue->channel);
    fill_batch(queue, &control->batches[half], input, count);
    struct loan *loan = loan_for(&plugin_queue_at(queue, queue->given)->task, lender);
    control->batches[half].loan_fd = loan ? (uint32_t)loan_fd(loan) : 0;
    control->batches[half].loan_inode = loan ? loan_inode(loan) : 0;
    queue->batches[half] =
        (struct batch){.count = count, .input_bytes = bytes, .loan = loan};
    queue->given += count;
    atomic_store_explicit(&control->given, ++queue->batches_given,
                          memory_order_release);
}

bool plugin_queue_give(struct plugin_queue *queue, uint64_t max_result,
                       struct lender *lender)
{
    uint64_t before = queue->batches_given;
    if (queue->given == queue->count || !plugin_queue_is_open(queue))
        return false;
    atomic_store_explicit(&plugin_channel_control(&queue->channel)->max_result,
                          max_result, memory_order_relaxed);
    while (queue->given < queue->count &&
           queue->batches_given - queue->batches_collected < PLUGIN_CHANNEL_BATCHES)
        give_batch(queue, lender);
    if (queue->batches_given == before)
        return false;
    (void)eventfd_write(queue->channel.slot_bell, 1);
    return true;
}

bool plugin_queue_finished(const struct plugin_queue *queue, uint32_t *ret_count)
{
    *ret_count = 0;
    if (!plugin_queue_is_open(queue))
        return true;
    uint64_t ended = atomic_load_explicit(
        &plugin_channel_control(&queue->channel)->ended, memory_order_acquire);
    if (ended < queue->collected || ended - queue->collected > queue->given)
        return false;
    *ret_count = (uint32_t)(ended - queue->collected);
    return true;
}

/* It lies in the loan. */
static bool is_in_loan(const struct batch *batch,
                       const struct plugin_channel_result *result)
{
    struct stat status;
    return batch->loan && result->offset == LOAN_HEAD &&
           fstat(loan_fd(batch->loan), &status) == 0 &&
           result->size <= (uint64_t)status.st_size - LOAN_HEAD;
}

/* The result that is due, if it makes sense: it lies within the memory, and there is
 * such a verdict. A copy, because the slot may write to it at any time. */
static bool read_result(struct plugin_queue *queue,
                        struct plugin_channel_result *ret_result)
{
    unsigned half = queue->batches_collected % PLUGIN_CHANNEL_BATCHES;
    const struct plugin_channel_batch *shared =
        &plugin_channel_control(&queue->channel)->batches[half];
    const volatile struct plugin_channel_result *theirs =
        &shared->results[queue->collected_of_batch];
    struct plugin_channel_result result = {theirs->offset,
                                           theirs->size,
                                           theirs->run_us,
                                           theirs->verdict,
                                           theirs->code,
                                           theirs->in_loan,
                                           0};
    if (result.verdict < PLUGIN_CHANNEL_DONE ||
        result.verdict > PLUGIN_CHANNEL_UNREAD || result.offset > PTRDIFF_MAX ||
        result.size > PTRDIFF_MAX)
        return false;
    *ret_result = result;
    return result.in_loan ? is_in_loan(&queue->batches[half], &result)
                          : shared_memory_follow(&queue->channel.output[half],
                                                 result.offset + result.size);
}

/* Into batch->copy. */
static bool copy_loan(struct batch *batch, size_t size)
{
    batch->copy = allocate(size);
    return read_all_at(loan_fd(batch->loan), batch->copy, size, LOAN_HEAD);
}

/* False: the bytes are not there. */
static bool find_bytes(struct plugin_queue *queue,
                       const struct plugin_channel_result *result,
                       struct plugin_queue_bytes *ret_bytes)
{
    unsigned half = queue->batches_collected % PLUGIN_CHANNEL_BATCHES;
    struct batch *batch = &queue->batches[half];
    *ret_bytes = (struct plugin_queue_bytes){.data = NULL};
    if (!result->in_loan) {
        ret_bytes->data = queue->channel.output[half].data + result->offset;
        return true;
    }
    if (result->verdict == PLUGIN_CHANNEL_DONE && result->size >= LOAN_LEAST) {
        ret_bytes->loan = batch->loan;
        batch->loan = NULL;
        return true;
    }
    bool there = copy_loan(batch, result->size);
    ret_bytes->data = batch->copy;
    return there;
}

bool plugin_queue_take(struct plugin_queue *queue, uint64_t max_result, int64_t now_us,
                       struct plugin_queue_task *ret_task,
                       struct plugin_channel_result *ret_result,
                       struct plugin_queue_bytes *ret_bytes)
{
    struct plugin_channel_result result;
    if (!read_result(queue, &result))
        return false;
    if (result.verdict == PLUGIN_CHANNEL_DONE && result.size > max_result)
        result.verdict = PLUGIN_CHANNEL_TOO_LARGE;
    if (!find_bytes(queue, &result, ret_bytes))
        return false;
    uint64_t most_us = (uint64_t)(now_us - queue->opened_at_us);
    if (result.run_us > most_us)
        result.run_us = most_us;
    unsigned half = queue->batches_collected % PLUGIN_CHANNEL_BATCHES;
    struct batch *batch = &queue->batches[half];
    if (!result.in_loan && batch->output_bytes < result.offset + result.size)
        batch->output_bytes = result.offset + result.size;
    *ret_task = *plugin_queue_at(queue, 0);
    *ret_result = result;
    queue->head = (queue->head + 1) % PLUGIN_QUEUE_DEPTH;
    queue->count--;
    queue->given--;
    queue->collected++;
    queue->collected_of_batch++;
    return true;
}

void plugin_queue_release(struct plugin_queue *queue)
{
    unsigned half = queue->batches_collected % PLUGIN_CHANNEL_BATCHES;
    struct batch *batch = &queue->batches[half];
    if (queue->collected_of_batch < batch->count)
        return;
    drop_loan(batch);
    shared_memory_trim(&queue->channel.input[half], batch->input_bytes);
    shared_memory_trim(&queue->channel.output[half], batch->output_bytes);
    queue->batches_collected++;
    queue->collected_of_batch = 0;
}

void plugin_queue_acknowledge(struct plugin_queue *queue)
{
    struct plugin_channel_control *control = plugin_channel_control(&queue->channel);
    atomic_store(&control->collected, queue->collected);
    if (atomic_load(&control->waiting))
        (void)eventfd_write(queue->channel.slot_bell, 1);
}

uint64_t plugin_queue_begun(const struct plugin_queue *queue)
{
    return atomic_load_explicit(&plugin_channel_control(&queue->channel)->begun,
                                memory_order_acquire);
}

bool plugin_queue_running(struct plugin_queue *queue, uint32_t *ret_index)
{
    if (!plugin_queue_is_open(queue) || queue->given == 0)
        return false;
    uint64_t begun = plugin_queue_begun(queue);
    if (begun <= queue->collected || begun - queue->collected > queue->given)
        return false;
    *ret_index = (uint32_t)(begun - queue->collected - 1);
    return true;
}

int64_t plugin_queue_begun_at(const struct plugin_queue *queue, int64_t now_us)
{
    uint64_t begun_at_us = atomic_load_explicit(
        &plugin_channel_control(&queue->channel)->begun_at_us, memory_order_relaxed);
    if (begun_at_us > (uint64_t)now_us)
        return now_us;
    return (int64_t)begun_at_us > queue->opened_at_us ? (int64_t)begun_at_us
                                                      : queue->opened_at_us;
}

int64_t plugin_queue_limit_due(struct plugin_queue *queue, int64_t now_us)
{
    int64_t due_us = 0;
    uint32_t running;
    bool runs = plugin_queue_running(queue, &running);
    for (uint32_t i = 0; i < queue->given; i++) {
        const struct program_task *task = &plugin_queue_at(queue, i)->task;
        bool is_running = runs && i == running;
        int64_t from_us = is_running ? plugin_queue_begun_at(queue, now_us) : now_us;
        int64_t until_us = from_us + task->limit_ms * INT64_C(1000);
        if (task->limit_ms && (!due_us || until_us < due_us))
            due_us = until_us;
    }
    return due_us;
}
