/* SPDX-License-Identifier: MIT */
/*
 * Makes the helper processes, the poller and the relays of stderr, and chooses the
 * runner, which gets each event from here on.
 */
#include "worker/program/program.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/process/signals.h"
#include "worker/program/exec.h"
#include "worker/program/persistent/persistent.h"
#include "worker/program/plugin/plugin.h"
#include "worker/program/runner.h"
#include "worker/program/slot_life.h"
#include "worker/supervisor/command_lookup.h"
#include "worker/supervisor/helpers.h"
#include "worker/supervisor/process_limits.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 64,    /* handled in one program_handle */
    END_WAIT_MS = 5000, /* for programs that read the end of their input */
};

struct program {
    struct helpers helpers;
    struct runner_context context;
    const struct runner_ops *ops;
    void *runner;  /* NULL: the helpers are not ready */
    bool draining; /* nothing to drain, but to say so */
    char *path;    /* what argv[0] was resolved to, but for a plugin */
    char **words;  /* what runs: argv, or a shell with it */
};

/* ---- opening ---- */

static const struct runner_ops *choose_runner(enum program_mode mode)
{
    switch (mode) {
    case PROGRAM_EXEC:
        return &exec_runner;
    case PROGRAM_PLUGIN:
        return &plugin_runner;
    case PROGRAM_LINES:
    case PROGRAM_FRAMES:
        return &persistent_runner;
    }
    abort();
}

/* Once it is known which helper starts the slots' processes. */
static int open_slots(struct program *program)
{
    struct runner_context *context = &program->context;
    const struct helpers *helpers = &program->helpers;
    context->starter = helpers_starter(helpers);
    if (context->starter != helpers->spawn_link[0])
        runner_context_watch(context, context->starter, TAG_ZYGOTE, 0, EPOLLIN);
    return program->ops->open(context, &helpers->config, &program->runner);
}

/* The helper processes, and the descriptors between them and the poller. */
static int open_helpers(struct program *program, const struct program_config *config)
{
    struct runner_context *context = &program->context;
    /* The descriptors that the children have no use for. */
    uint32_t count = config->slots + RUNNER_DESCRIPTORS;
    int *ours = allocate_zeroed(count, sizeof *ours);
    for (uint32_t i = 0; i < count; i++)
        ours[i] = -1;
    int result = helpers_init(&program->helpers, config, ours);
    if (result == 0)
        result = runner_context_open(context, helpers_spare(&program->helpers));
    runner_context_relay(context, ours);
    runner_context_descriptors(context, ours + config->slots);
    if (result == 0)
        runner_context_watch(context, program->helpers.spawn_link[0], TAG_SUPERVISOR, 0,
                             EPOLLIN);
    if (result == 0)
        result = helpers_fork(&program->helpers, program->path, ours, count);
    free(ours);
    return result;
}

static void explain(const struct program_config *config, int result, char *error,
                    size_t error_size)
{
    struct rlimit limit;
    if (result == -EMFILE && getrlimit(RLIMIT_NOFILE, &limit) == 0)
        snprintf(error, error_size,
                 "%" PRIu32 " slots need up to %" PRIu64
                 " open files, more than the limit of %" PRIu64
                 " (ulimit -Hn): raise it, or take fewer slots (-j)",
                 config->slots, helpers_descriptors(config), (uint64_t)limit.rlim_max);
    else
        snprintf(error, error_size, "cannot start the slots: %s", strerror(-result));
}

static int open_all(struct program *program, const struct program_config *config,
                    char *error, size_t error_size)
{
    int status = process_limits_check(config, error, error_size);
    if (status == 0 && config->mode != PROGRAM_PLUGIN)
        status = command_resolve(config->argv, config->workdir, &program->path, error,
                                 error_size);
    if (status)
        return status;
    int result = open_helpers(program, config);
    if (result == 0 && helpers_prepares(config))
        status = helpers_await(&program->helpers, error, error_size);
    if (status)
        return status;
    if (result == 0)
        result = open_slots(program);
    if (result < 0)
        explain(config, result, error, error_size);
    return result < 0 ? STATUS_IO : 0;
}

int program_open(const struct program_config *config,
                 const struct program_events *events, struct program **ret_program,
                 char *error, size_t error_size)
{
    assert(config->slots > 0);
    struct program *program = allocate_zeroed(1, sizeof *program);
    *program = (struct program){
        .ops = choose_runner(config->mode),
        .helpers = {.spawn_link = {-1, -1}, .zygote_link = {-1, -1}},
    };
    runner_context_init(&program->context, events, config->slots, config->memory_bytes);
    struct program_config own = *config;
    own.argv = program->words = command_words(config->argv, config->shell);
    int status = open_all(program, &own, error, error_size);
    if (status)
        program_close(&program);
    else
        *ret_program = program;
    return status;
}

