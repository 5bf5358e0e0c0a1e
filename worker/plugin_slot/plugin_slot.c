/* SPDX-License-Identifier: MIT */
/*
 * A slot's loop. It rings the worker's bell at the end of a batch, and after a task
 * when the last ring was a millisecond ago; before a task that takes long the worker
 * finds the results, because it looks after a while (plugin.c). Only a signal ends the
 * loop.
 */
#include "worker/plugin_slot/plugin_slot.h"
#include "common/clock.h"
#include "common/loan/loan_name.h"
#include "worker/plugin_slot/slot_file.h"
#include "worker/plugin_slot/slot_loans.h"

#include <errno.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RING_AFTER_US = 1000, ALIGNMENT = 16, MESSAGE_BYTES = 4096 };

struct slot {
    const struct fanfold_plugin *plugin;
    void *state;
    uint32_t number;
    pid_t pid;       /* the slot's own; a child that `process` forked has another */
    const bool *own; /* false in such a child; NULL: the kernel cannot tell us so */
    struct plugin_channel *channel;
    struct plugin_channel_control *control;
    uint64_t batch; /* the one at hand, counted from 0 */
    uint64_t begun; /* tasks, counted here because what is shared may be overwritten */
    size_t used;    /* bytes of the batch's output memory */
    struct slot_loans loans;
    struct shared_memory
        *loan;      /* in its place, of one long task; NULL: there is none */
    int64_t now_us; /* the task at hand began, or the one before it ended */
    int64_t rang_at_us;
    struct slot_file file; /* of chunks that it reads itself */
    bool too_large;        /* the task at hand wanted too much */
};

static struct shared_memory *output_memory(struct slot *slot)
{
    return slot->loan ? slot->loan
                      : &slot->channel->output[slot->batch % PLUGIN_CHANNEL_BATCHES];
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
    struct shared_memory *memory = output_memory(slot);
    uint64_t most =
        atomic_load_explicit(&slot->control->max_result, memory_order_relaxed);
    if (capacity > most || capacity > PTRDIFF_MAX - slot->used ||
        shared_memory_grow(memory, slot->used + capacity) < 0) {
        slot->too_large = true;
        return -1;
    }
    output->data = memory->data + slot->used;
    output->capacity = memory->mapped - slot->used;
    return 0;
}

/* Memory that a fork clears in the child. */
static const bool *mark_own_memory(void)
{
    bool *own = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (own == MAP_FAILED || madvise(own, 1, MADV_WIPEONFORK) < 0)
        return NULL;
    *own = true;
    return own;
}

static bool is_own_process(const struct slot *slot)
{
    return slot->own ? *slot->own : getpid() == slot->pid;
}

/* So that a batch of chunks with long results does not take memory without end. */
static void await_collected(struct slot *slot)
{
    struct plugin_channel_control *control = slot->control;
    if (slot->used < PLUGIN_CHANNEL_OUTPUT_BYTES)
        return;
    atomic_store(&control->waiting, 1);
    ring(slot, clock_now_us());
    while (atomic_load(&control->collected) < slot->begun)
        await_bell(slot);
    atomic_store(&control->waiting, 0);
    slot->used = 0;
    slot->now_us = clock_now_us();
}

static void put_message(struct slot *slot, const char *text,
                        struct plugin_channel_result *result)
{
    struct shared_memory *memory = output_memory(slot);
    size_t size = strnlen(text, MESSAGE_BYTES); /* perhaps without an end */
    if (shared_memory_grow(memory, slot->used + size) < 0)
        size = 0;
    memcpy(memory->data + slot->used, text, size);
    result->size = size;
}

static void judge(struct slot *slot, int code, const struct fanfold_output *output,
                  const char *message, struct plugin_channel_result *result)
{
    const struct shared_memory *memory = output_memory(slot);
    result->verdict = PLUGIN_CHANNEL_DONE;
    result->code = code;
    if (slot->too_large || (code == 0 && output->size > slot->control->max_result)) {
        result->verdict = PLUGIN_CHANNEL_TOO_LARGE;
    } else if (code != 0) {
        result->verdict = PLUGIN_CHANNEL_REPORTED;
        put_message(slot, message, result);
    } else if (output->size > memory->mapped - slot->used) {
        result->verdict = PLUGIN_CHANNEL_OVERRUN;
    } else {
        result->size = output->size;
    }
}

