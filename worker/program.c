/* SPDX-License-Identifier: MIT */
/*
 * Puts the parts together: the household of processes, the poller, each slot's stderr,
 * and hands what happens to exec, plugin or lasting.
 */
#include "worker/program.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/memory.h"
#include "worker/command.h"
#include "worker/conditions.h"
#include "worker/exec.h"
#include "worker/household.h"
#include "worker/lasting.h"
#include "worker/plugin.h"
#include "worker/stage.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 64,        /* handled in one program_handle */
    STDERR_WAIT_MS = 200,   /* for the last lines, at the end */
    LASTING_WAIT_MS = 5000, /* for programs that read the end of their input */
};

struct program {
    struct household household;
    struct stage stage;
    struct exec *exec;       /* in exec mode */
    struct plugin *plugin;   /* in plugin mode */
    struct lasting *lasting; /* in the modes lines and frames */
    char *path;              /* what argv[0] was resolved to, but for a plugin */
    char **words;            /* what runs: argv, or a shell with it */
};

static int open_poller(struct program *program)
{
    struct stage *stage = &program->stage;
    const struct household *household = &program->household;
    stage->poller = epoll_create1(EPOLL_CLOEXEC);
    stage->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stage->poller < 0 || stage->wake < 0)
        return -errno;
    int result = alarms_init(&stage->limits, stage->slots);
    if (result == 0)
        result = rest_init(&stage->rest, stage->slots);
    if (result < 0)
        return result;
    stage_watch(stage, stage->wake, TAG_WAKE, 0, EPOLLIN);
    stage_watch(stage, stage->limits.fd, TAG_LIMIT, 0, EPOLLIN);
    stage_watch(stage, stage->rest.over.fd, TAG_REST, 0, EPOLLIN);
    stage_watch(stage, household->keeper_link[0], TAG_KEEPER, 0, EPOLLIN);
    return 0;
}

/* Once it is known who starts the slots. */
static int open_slots(struct program *program)
{
    struct stage *stage = &program->stage;
    const struct household *household = &program->household;
    stage->starter = household_starter(household);
    if (stage->starter != household->keeper_link[0])
        stage_watch(stage, stage->starter, TAG_ZYGOTE, 0, EPOLLIN);
    if (household->config.mode == PROGRAM_PLUGIN)
        return plugin_new(stage, &program->plugin);
    if (household->config.mode != PROGRAM_EXEC)
        return lasting_new(stage, &household->config, &program->lasting);
    program->exec = exec_new(stage);
    return 0;
}

static void open_relays(struct program *program, const int *errors)
{
    struct stage *stage = &program->stage;
    stage->relays = allocate_zeroed(stage->slots, sizeof *stage->relays);
    stage->queue = stderr_queue_new(STDERR_FILENO);
    for (uint32_t slot = 0; slot < stage->slots; slot++)
        if (errors[slot] >= 0) {
            stage->relays[slot] =
                relay_new(errors[slot], slot, stage->slots > 1, stage->queue);
            stage_watch(stage, errors[slot], TAG_STDERR, slot, EPOLLIN);
        }
}

/* The household, and what stands between it and the poller. */
static int open_household(struct program *program, const struct program_config *config)
{
    struct stage *stage = &program->stage;
    /* The slots' stderr, and what wakes us: what the children have no use for. */
    uint32_t count = config->slots + 4;
    int *ours = allocate_zeroed(count, sizeof *ours);
    for (uint32_t i = 0; i < count; i++)
        ours[i] = -1;
    int result = household_init(&program->household, config, ours);
    if (result == 0)
        result = open_poller(program);
    open_relays(program, ours);
    ours[config->slots] = stage->poller;
    ours[config->slots + 1] = stage->wake;
    ours[config->slots + 2] = stage->limits.fd;
    ours[config->slots + 3] = stage->rest.over.fd;
    if (result == 0)
        result = household_fork(&program->household, program->path, ours, count);
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
                 config->slots, household_descriptors(config),
                 (uint64_t)limit.rlim_max);
    else
        snprintf(error, error_size, "cannot start the slots: %s", strerror(-result));
}

static int open_all(struct program *program, const struct program_config *config,
                    char *error, size_t error_size)
{
    int status = conditions_check(config, error, error_size);
    if (status == 0 && config->mode != PROGRAM_PLUGIN)
        status = command_resolve(config->argv, config->workdir, &program->path, error,
                                 error_size);
    if (status)
        return status;
    int result = open_household(program, config);
    if (result == 0 && household_prepares(config))
        status = household_await(&program->household, error, error_size);
    if (status)
        return status;
    if (result == 0)
        result = open_slots(program);
    if (result == 0)
        return 0;
    explain(config, result, error, error_size);
    return STATUS_IO;
}

