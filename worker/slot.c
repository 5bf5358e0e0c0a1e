/* SPDX-License-Identifier: MIT */
/*
 * A slot's loop. It rings the worker's bell when a batch is at its end, and after a
 * task when the last ring was a millisecond ago; results before a task that takes long
 * are found by the worker, which looks after a while (plugin.c). It has no other end
 * than being killed.
 */
#include "worker/slot.h"
#include "common/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { RING_AFTER_US = 1000, ALIGNMENT = 16, MESSAGE_BYTES = 4096 };

struct slot {
    const struct fanfold_plugin *plugin;
    void *state;
    uint32_t number;
    pid_t pid; /* the slot's own; a child that `process` forked has another */
    struct channel *channel;
    struct channel_control *control;
    uint64_t batch; /* the one at hand, counted from 0 */
    uint64_t begun; /* tasks, counted here because what is shared may be overwritten */
    size_t used;    /* bytes of the batch's output area */
    int64_t rang_at_us;
    bool too_large; /* the task at hand wanted too much */
};

static struct area *output_area(struct slot *slot)
{
    return &slot->channel->output[slot->batch % CHANNEL_BATCHES];
}

static void ring(struct slot *slot, int64_t now_us)
{
    (void)eventfd_write(slot->channel->worker_bell, 1);
    slot->rang_at_us = now_us;
}

static void await_bell(struct slot *slot)
{
    eventfd_t count;
    if (eventfd_read(slot->channel->slot_bell, &count) < 0 && errno != EINTR)
        abort(); /* the plugin closed what was not its own */
}

static int grow_output(struct fanfold_output *output, size_t capacity)
{
    struct slot *slot = output->host;
    struct area *area = output_area(slot);
    uint64_t most =
        atomic_load_explicit(&slot->control->max_result, memory_order_relaxed);
    if (capacity > most || capacity > PTRDIFF_MAX - slot->used ||
        area_grow(area, slot->used + capacity) < 0) {
        slot->too_large = true;
        return -1;
    }
    output->data = area->data + slot->used;
    output->capacity = area->mapped - slot->used;
    return 0;
}

/* So that a batch of chunks with long results does not take memory without end. */
static void await_collected(struct slot *slot)
{
    struct channel_control *control = slot->control;
    if (slot->used < CHANNEL_OUTPUT_BYTES)
        return;
    atomic_store(&control->waiting, 1);
    ring(slot, clock_now_us());
    while (atomic_load(&control->collected) < slot->begun)
        await_bell(slot);
    atomic_store(&control->waiting, 0);
    slot->used = 0;
}

static void put_message(struct slot *slot, const char *text,
                        struct channel_result *result)
{
    struct area *area = output_area(slot);
    size_t size = strnlen(text, MESSAGE_BYTES); /* perhaps without an end */
    if (area_grow(area, slot->used + size) < 0)
        size = 0;
    memcpy(area->data + slot->used, text, size);
    result->size = size;
}

static void judge(struct slot *slot, int code, const struct fanfold_output *output,
                  const char *message, struct channel_result *result)
{
    const struct area *area = output_area(slot);
    result->verdict = CHANNEL_DONE;
    result->code = code;
    if (slot->too_large || (code == 0 && output->size > slot->control->max_result)) {
        result->verdict = CHANNEL_TOO_LARGE;
    } else if (code != 0) {
        result->verdict = CHANNEL_REPORTED;
        put_message(slot, message, result);
    } else if (output->size > area->mapped - slot->used) {
        result->verdict = CHANNEL_OVERRUN;
    } else {
        result->size = output->size;
    }
}

static void run_task(struct slot *slot, const struct channel_task *task,
                     struct channel_result *result)
{
    struct area *input = &slot->channel->input[slot->batch % CHANNEL_BATCHES];
    if (!area_follow(input, task->offset + task->size))
        abort();
    struct fanfold_chunk chunk = {
        .data = input->data + task->offset,
        .size = task->size,
        .seq = task->seq,
        .records = task->records,
        .attempt = task->attempt,
        .slot = slot->number + 1,
    };
    struct area *area = output_area(slot);
    struct fanfold_output output = {
        .data = area->data + slot->used,
        .capacity = area->mapped - slot->used,
        .grow = grow_output,
        .host = slot,
    };
    char message[MESSAGE_BYTES] = "";
    struct fanfold_error error = {message, sizeof message};
    slot->too_large = false;
    int64_t from_us = clock_now_us();
    int code = slot->plugin->process(slot->state, &chunk, &output, &error);
    if (getpid() != slot->pid)
        _exit(0);
    fflush(stdout);
    *result = (struct channel_result){.offset = slot->used,
                                      .run_us = (uint64_t)(clock_now_us() - from_us)};
    judge(slot, code, &output, message, result);
    slot->used += (result->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void run_batch(struct slot *slot)
{
    struct channel_control *control = slot->control;
    struct channel_batch *batch = &control->batches[slot->batch % CHANNEL_BATCHES];
    uint32_t count = batch->count;
    slot->used = 0;
    for (uint32_t i = 0; i < count && i < CHANNEL_BATCH_MAX; i++) {
        await_collected(slot);
        atomic_store_explicit(&control->begun_at_us, (uint64_t)clock_now_us(),
                              memory_order_relaxed);
        atomic_store_explicit(&control->begun, ++slot->begun, memory_order_release);
        run_task(slot, &batch->tasks[i], &batch->results[i]);
        atomic_store_explicit(&control->ended, slot->begun, memory_order_release);
        int64_t now_us = clock_now_us();
        if (i + 1 == count || now_us - slot->rang_at_us >= RING_AFTER_US)
            ring(slot, now_us);
    }
    slot->batch++;
}

void slot_serve(const struct fanfold_plugin *plugin, void *state, uint32_t number,
                struct channel *channel)
{
    struct slot slot = {
        .plugin = plugin,
        .state = state,
        .number = number,
        .pid = getpid(),
        .channel = channel,
        .control = channel_control(channel),
    };
    ring(&slot, clock_now_us()); /* it lives */
    for (;;) {
        while (atomic_load_explicit(&slot.control->given, memory_order_acquire) ==
               slot.batch)
            await_bell(&slot);
        run_batch(&slot);
    }
}