/* Makes its input whole. */
static bool read_input(struct slot *slot, const struct plugin_channel_task *task)
{
    struct shared_memory *input =
        &slot->channel->input[slot->batch % PLUGIN_CHANNEL_BATCHES];
    if (!shared_memory_follow(input, task->offset + task->size))
        abort();
    return task->file_size == 0 || slot_file_read(&slot->file, slot->control->worker,
                                                  task, input->data + task->file_at);
}

static void run_task(struct slot *slot, const struct plugin_channel_task *task,
                     struct plugin_channel_result *result)
{
    struct shared_memory *input =
        &slot->channel->input[slot->batch % PLUGIN_CHANNEL_BATCHES];
    int64_t from_us = slot->now_us;
    if (!read_input(slot, task)) {
        *result = (struct plugin_channel_result){.offset = slot->used,
                                                 .verdict = PLUGIN_CHANNEL_UNREAD};
        return;
    }
    struct fanfold_chunk chunk = {
        .data = input->data + task->offset,
        .size = task->size,
        .seq = task->seq,
        .records = task->records,
        .attempt = task->attempt,
        .slot = slot->number + 1,
    };
    struct shared_memory *memory = output_memory(slot);
    struct fanfold_output output = {
        .data = memory->data + slot->used,
        .capacity = memory->mapped - slot->used,
        .grow = grow_output,
        .host = slot,
    };
    char message[MESSAGE_BYTES] = "";
    struct fanfold_error error = {message, sizeof message};
    slot->too_large = false;
    int code = slot->plugin->process(slot->state, &chunk, &output, &error);
    if (!is_own_process(slot))
        _exit(0);
    if (__fpending(stdout) > 0)
        fflush(stdout);
    slot->now_us = clock_now_us();
    *result = (struct plugin_channel_result){
        .offset = slot->used, .run_us = (uint64_t)(slot->now_us - from_us)};
    judge(slot, code, &output, message, result);
    result->in_loan = slot->loan != NULL;
    slot->used += (result->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void run_batch(struct slot *slot)
{
    struct plugin_channel_control *control = slot->control;
    struct plugin_channel_batch *batch =
        &control->batches[slot->batch % PLUGIN_CHANNEL_BATCHES];
    uint32_t count = batch->count;
    slot->used = 0;
    slot->loan = NULL;
    slot->now_us = clock_now_us();
    if (batch->loan_fd)
        slot->loan = slot_loans_open(&slot->loans, (uint64_t)control->worker,
                                     batch->loan_fd, batch->loan_inode,
                                     batch->tasks[0].size);
    if (slot->loan)
        slot->used = LOAN_HEAD;
    for (uint32_t i = 0; i < count && i < PLUGIN_CHANNEL_BATCH_MAX; i++) {
        await_collected(slot);
        atomic_store_explicit(&control->begun_at_us, (uint64_t)slot->now_us,
                              memory_order_relaxed);
        atomic_store_explicit(&control->begun, ++slot->begun, memory_order_release);
        run_task(slot, &batch->tasks[i], &batch->results[i]);
        if (slot->loan)
            slot_loans_shut(&slot->loans, slot->loan);
        atomic_store_explicit(&control->ended, slot->begun, memory_order_release);
        if (i + 1 == count || slot->now_us - slot->rang_at_us >= RING_AFTER_US)
            ring(slot, slot->now_us);
    }
    slot->batch++;
}

void plugin_slot_serve(const struct fanfold_plugin *plugin, void *state,
                       uint32_t number, struct plugin_channel *channel)
{
    struct slot slot = {
        .plugin = plugin,
        .state = state,
        .number = number,
        .pid = getpid(),
        .own = mark_own_memory(),
        .channel = channel,
        .control = plugin_channel_control(channel),
    };
    slot_file_init(&slot.file);
    ring(&slot, clock_now_us()); /* it lives */
    for (;;) {
        while (atomic_load_explicit(&slot.control->given, memory_order_acquire) ==
               slot.batch)
            await_bell(&slot);
        run_batch(&slot);
    }
}
