/* SPDX-License-Identifier: MIT */
/*
 * Gives tasks to slot processes in batches and collects what they say, in order.
 *
 * `tasks` is a queue: first those that are in the channel (`given`), then those that
 * wait for a batch to become free. A result always belongs to the queue's head,
 * whatever the slot may have written. When the slot's process ends, what it finished is
 * collected, what it was at has failed, the rest comes back, and a new process with a
 * new channel takes its place.
 *
 * The slot rings when a batch is done or a millisecond has gone; what it finished
 * before a task that takes long is found by a look every LOOK_US, which ends when the
 * slot is found at the same task twice: then its next word is a ring.
 */
#include "worker/plugin.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "worker/channel.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    DEPTH = CHANNEL_BATCHES * CHANNEL_BATCH_MAX,
    LOOK_US = 2000,
    ALIGNMENT = 16,
    FRUITLESS_MAX = 10, /* ends of a slot in a row before it began anything */
};

struct queued_task {
    struct program_task task;
    bool muted; /* killed: nothing is told of it */
};

struct batch {
    uint32_t count;
    size_t input_bytes, output_bytes;
};

struct plugin_slot {
    struct channel channel;
    struct queued_task tasks[DEPTH]; /* a ring */
    uint32_t head, count, given;
    struct batch batches[CHANNEL_BATCHES];
    uint64_t batches_given, batches_collected;
    uint32_t collected_of_batch;
    uint64_t collected;  /* results of this process */
    uint64_t begun_then; /* at the last look */
    int64_t started_at_us;
    unsigned fruitless;
    bool killed;    /* by us, for the sake of a muted task */
    bool corrupt;   /* what it shares makes no sense; killed by us as well */
    bool ready_due; /* tell that it is ready */
};

struct plugin {
    struct stage *stage;
    struct plugin_slot *slots;
    int look; /* timerfd */
    bool looking;
};

uint32_t plugin_depth(void)
{
    return DEPTH;
}

static struct queued_task *task_at(struct plugin_slot *slot, uint32_t index)
{
    return &slot->tasks[(slot->head + index) % DEPTH];
}

static int start_process(struct plugin *plugin, uint32_t number)
{
    struct plugin_slot *slot = &plugin->slots[number];
    int fds[CHANNEL_FDS];
    int result = channel_create(&slot->channel);
    if (result < 0)
        return result;
    slot->head = slot->count = slot->given = 0;
    slot->batches_given = slot->batches_collected = 0;
    slot->collected_of_batch = 0;
    slot->collected = slot->begun_then = 0;
    slot->killed = slot->corrupt = false;
    slot->started_at_us = clock_now_us();
    stage_watch(plugin->stage, slot->channel.worker_bell, TAG_BELL, number, EPOLLIN);
    channel_fds(&slot->channel, fds);
    return link_request(plugin->stage->starter,
                        &(struct request){.kind = REQUEST_START, .slot = number}, fds,
                        CHANNEL_FDS);
}

int plugin_new(struct stage *stage, struct plugin **ret_plugin)
{
    struct plugin *plugin = calloc(1, sizeof *plugin);
    struct plugin_slot *slots = calloc(stage->slots, sizeof *slots);
    if (!plugin || !slots)
        abort();
    *plugin = (struct plugin){.stage = stage, .slots = slots};
    *ret_plugin = plugin;
    for (uint32_t number = 0; number < stage->slots; number++)
        slots[number].channel = (struct channel){.slot_bell = -1, .worker_bell = -1};
    plugin->look = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (plugin->look < 0)
        return -errno;
    stage_watch(stage, plugin->look, TAG_LOOK, 0, EPOLLIN);
    for (uint32_t number = 0; number < stage->slots; number++) {
        int result = start_process(plugin, number);
        if (result < 0)
            return result;
    }
    return 0;
}

void plugin_destroy(struct plugin **plugin_p)
{
    struct plugin *plugin = *plugin_p;
    if (!plugin)
        return;
    for (uint32_t number = 0; number < plugin->stage->slots; number++)
        if (plugin->slots[number].channel.control.data)
            channel_close(&plugin->slots[number].channel);
    if (plugin->look >= 0)
        close(plugin->look);
    free(plugin->slots);
    free(plugin);
    *plugin_p = NULL;
}

