/* SPDX-License-Identifier: MIT */
/*
 * The slots' processes: their tasks go through a feed, and what they say is told in
 * order. When a process ends, what it finished is collected, what it was at has failed,
 * the rest comes back, and a new process with a new channel takes its place.
 *
 * The slot rings when a batch is done or a millisecond has gone; what it finished
 * before a task that takes long is found by a look every LOOK_US, which ends when the
 * slot is found at the same task twice: then its next word is a ring.
 *
 * Only the task that the slot is at can run for too long, from when the slot began it.
 * The slot is then told to end, and killed when it has not after a while, or when it
 * comes back with that task after all: that is as late as never.
 *
 * A slot that cannot be forked because this host lacks something rests, and has no
 * process meanwhile; what it is given comes back as not started.
 */
#include "worker/plugin.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/memory.h"
#include "worker/feed.h"

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
    LOOK_US = 2000,
    FRUITLESS_MAX = 10, /* ends of a slot in a row before it began anything */
};

struct plugin_slot {
    struct feed feed;
    uint64_t begun_then; /* at the last look */
    unsigned fruitless;
    bool killed;    /* or told to end; by us, for the sake of one of its tasks */
    bool absent;    /* it has no process, or none that has said a word */
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
    return FEED_DEPTH;
}

static int start_process(struct plugin *plugin, uint32_t number)
{
    struct plugin_slot *slot = &plugin->slots[number];
    int fds[CHANNEL_FDS];
    int result = feed_open(&slot->feed, clock_now_us());
    if (result < 0)
        return result;
    slot->begun_then = 0;
    slot->killed = slot->corrupt = false;
    stage_watch(plugin->stage, slot->feed.channel.worker_bell, TAG_BELL, number,
                EPOLLIN);
    channel_fds(&slot->feed.channel, fds);
    return link_request(plugin->stage->starter,
                        &(struct request){.kind = REQUEST_START, .slot = number}, fds,
                        CHANNEL_FDS);
}

int plugin_new(struct stage *stage, struct plugin **ret_plugin)
{
    struct plugin *plugin = allocate(sizeof *plugin);
    struct plugin_slot *slots = allocate_zeroed(stage->slots, sizeof *slots);
    *plugin = (struct plugin){.stage = stage, .slots = slots};
    *ret_plugin = plugin;
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
        feed_close(&plugin->slots[number].feed);
    if (plugin->look >= 0)
        close(plugin->look);
    free(plugin->slots);
    free(plugin);
    *plugin_p = NULL;
}

static void tell_unstarted(struct plugin *plugin, uint32_t number,
                           const struct queued_task *queued)
{
    const struct program_events *events = &plugin->stage->events;
    if (!queued->muted)
        events->unstarted(events->context, number, queued->task.seq,
                          queued->task.attempt);
}

/* What an absent slot was given. */
static void hand_back(struct plugin *plugin, uint32_t number)
{
    struct feed *feed = &plugin->slots[number].feed;
    for (uint32_t i = 0; i < feed->count; i++)
        tell_unstarted(plugin, number, feed_at(feed, i));
    feed_clear(feed);
}

static bool is_deserted(const struct plugin *plugin)
{
    for (uint32_t number = 0; number < plugin->stage->slots; number++)
        if (!plugin->slots[number].absent)
            return false;
    return true;
}

/* The slot could not be started. */
static void rest(struct plugin *plugin, uint32_t number, int error)
{
    struct plugin_slot *slot = &plugin->slots[number];
    struct stage *stage = plugin->stage;
    slot->absent = true;
    feed_close(&slot->feed);
    hand_back(plugin, number);
    stage->events.slot(stage->events.context, number, false);
    bool hopeless = !stage_lacks(error);
    if (!hopeless)
        hopeless = rest_begin(&stage->rest, number, error, clock_now_us()) &&
                   is_deserted(plugin);
    if (hopeless)
        stage_break(stage, STATUS_IO, "cannot start slot %" PRIu32 ": %s", number + 1,
                    strerror(error));
}

void plugin_on_rested(struct plugin *plugin, uint32_t number)
{
    int result = start_process(plugin, number);
    if (result < 0)
        rest(plugin, number, -result);
}

static void arm_look(struct plugin *plugin)
{
    if (plugin->looking)
        return;
    plugin->looking = true;
    struct itimerspec due = {.it_value = {.tv_nsec = LOOK_US * 1000}};
    (void)timerfd_settime(plugin->look, 0, &due, NULL);
}