int program_open(const struct program_config *config,
                 const struct program_events *events, struct program **ret_program,
                 char *error, size_t error_size)
{
    assert(config->slots > 0);
    struct program *program = allocate_zeroed(1, sizeof *program);
    *program = (struct program){
        .household = {.keeper_link = {-1, -1}, .zygote_link = {-1, -1}},
        .stage = {.events = *events,
                  .slots = config->slots,
                  .poller = -1,
                  .wake = -1,
                  .limits = {.fd = -1},
                  .rest = {.over = {.fd = -1}},
                  .starter = -1,
                  .max_result = UINT64_MAX,
                  .memory_bytes = config->memory_bytes,
                  .used_bytes = allocate_zeroed(config->slots, sizeof(uint64_t))},
    };
    oom_watch_init(&program->stage.oom);
    struct program_config own = *config;
    own.argv = program->words = command_words(config->argv, config->shell);
    int status = open_all(program, &own, error, error_size);
    if (status)
        program_close(&program);
    else
        *ret_program = program;
    return status;
}

void program_set_max_result(struct program *program, uint64_t bytes)
{
    program->stage.max_result = bytes;
}

void program_start(struct program *program, uint32_t slot,
                   const struct program_task *task)
{
    assert(slot < program->stage.slots);
    if (program->exec)
        exec_start(program->exec, slot, task);
    else if (program->lasting)
        lasting_start(program->lasting, slot, task);
    else
        plugin_start(program->plugin, slot, task);
}

void program_flush(struct program *program)
{
    if (program->plugin)
        plugin_flush(program->plugin);
    if (program->lasting)
        lasting_flush(program->lasting);
}

uint32_t program_depth(const struct program *program)
{
    if (program->exec)
        return 1;
    return program->plugin ? plugin_depth() : lasting_depth();
}

void program_kill(struct program *program, uint32_t slot, uint64_t seq,
                  uint32_t attempt)
{
    assert(slot < program->stage.slots);
    if (program->exec)
        exec_kill(program->exec, slot, seq, attempt);
    else if (program->lasting)
        lasting_kill(program->lasting, slot, seq, attempt);
    else
        plugin_kill(program->plugin, slot, seq, attempt);
}

uint32_t program_poll_max(const struct program *program)
{
    (void)program;
    return 1;
}

uint32_t program_poll(struct program *program, zmq_pollitem_t *items)
{
    items[0] = (zmq_pollitem_t){.fd = program->stage.poller, .events = ZMQ_POLLIN};
    return 1;
}

static void shift_times(struct program *program, int64_t by_us)
{
    alarms_shift(&program->stage.limits, by_us);
    if (program->lasting)
        lasting_shift(program->lasting, by_us);
}