/* ---- tasks ---- */

void program_set_results(struct program *program, uint64_t most, bool lends)
{
    program->context.max_result = most;
    program->context.lends = lends;
}

void program_start(struct program *program, uint32_t slot,
                   const struct program_task *task)
{
    struct stderr_relay *relay = program->context.relays[slot];
    assert(slot < program->context.slots);
    if (relay)
        stderr_relay_expect(relay, task->seq, task->part);
    program->ops->start(program->runner, slot, task);
}

void program_flush(struct program *program)
{
    lender_trim(program->context.lender);
    if (program->ops->flush)
        program->ops->flush(program->runner);
}

uint32_t program_depth(const struct program *program)
{
    return program->ops->depth;
}

bool program_takes_extents(const struct program *program)
{
    return program->ops->takes_extents;
}

void program_kill(struct program *program, uint32_t slot, uint64_t seq,
                  uint32_t attempt)
{
    assert(slot < program->context.slots);
    program->ops->kill(program->runner, slot, seq, attempt);
}

bool program_in_step(const struct program *program, uint32_t slot)
{
    assert(slot < program->context.slots);
    return !program->ops->in_step || program->ops->in_step(program->runner, slot);
}

bool program_take_hint(struct program *program, char *text, size_t size)
{
    return start_costs_take_hint(&program->context.starts, program->context.slots,
                                 clock_now_us(), text, size);
}

void program_drain(struct program *program)
{
    program->draining = !program->ops->drain;
    if (program->ops->drain)
        program->ops->drain(program->runner);
    runner_context_wake(&program->context);
}

/* ---- events ---- */

uint32_t program_poll_max(const struct program *program)
{
    (void)program;
    return 1;
}

uint32_t program_poll(struct program *program, zmq_pollitem_t *items)
{
    items[0] = (zmq_pollitem_t){.fd = program->context.poller, .events = ZMQ_POLLIN};
    return 1;
}

static void on_stopped(struct program *program, int64_t by_us)
{
    runner_context_shift(&program->context, by_us);
    if (program->ops->on_stopped)
        program->ops->on_stopped(program->runner, by_us);
}