static void mind_limit(struct plugin *plugin, struct plugin_slot *slot)
{
    uint32_t number = (uint32_t)(slot - plugin->slots);
    alarms_set(&plugin->stage->limits, number,
               feed_limit_due(&slot->feed, clock_now_us()));
}

static void give(struct plugin *plugin, struct plugin_slot *slot)
{
    if (slot->killed || slot->corrupt ||
        !feed_give(&slot->feed, plugin->stage->max_result))
        return;
    arm_look(plugin);
    mind_limit(plugin, slot);
}

void plugin_start(struct plugin *plugin, uint32_t number,
                  const struct program_task *task)
{
    struct plugin_slot *slot = &plugin->slots[number];
    /* What an earlier attempt or part of it has said is none of its business. */
    relay_forget(plugin->stage->relays[number], task->seq);
    feed_push(&slot->feed, task);
    if (slot->absent)
        stage_wake(plugin->stage);
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
        abort_out_of_memory();
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
                result->code > 0 ? (uint32_t)result->code : 1,
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

static bool collect_one(struct plugin *plugin, uint32_t number, int64_t now_us)
{
    struct feed *feed = &plugin->slots[number].feed;
    struct queued_task queued;
    struct channel_result result;
    const uint8_t *data;
    if (!feed_take(feed, plugin->stage->max_result, now_us, &queued, &result, &data))
        return false;
    if (queued.overdue) {
        if (!queued.muted)
            stage_tell_timeout(plugin->stage, number, &queued.task, result.run_us);
        stage_kill(plugin->stage, number);
    } else if (!queued.muted) {
        tell_result(plugin, number, &queued.task, &result, data);
    }
    feed_release(feed);
    return true;
}

/* Everything that the slot has finished. */
static void collect(struct plugin *plugin, uint32_t number)
{
    struct plugin_slot *slot = &plugin->slots[number];
    struct relay *relay = plugin->stage->relays[number];
    uint32_t count = 0;
    if (slot->corrupt)
        return;
    bool sound = feed_finished(&slot->feed, &count);
    if (count > 0) {
        slot->fruitless = 0;
        /* What it has written belongs to these, as far as one can tell. */
        relay_speaker(relay, feed_at(&slot->feed, 0)->task.seq);
        relay_read(relay);
    }
    int64_t now_us = clock_now_us();
    for (uint32_t i = 0; i < count && sound; i++)
        sound = collect_one(plugin, number, now_us);
    if (!sound) {
        set_corrupt(plugin, number);
    } else if (count > 0) {
        if (slot->feed.given == 0)
            relay_end_line(relay);
        feed_acknowledge(&slot->feed);
    }
}

void plugin_on_bell(struct plugin *plugin, uint32_t number)
{
    struct plugin_slot *slot = &plugin->slots[number];
    eventfd_t count;
    if (!feed_is_open(&slot->feed) ||
        eventfd_read(slot->feed.channel.worker_bell, &count) < 0)
        return;
    rest_forget(&plugin->stage->rest, number);
    if (slot->absent) {
        slot->absent = false;
        plugin->stage->events.slot(plugin->stage->events.context, number, true);
    }
    collect(plugin, number);
    give(plugin, slot);
    if (slot->feed.given > 0)
        arm_look(plugin);
}

/* The slot has tasks, and may finish one without ringing soon. */
static bool look_again(struct plugin_slot *slot)
{
    if (slot->feed.given == 0 || slot->corrupt || slot->killed)
        return false;
    uint64_t begun = feed_begun(&slot->feed);
    bool same_task = begun == slot->begun_then && begun > slot->feed.collected;
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

static bool has_overrun(struct feed *feed, uint32_t running, int64_t now_us)
{
    int64_t limit_us = feed_at(feed, running)->task.limit_ms * INT64_C(1000);
    return limit_us && now_us - feed_begun_at(feed, now_us) >= limit_us;
}

void plugin_on_limit(struct plugin *plugin, uint32_t number)
{
    struct plugin_slot *slot = &plugin->slots[number];
    int64_t now_us = clock_now_us();
    uint32_t index;
    if (slot->killed) {
        stage_kill(plugin->stage, number);
        return;
    }
    collect(plugin, number);
    if (slot->corrupt)
        return;
    if (!feed_running(&slot->feed, &index) ||
        !has_overrun(&slot->feed, index, now_us)) {
        mind_limit(plugin, slot);
        return;
    }
    feed_at(&slot->feed, index)->overdue = true;
    slot->killed = true;
    stage_terminate(plugin->stage, number);
    alarms_set(&plugin->stage->limits, number, now_us + STAGE_GRACE_US);
}

bool plugin_running(struct plugin *plugin, uint32_t number, uint64_t *ret_seq)
{
    struct plugin_slot *slot = &plugin->slots[number];
    uint32_t index;
    if (!feed_running(&slot->feed, &index))
        return false;
    *ret_seq = feed_at(&slot->feed, index)->task.seq;
    return true;
}

void plugin_kill(struct plugin *plugin, uint32_t number, uint64_t seq, uint32_t attempt)
{
    struct plugin_slot *slot = &plugin->slots[number];
    for (uint32_t i = 0; i < slot->feed.count; i++) {
        struct queued_task *queued = feed_at(&slot->feed, i);
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
        if (slot->absent)
            hand_back(plugin, number);
        else if (slot->ready_due && !slot->killed && !slot->corrupt)
            plugin->stage->events.slot(plugin->stage->events.context, number, true);
        slot->ready_due = false;
    }
}

/* What is left of a slot's process when it has ended. */
struct wreck {
    struct queued_task tasks[FEED_DEPTH];
    uint32_t count;
    bool guilty; /* the first task has failed */
    bool corrupt;
    int status;
    uint64_t run_us;
};

static void salvage(struct plugin_slot *slot, int status, struct wreck *wreck)
{
    int64_t now_us = clock_now_us();
    const struct feed *feed = &slot->feed;
    bool running = feed->given > 0 && feed_begun(feed) != feed->collected;
    wreck->status = status;
    wreck->corrupt = slot->corrupt;
    if (running)
        wreck->run_us = (uint64_t)(now_us - feed_begun_at(feed, now_us));
    wreck->guilty = slot->feed.given > 0 &&
                    (slot->corrupt || (running && !slot->killed));
    wreck->count = slot->feed.count;
    for (uint32_t i = 0; i < slot->feed.count; i++)
        wreck->tasks[i] = *feed_at(&slot->feed, i);
    if (!running && !slot->killed && !slot->corrupt)
        slot->fruitless++;
}

static void tell_guilty(struct plugin *plugin, uint32_t number,
                        const struct wreck *wreck)
{
    const struct program_task *task = &wreck->tasks[0].task;
    if (!wreck->corrupt &&
        stage_tell_memory(plugin->stage, number, task, wreck->run_us))
        return;
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
    tell_failed(plugin, number, task, wreck->run_us, how, code, text);
}

static void tell_wreck(struct plugin *plugin, uint32_t number,
                       const struct wreck *wreck)
{
    for (uint32_t i = 0; i < wreck->count; i++) {
        const struct queued_task *queued = &wreck->tasks[i];
        if (queued->muted)
            continue;
        if (queued->overdue)
            stage_tell_timeout(plugin->stage, number, &queued->task, wreck->run_us);
        else if (i == 0 && wreck->guilty)
            tell_guilty(plugin, number, wreck);
        else
            tell_unstarted(plugin, number, queued);
    }
}

static void on_ended(struct plugin *plugin, uint32_t number, int status)
{
    struct plugin_slot *slot = &plugin->slots[number];
    struct wreck *wreck = allocate_zeroed(1, sizeof *wreck);
    uint64_t seq;
    collect(plugin, number);
    if (plugin_running(plugin, number, &seq))
        relay_speaker(plugin->stage->relays[number], seq);
    relay_finish(plugin->stage->relays[number]);
    salvage(slot, status, wreck);
    feed_close(&slot->feed);
    feed_clear(&slot->feed);
    alarms_set(&plugin->stage->limits, number, 0);
    rest_forget(&plugin->stage->rest, number);
    int result = start_process(plugin, number);
    tell_wreck(plugin, number, wreck);
    free(wreck);
    if (result < 0) {
        rest(plugin, number, -result);
        return;
    }
    slot->absent = false;
    plugin->stage->events.slot(plugin->stage->events.context, number, true);
    if (slot->fruitless >= FRUITLESS_MAX)
        stage_break(plugin->stage, STATUS_IO,
                    "slot %" PRIu32 " %s again and again before it begins a chunk",
                    number + 1,
                    plugin->stage->used_bytes[number] ? "uses more than --memory allows"
                                                      : "ends");
}

void plugin_on_report(struct plugin *plugin, const struct report *report)
{
    if (report->slot >= plugin->stage->slots)
        return;
    if (report->kind == REPORT_ENDED)
        on_ended(plugin, report->slot, report->value);
    else if (report->kind == REPORT_UNSTARTABLE)
        rest(plugin, report->slot, report->value);
}