/* Whoever has ended it: a new worker has a new one. */
static void tell_zygote_gone(struct program *program, int status)
{
    const char *name = program->household.config.argv[0];
    if (WIFSIGNALED(status))
        stage_break(&program->stage, STATUS_PEER,
                    "%s: the process that forks the slots was killed by signal %d (%s)",
                    name, WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        stage_break(&program->stage, STATUS_PEER,
                    "%s: the process that forks the slots ended with status %d", name,
                    WEXITSTATUS(status));
}

static void on_link(struct program *program, int link)
{
    struct report report;
    for (int left = EVENTS_MAX; left > 0; left--) {
        int got = link_take_report(link, &report, 0);
        if (got == 0)
            return;
        if (got > 0 && report.kind == REPORT_REFUSED) {
            stage_break(&program->stage, STATUS_PEER, "%s", report.text);
            return;
        }
        if (got > 0 && report.slot == program->stage.slots) {
            tell_zygote_gone(program, report.value);
            return;
        }
        if (got < 0 || report.slot >= program->stage.slots) {
            epoll_ctl(program->stage.poller, EPOLL_CTL_DEL, link, NULL);
            /* Whoever has ended it: a new worker has a new one. */
            stage_break(&program->stage, STATUS_PEER,
                        "the process that runs %s has ended",
                        program->plugin ? "the plugin" : "the commands");
            return;
        }
        if (report.kind == REPORT_ENDED || report.kind == REPORT_GREEDY)
            program->stage.used_bytes[report.slot] = report.memory_bytes;
        if (report.kind == REPORT_CONTINUED)
            shift_times(program, report.value * INT64_C(1000));
        else if (program->exec)
            exec_on_report(program->exec, &report);
        else if (program->lasting)
            lasting_on_report(program->lasting, &report);
        else
            plugin_on_report(program->plugin, &report);
    }
}

static void on_limit(struct program *program, int64_t now_us)
{
    uint32_t slot;
    while (alarms_take(&program->stage.limits, now_us, &slot))
        if (program->exec)
            exec_on_limit(program->exec, slot);
        else if (program->lasting)
            lasting_on_time(program->lasting, slot);
        else
            plugin_on_limit(program->plugin, slot);
}

static void on_rest(struct program *program, int64_t now_us)
{
    uint32_t slot;
    while (rest_take(&program->stage.rest, now_us, &slot))
        if (program->exec)
            exec_on_rested(program->exec, slot);
        else if (program->lasting)
            lasting_on_rested(program->lasting, slot);
        else
            plugin_on_rested(program->plugin, slot);
}

static void on_stderr(struct program *program, uint32_t slot, uint32_t events)
{
    struct relay *relay = program->stage.relays[slot];
    uint64_t seq;
    if (program->plugin && plugin_running(program->plugin, slot, &seq))
        relay_speaker(relay, seq);
    if (program->lasting && lasting_running(program->lasting, slot, &seq))
        relay_speaker(relay, seq);
    relay_read(relay);
    if (!(events & EPOLLIN)) /* nobody can write to it any more */
        epoll_ctl(program->stage.poller, EPOLL_CTL_DEL, relay_fd(relay), NULL);
}

static void on_wake(struct program *program)
{
    eventfd_t count;
    (void)eventfd_read(program->stage.wake, &count);
    if (program->exec)
        exec_settle_all(program->exec);
    else if (program->lasting)
        lasting_settle_all(program->lasting);
    else
        plugin_settle_all(program->plugin);
}

static void on_event(struct program *program, const struct epoll_event *event,
                     int64_t now_us)
{
    uint32_t slot = (uint32_t)event->data.u64;
    switch ((enum tag)(event->data.u64 >> 32)) {
    case TAG_KEEPER:
        on_link(program, program->household.keeper_link[0]);
        break;
    case TAG_ZYGOTE:
        on_link(program, program->household.zygote_link[0]);
        break;
    case TAG_WAKE:
        on_wake(program);
        break;
    case TAG_STDERR:
        on_stderr(program, slot, event->events);
        break;
    case TAG_DRAIN:
        epoll_ctl(program->stage.poller, EPOLL_CTL_DEL, STDERR_FILENO, NULL);
        break;
    case TAG_INPUT:
        if (program->lasting)
            lasting_on_input(program->lasting, slot);
        else
            exec_on_input(program->exec, slot);
        break;
    case TAG_OUTPUT:
        if (program->lasting)
            lasting_on_output(program->lasting, slot);
        else
            exec_on_output(program->exec, slot);
        break;
    case TAG_BELL:
        plugin_on_bell(program->plugin, slot);
        break;
    case TAG_REST:
        on_rest(program, now_us);
        break;
    case TAG_LIMIT:
        on_limit(program, now_us);
        break;
    case TAG_LOOK:
        plugin_on_look(program->plugin);
        break;
    }
}

void program_handle(struct program *program, const zmq_pollitem_t *items,
                    uint32_t count, int64_t now_us)
{
    struct stage *stage = &program->stage;
    oom_watch_tick(&stage->oom, now_us);
    if (count == 0 || !(items[0].revents & ZMQ_POLLIN))
        return;
    struct epoll_event events[EVENTS_MAX];
    int found = epoll_wait(stage->poller, events, EVENTS_MAX, 0);
    for (int i = 0; i < found; i++)
        on_event(program, &events[i], now_us);
    if (!stderr_queue_push(stage->queue, 0))
        stage_watch(stage, STDERR_FILENO, TAG_DRAIN, 0, EPOLLOUT);
}

/* What the programs of lasting slots still say is heard, until they have ended. */
static void end_lasting(struct program *program)
{
    int64_t now_us = clock_now_us();
    int64_t end_us = now_us + LASTING_WAIT_MS * INT64_C(1000);
    zmq_pollitem_t item;
    lasting_end(program->lasting);
    while (!lasting_is_over(program->lasting) && now_us < end_us &&
           !program->stage.broken) {
        uint32_t count = program_poll(program, &item);
        (void)zmq_poll(&item, (int)count, clock_poll_ms(now_us, end_us, -1));
        now_us = clock_now_us();
        program_handle(program, &item, count, now_us);
    }
}

void program_close(struct program **program_p)
{
    struct program *program = *program_p;
    if (!program)
        return;
    struct stage *stage = &program->stage;
    if (program->lasting && !stage->broken)
        end_lasting(program);
    household_end(&program->household, stage->starter >= 0 && !stage->broken);
    exec_destroy(&program->exec);
    lasting_destroy(&program->lasting);
    plugin_destroy(&program->plugin);
    for (uint32_t slot = 0; stage->relays && slot < stage->slots; slot++) {
        if (stage->relays[slot])
            relay_finish(stage->relays[slot]);
        relay_destroy(&stage->relays[slot]);
    }
    free(stage->relays);
    if (stage->queue)
        stderr_queue_push(stage->queue, STDERR_WAIT_MS);
    stderr_queue_destroy(&stage->queue);
    oom_watch_deinit(&stage->oom);
    alarms_deinit(&stage->limits);
    rest_deinit(&stage->rest);
    if (stage->poller >= 0)
        close(stage->poller);
    if (stage->wake >= 0)
        close(stage->wake);
    free(stage->used_bytes);
    free(program->path);
    command_free_words(&program->words);
    free(program);
    *program_p = NULL;
}

uint32_t program_prepared(const struct program *program)
{
    return program->household.prepared;
}