static void arm_look(struct plugin *plugin)
{
    if (plugin->looking)
        return;
    plugin->looking = true;
    struct itimerspec due = {.it_value = {.tv_nsec = LOOK_US * 1000}};
    (void)timerfd_settime(plugin->look, 0, &due, NULL);
}

/* Bytes that the next batch takes, and of how many tasks. */
static size_t measure_batch(struct plugin_slot *slot, uint32_t *ret_count)
{
    size_t bytes = 0;
    uint32_t count = 0;
    while (slot->given + count < slot->count && count < CHANNEL_BATCH_MAX) {
        size_t size = task_at(slot, slot->given + count)->task.input.size;
        size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        if (count > 0 && bytes + size > CHANNEL_INPUT_BYTES)
            break;
        bytes += size;
        count++;
    }
    *ret_count = count;
    return bytes;
}

/* Copied, because the slot has no other way to see it; the message it lies in is the
 * worker's until the task is off its ledger. */
static void fill_batch(struct plugin_slot *slot, struct channel_batch *shared,
                       struct area *input, uint32_t count)
{
    size_t offset = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct program_task *task = &task_at(slot, slot->given + i)->task;
        shared->tasks[i] = (struct channel_task){
            .seq = task->seq,
            .records = task->records,
            .offset = offset,
            .size = task->input.size,
            .attempt = task->attempt,
        };
        if (task->input.size > 0)
            memcpy(input->data + offset, task->input.data, task->input.size);
        offset += (task->input.size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    atomic_store_explicit(&shared->count, count, memory_order_relaxed);
}

static void give_batch(struct plugin *plugin, struct plugin_slot *slot)
{
    struct channel_control *control = channel_control(&slot->channel);
    unsigned half = slot->batches_given % CHANNEL_BATCHES;
    uint32_t count;
    size_t bytes = measure_batch(slot, &count);
    if (area_grow(&slot->channel.input[half], bytes) < 0) {
        fputs("fanfold-worker: out of memory\n", stderr);
        abort();
    }
    fill_batch(slot, &control->batches[half], &slot->channel.input[half], count);
    slot->batches[half] = (struct batch){.count = count, .input_bytes = bytes};
    slot->given += count;
    atomic_store_explicit(&control->max_result, plugin->stage->max_result,
                          memory_order_relaxed);
    atomic_store_explicit(&control->given, ++slot->batches_given, memory_order_release);
    (void)eventfd_write(slot->channel.slot_bell, 1);
    arm_look(plugin);
}

static void give(struct plugin *plugin, struct plugin_slot *slot)
{
    while (slot->given < slot->count && !slot->killed && !slot->corrupt &&
           slot->channel.control.data &&
           slot->batches_given - slot->batches_collected < CHANNEL_BATCHES)
        give_batch(plugin, slot);
}

void plugin_start(struct plugin *plugin, uint32_t number,
                  const struct program_task *task)
{
    struct plugin_slot *slot = &plugin->slots[number];
    assert(slot->count < DEPTH);
    *task_at(slot, slot->count++) = (struct queued_task){.task = *task};
}

void plugin_flush(struct plugin *plugin)
{
    for (uint32_t number = 0; number < plugin->stage->slots; number++)
        give(plugin, &plugin->slots[number]);
}

static void set_corrupt(struct plugin *plugin, uint32_t number)
{
    plugin->slots[number].corrupt = true;
    stage_kill(plugin->stage, number);
}

static void tell_failed(struct plugin *plugin, uint32_t number,
                        const struct program_task *task, uint64_t run_us,
                        enum failure how, uint32_t code, const char *text)
{
    const struct program_events *events = &plugin->stage->events;
    struct slice said = {(const uint8_t *)text, strlen(text)};
    events->failed(events->context, number, task->seq, task->attempt, run_us, how, code,
                   said);
}

static void tell_done(struct plugin *plugin, uint32_t number,
                      const struct program_task *task,
                      const struct channel_result *result, const uint8_t *data)
{
    const struct program_events *events = &plugin->stage->events;
    zmq_msg_t message;
    if (zmq_msg_init_size(&message, result->size) != 0)
        abort();
    /* Copied: the area is the slot's again when its batch is collected. */
    if (result->size > 0)
        memcpy(zmq_msg_data(&message), data, result->size);
    events->done(events->context, number, task->seq, task->attempt, result->run_us,
                 &message);
    zmq_msg_close(&message);
}

static void tell_reported(struct plugin *plugin, uint32_t number,
                          const struct program_task *task,
                          const struct channel_result *result, const uint8_t *data)
{
    char text[TEXT_MAX_BYTES];
    size_t size = result->size < sizeof text ? result->size : sizeof text - 1;
    memcpy(text, data, size);
    text[size] = '\0';
    tell_failed(plugin, number, task, result->run_us, FAILURE_REPORTED,
                (uint32_t)result->code,
                *text ? text : "the plugin failed and did not say why");
}

static void tell_result(struct plugin *plugin, uint32_t number,
                        const struct program_task *task,
                        const struct channel_result *result, const uint8_t *data)
{
    char text[96];
    switch ((enum channel_verdict)result->verdict) {
    case CHANNEL_DONE:
        tell_done(plugin, number, task, result, data);
        break;
    case CHANNEL_REPORTED:
        tell_reported(plugin, number, task, result, data);
        break;
    case CHANNEL_TOO_LARGE:
        snprintf(text, sizeof text, "the result is larger than %" PRIu64 " bytes",
                 plugin->stage->max_result);
        tell_failed(plugin, number, task, result->run_us, FAILURE_TOO_LARGE, 0, text);
        break;
    case CHANNEL_OVERRUN:
        tell_failed(plugin, number, task, result->run_us, FAILURE_PROTOCOL, 0,
                    "the plugin committed more than it had reserved");
        break;
    }
}

/* The result that is due, as far as it makes sense: within the area, of a kind that
 * there is. A copy, because the slot may write to it at any time. */
static bool read_result(struct plugin *plugin, struct plugin_slot *slot, int64_t now_us,
                        struct channel_result *ret_result)
{
    unsigned half = slot->batches_collected % CHANNEL_BATCHES;
    const struct channel_batch *shared =
        &channel_control(&slot->channel)->batches[half];
    struct channel_result result = shared->results[slot->collected_of_batch];
    if (result.verdict < CHANNEL_DONE || result.verdict > CHANNEL_OVERRUN ||
        result.offset > PTRDIFF_MAX || result.size > PTRDIFF_MAX ||
        !area_follow(&slot->channel.output[half], result.offset + result.size))
        return false;
    if (result.verdict == CHANNEL_DONE && result.size > plugin->stage->max_result)
        result.verdict = CHANNEL_TOO_LARGE;
    uint64_t most_us = (uint64_t)(now_us - slot->started_at_us);
    if (result.run_us > most_us)
        result.run_us = most_us;
    *ret_result = result;
    return true;
}

static void end_batch(struct plugin_slot *slot)
{
    unsigned half = slot->batches_collected % CHANNEL_BATCHES;
    const struct batch *batch = &slot->batches[half];
    area_rest(&slot->channel.input[half], batch->input_bytes);
    area_rest(&slot->channel.output[half], batch->output_bytes);
    slot->batches_collected++;
    slot->collected_of_batch = 0;
}

static bool collect_one(struct plugin *plugin, uint32_t number, int64_t now_us)
{
    struct plugin_slot *slot = &plugin->slots[number];
    unsigned half = slot->batches_collected % CHANNEL_BATCHES;
    struct batch *batch = &slot->batches[half];
    struct channel_result result;
    if (!read_result(plugin, slot, now_us, &result))
        return false;
    const struct queued_task queued = *task_at(slot, 0);
    slot->head = (slot->head + 1) % DEPTH;
    slot->count--;
    slot->given--;
    slot->collected++;
    slot->collected_of_batch++;
    if (batch->output_bytes < result.offset + result.size)
        batch->output_bytes = result.offset + result.size;
    if (!queued.muted)
        tell_result(plugin, number, &queued.task, &result,
                    slot->channel.output[half].data + result.offset);
    if (slot->collected_of_batch == batch->count)
        end_batch(slot);
    return true;
}

/* Everything that the slot has finished. */
static void collect(struct plugin *plugin, uint32_t number)
{
    struct plugin_slot *slot = &plugin->slots[number];
    if (slot->corrupt || !slot->channel.control.data)
        return;
    struct channel_control *control = channel_control(&slot->channel);
    uint64_t ended = atomic_load_explicit(&control->ended, memory_order_acquire);
    if (ended == slot->collected)
        return;
    if (ended < slot->collected || ended - slot->collected > slot->given) {
        set_corrupt(plugin, number);
        return;
    }
    int64_t now_us = clock_now_us();
    slot->fruitless = 0;
    /* What it has written belongs to these, as far as one can tell. */
    relay_speaker(plugin->stage->relays[number], task_at(slot, 0)->task.seq);
    relay_read(plugin->stage->relays[number]);
    while (slot->collected < ended)
        if (!collect_one(plugin, number, now_us)) {
            set_corrupt(plugin, number);
            return;
        }
    if (slot->given == 0)
        relay_end_line(plugin->stage->relays[number]);
    atomic_store(&control->collected, slot->collected);
    if (atomic_load(&control->waiting))
        (void)eventfd_write(slot->channel.slot_bell, 1);
}

void plugin_on_bell(struct plugin *plugin, uint32_t number)
{
    struct plugin_slot *slot = &plugin->slots[number];
    eventfd_t count;
    if (eventfd_read(slot->channel.worker_bell, &count) < 0)
        return;
    collect(plugin, number);
    give(plugin, slot);
    if (slot->given > 0)
        arm_look(plugin);
}

/* The slot has tasks, and may finish one without ringing soon. */
static bool look_again(struct plugin_slot *slot)
{
    if (slot->given == 0 || slot->corrupt || slot->killed)
        return false;
    uint64_t begun = atomic_load_explicit(&channel_control(&slot->channel)->begun,
                                          memory_order_acquire);
    bool same_task = begun == slot->begun_then && begun > slot->collected;
    slot->begun_then = begun;
    return !same_task;
}

void plugin_on_look(struct plugin *plugin)
{
    uint64_t count;
    if (read(plugin->look, &count, sizeof count) < 0)
        return;
    plugin->looking = false;
    bool again = false;
    for (uint32_t number = 0; number < plugin->stage->slots; number++) {
        collect(plugin, number);
        give(plugin, &plugin->slots[number]);
        again |= look_again(&plugin->slots[number]);
    }
    if (again)
        arm_look(plugin);
}

/* The index in the queue of the task that the slot is at. */
static bool find_running(struct plugin_slot *slot, uint32_t *ret_index)
{
    if (!slot->channel.control.data || slot->given == 0)
        return false;
    uint64_t begun = atomic_load_explicit(&channel_control(&slot->channel)->begun,
                                          memory_order_acquire);
    if (begun <= slot->collected || begun - slot->collected > slot->given)
        return false;
    *ret_index = (uint32_t)(begun - slot->collected - 1);
    return true;
}

bool plugin_running(struct plugin *plugin, uint32_t number, uint64_t *ret_seq)
{
    struct plugin_slot *slot = &plugin->slots[number];
    uint32_t index;
    if (!find_running(slot, &index))
        return false;
    *ret_seq = task_at(slot, index)->task.seq;
    return true;
}

void plugin_kill(struct plugin *plugin, uint32_t number, uint64_t seq, uint32_t attempt)
{
    struct plugin_slot *slot = &plugin->slots[number];
    for (uint32_t i = 0; i < slot->count; i++) {
        struct queued_task *queued = task_at(slot, i);
        if (queued->task.seq != seq || queued->task.attempt != attempt)
            continue;
        queued->muted = true;
        slot->killed = true;
        stage_kill(plugin->stage, number);
        return;
    }
    slot->ready_due = true;
    stage_wake(plugin->stage);
}

void plugin_settle_all(struct plugin *plugin)
{
    for (uint32_t number = 0; number < plugin->stage->slots; number++) {
        struct plugin_slot *slot = &plugin->slots[number];
        if (slot->ready_due && !slot->killed && !slot->corrupt)
            plugin->stage->events.slot(plugin->stage->events.context, number, true);
        slot->ready_due = false;
    }
}

/* What is left of a slot's process when it has ended. */
struct wreck {
    struct queued_task tasks[DEPTH];
    uint32_t count;
    bool guilty; /* the first task has failed */
    bool corrupt;
    int status;
    uint64_t run_us;
};

static void salvage(struct plugin_slot *slot, int status, struct wreck *wreck)
{
    const struct channel_control *control = channel_control(&slot->channel);
    bool running = slot->given > 0 && control->begun != slot->collected;
    wreck->status = status;
    wreck->corrupt = slot->corrupt;
    wreck->guilty = slot->given > 0 && (slot->corrupt || (running && !slot->killed));
    wreck->count = slot->count;
    for (uint32_t i = 0; i < slot->count; i++)
        wreck->tasks[i] = *task_at(slot, i);
    if (!running && !slot->killed && !slot->corrupt)
        slot->fruitless++;
}

static void tell_guilty(struct plugin *plugin, uint32_t number,
                        const struct wreck *wreck)
{
    const struct program_task *task = &wreck->tasks[0].task;
    struct slice tail = relay_tail(plugin->stage->relays[number]);
    char text[TEXT_MAX_BYTES + 1] = "";
    uint32_t code = 0;
    enum failure how = FAILURE_PROTOCOL;
    if (wreck->corrupt)
        snprintf(text, sizeof text,
                 "the plugin overwrote memory that its slot shares with the worker");
    else
        how = stage_judge(plugin->stage, wreck->status, &code);
    if (how != FAILURE_PROTOCOL && tail.size > 0)
        snprintf(text, sizeof text, "%.*s", (int)tail.size, (const char *)tail.data);
    else if (how == FAILURE_EXIT)
        snprintf(text, sizeof text, "the plugin called exit (%" PRIu32 ")", code);
    tell_failed(plugin, number, task, 0, how, code, text);
}

static void tell_wreck(struct plugin *plugin, uint32_t number,
                       const struct wreck *wreck)
{
    const struct program_events *events = &plugin->stage->events;
    for (uint32_t i = 0; i < wreck->count; i++) {
        const struct queued_task *queued = &wreck->tasks[i];
        if (queued->muted)
            continue;
        if (i == 0 && wreck->guilty)
            tell_guilty(plugin, number, wreck);
        else
            events->unstarted(events->context, number, queued->task.seq,
                              queued->task.attempt);
    }
    events->slot(events->context, number, true);
}

static void on_ended(struct plugin *plugin, uint32_t number, int status)
{
    struct plugin_slot *slot = &plugin->slots[number];
    struct wreck *wreck = calloc(1, sizeof *wreck);
    if (!wreck)
        abort();
    uint64_t seq;
    collect(plugin, number);
    if (plugin_running(plugin, number, &seq))
        relay_speaker(plugin->stage->relays[number], seq);
    relay_finish(plugin->stage->relays[number]);
    salvage(slot, status, wreck);
    channel_close(&slot->channel);
    int result = start_process(plugin, number);
    tell_wreck(plugin, number, wreck);
    free(wreck);
    if (result < 0)
        stage_break(plugin->stage, STATUS_IO, "cannot replace slot %" PRIu32 ": %s",
                    number + 1, strerror(-result));
    else if (slot->fruitless >= FRUITLESS_MAX)
        stage_break(plugin->stage, STATUS_IO,
                    "slot %" PRIu32 " ends again and again before it begins a chunk",
                    number + 1);
}

void plugin_on_report(struct plugin *plugin, const struct report *report)
{
    if (report->slot >= plugin->stage->slots)
        return;
    if (report->kind == REPORT_ENDED)
        on_ended(plugin, report->slot, report->value);
    else if (report->kind == REPORT_UNSTARTABLE)
        stage_break(plugin->stage, STATUS_IO, "cannot start slot %" PRIu32 ": %s",
                    report->slot + 1, strerror(report->value));
}