/* Whoever ended it: a new worker has a new one. False: the worker is broken by it. */
static bool on_zygote_gone(struct program *program, const struct report *report)
{
    int status = report->value;
    const char *name = program->helpers.config.argv[0];
    if (runner_context_ended_with_us(&program->context, status)) {
        program->context.unforked = true;
        return true;
    }
    if (report->signal)
        runner_context_break(&program->context, STATUS_PEER,
                             "%s: the process that forks the slots was ended: %s", name,
                             signals_explain((int)report->signal));
    else if (WIFSIGNALED(status))
        runner_context_break(
            &program->context, STATUS_PEER,
            "%s: the process that forks the slots was killed by signal %d (%s)", name,
            WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        runner_context_break(
            &program->context, STATUS_PEER,
            "%s: the process that forks the slots ended with status %d", name,
            WEXITSTATUS(status));
    return false;
}

/* The link is at its end, or says things that make no sense. */
static void on_link_broken(struct program *program, int link)
{
    bool plugin = program->helpers.config.mode == PROGRAM_PLUGIN;
    epoll_ctl(program->context.poller, EPOLL_CTL_DEL, link, NULL);
    runner_context_break(&program->context, STATUS_PEER,
                         "the process that runs %s has ended",
                         plugin ? "the plugin" : "the commands");
}

/* False: the worker is broken by it. */
static bool on_report(struct program *program, const struct report *report)
{
    struct runner_context *context = &program->context;
    if (report->kind == REPORT_REFUSED) {
        runner_context_break(context, STATUS_PEER, "%s", report->text);
        return false;
    }
    if (report->slot == context->slots)
        return on_zygote_gone(program, report);
    if (report->kind == REPORT_ENDED || report->kind == REPORT_GREEDY) {
        context->used_bytes[report->slot] = report->memory_bytes;
        context->wanted[report->slot] = (int)report->signal;
    }
    if (report->kind == REPORT_STOPPED)
        slot_life_tell_stopped(report);
    else if (report->kind == REPORT_CONTINUED)
        on_stopped(program, report->value * INT64_C(1000));
    else
        program->ops->on_report(program->runner, report);
    return true;
}

static void on_link(struct program *program, int link)
{
    struct report report;
    for (int left = EVENTS_MAX; left > 0; left--) {
        int got = spawn_link_take_report(link, &report, 0);
        if (got == 0)
            return;
        if (got < 0 ||
            (report.kind != REPORT_REFUSED && report.slot > program->context.slots)) {
            on_link_broken(program, link);
            return;
        }
        if (!on_report(program, &report))
            return;
    }
}

static void on_limit(struct program *program, int64_t now_us)
{
    uint32_t slot;
    while (slot_timers_take(&program->context.limits, now_us, &slot))
        program->ops->on_limit(program->runner, slot);
}

static void on_backoff(struct program *program, int64_t now_us)
{
    uint32_t slot;
    while (spawn_backoff_take(&program->context.backoff, now_us, &slot))
        program->ops->on_retry(program->runner, slot);
}

static void on_stderr(struct program *program, uint32_t slot, uint32_t events)
{
    struct stderr_relay *relay = program->context.relays[slot];
    uint64_t seq;
    if (program->ops->running && program->ops->running(program->runner, slot, &seq))
        stderr_relay_speaker(relay, seq);
    stderr_relay_read(relay);
    if (!(events & EPOLLIN)) /* nobody can write to it any more */
        epoll_ctl(program->context.poller, EPOLL_CTL_DEL, stderr_relay_fd(relay), NULL);
}

static void on_unread(struct program *program, int64_t now_us)
{
    uint32_t slot;
    while (slot_timers_take(&program->context.unread, now_us, &slot))
        stderr_queue_on_deadline(program->context.queue, now_us);
}

static void on_wake(struct program *program)
{
    eventfd_t count;
    (void)eventfd_read(program->context.wake, &count);
    program->ops->settle(program->runner);
    if (program->draining)
        program->context.events.drained(program->context.events.context);
    program->draining = false;
}

static void on_event(struct program *program, const struct epoll_event *event,
                     int64_t now_us)
{
    uint32_t slot = (uint32_t)event->data.u64;
    switch ((enum tag)(event->data.u64 >> 32)) {
    case TAG_SUPERVISOR:
        on_link(program, program->helpers.spawn_link[0]);
        break;
    case TAG_ZYGOTE:
        on_link(program, program->helpers.zygote_link[0]);
        break;
    case TAG_WAKE:
        on_wake(program);
        break;
    case TAG_STDERR:
        on_stderr(program, slot, event->events);
        break;
    case TAG_DRAIN:
        epoll_ctl(program->context.poller, EPOLL_CTL_DEL,
                  stderr_queue_fd(program->context.queue), NULL);
        break;
    case TAG_INPUT:
        program->ops->on_input(program->runner, slot);
        break;
    case TAG_OUTPUT:
        program->ops->on_output(program->runner, slot);
        break;
    case TAG_LOOK:
        program->ops->on_look(program->runner);
        break;
    case TAG_BACKOFF:
        on_backoff(program, now_us);
        break;
    case TAG_LIMIT:
        on_limit(program, now_us);
        break;
    case TAG_UNREAD:
        on_unread(program, now_us);
        break;
    }
}

void program_handle(struct program *program, const zmq_pollitem_t *items,
                    uint32_t count, int64_t now_us)
{
    struct runner_context *context = &program->context;
    oom_watch_tick(&context->oom, now_us);
    if (count == 0 || !(items[0].revents & ZMQ_POLLIN))
        return;
    struct epoll_event events[EVENTS_MAX];
    int found = epoll_wait(context->poller, events, EVENTS_MAX, 0);
    for (int i = 0; i < found; i++)
        on_event(program, &events[i], now_us);
    runner_context_settle_stderr(context, now_us);
}

/* ---- closing ---- */

void program_hurry(struct program *program)
{
    stderr_queue_hurry(program->context.queue);
}

/* Lets the programs end by themselves, and handles their last events. */
static void end_programs(struct program *program)
{
    int64_t now_us = clock_now_us();
    int64_t end_us = now_us + END_WAIT_MS * INT64_C(1000);
    zmq_pollitem_t item;
    program->ops->end(program->runner);
    while (!program->ops->is_over(program->runner) && now_us < end_us &&
           !program->context.broken) {
        int count = (int)program_poll(program, &item);
        (void)zmq_poll(&item, count, clock_poll_ms(now_us, end_us, -1));
        program_handle(program, &item, (uint32_t)count, now_us = clock_now_us());
    }
}

void program_close(struct program **program_p)
{
    struct program *program = *program_p;
    if (!program)
        return;
    struct runner_context *context = &program->context;
    if (program->runner && program->ops->end && !context->broken)
        end_programs(program);
    helpers_end(&program->helpers, context->starter >= 0 && !context->broken);
    if (program->runner)
        program->ops->destroy(program->runner);
    runner_context_deinit(context);
    free(program->path);
    command_free_words(&program->words);
    free(program);
    *program_p = NULL;
}
