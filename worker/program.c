/* SPDX-License-Identifier: MIT */
/*
 * Puts the parts together: forks the keeper (and, below it, the zygote), gives each
 * slot its stderr, polls, and hands what happens to exec or plugin. The order of
 * program_open matters: what the children inherit is made before they are forked, and
 * each closes what is the other's.
 */
#include "worker/program.h"
#include "common/exit_status.h"
#include "worker/command.h"
#include "worker/descendants.h"
#include "worker/exec.h"
#include "worker/keeper.h"
#include "worker/plugin.h"
#include "worker/spawner.h"
#include "worker/stage.h"
#include "worker/zygote.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 64,       /* handled in one program_handle */
    CLOSE_WAIT_MS = 10000, /* for the keeper, before it is killed itself */
    FINISH_WAIT_MS = 6000, /* for the plugin's finish, which has five seconds */
    STDERR_WAIT_MS = 200,  /* for the last lines, at the end */
};

struct program {
    struct program_config config;
    struct stage stage;
    struct exec *exec;     /* in exec mode */
    struct plugin *plugin; /* in plugin mode */
    char *path;            /* exec: what argv[0] was resolved to */
    pid_t keeper;          /* 0: not forked, or reaped */
    int keeper_link[2];    /* ours, the keeper's; -1: closed */
    int zygote_link[2];    /* ours, the zygote's; -1: closed, or exec */
    int *errors;           /* the slots' ends of stderr, until the keeper has them */
    uint32_t prepared;
    struct rlimit descriptors; /* as it was when we were called */
};

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        abort();
    return memory;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* In the keeper and below: nothing of the worker's stays open. */
static void drop_worker_side(struct program *program)
{
    close_fd(&program->keeper_link[0]);
    close_fd(&program->zygote_link[0]);
    close_fd(&program->stage.poller);
    close_fd(&program->stage.wake);
    for (uint32_t slot = 0; slot < program->config.slots; slot++)
        close(relay_fd(program->stage.relays[slot]));
}

/* Ours may be many; a user's program gets the limit that we were given. */
static void raise_descriptors(struct program *program)
{
    if (getrlimit(RLIMIT_NOFILE, &program->descriptors) < 0)
        return;
    struct rlimit raised = program->descriptors;
    raised.rlim_cur = raised.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &raised);
}

static void restore_descriptors(const struct program *program)
{
    /* The keeper itself has a pipe or two a slot, and the worker's until it closed
     * them. */
    if (program->descriptors.rlim_cur >= 4 * (rlim_t)program->config.slots + 64)
        (void)setrlimit(RLIMIT_NOFILE, &program->descriptors);
}

static pid_t fork_zygote(struct program *program)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    close_fd(&program->keeper_link[1]);
    zygote_run(&(struct zygote_config){
        .plugin = program->config.plugin,
        .argv = program->config.argv,
        .slots = program->config.slots,
        .link = program->zygote_link[1],
        .errors = program->errors,
    });
}

static pid_t start_nothing(void *context, const struct request *request, const int *fds,
                           unsigned count)
{
    (void)context, (void)request, (void)fds, (void)count;
    return -ENOSYS;
}

static void run_keeper(struct program *program)
{
    drop_worker_side(program);
    restore_descriptors(program);
    keeper_settle_in("fanfold-keeper");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    struct keeper_service service = {
        .link = program->keeper_link[1],
        .slots = program->config.slots,
        .start = start_nothing,
    };
    if (program->config.mode == PROGRAM_PLUGIN) {
        service.zygote = fork_zygote(program);
        close_fd(&program->zygote_link[1]);
        if (service.zygote < 0)
            _exit(STATUS_IO);
    } else {
        service.start = spawner_start;
        service.context = spawner_new(program->path, program->config.argv,
                                      program->config.worker, program->errors);
    }
    keeper_serve(&service);
    descendants_end();
    _exit(0);
}

static int open_errors(struct program *program)
{
    struct stage *stage = &program->stage;
    stage->relays = allocate(program->config.slots, sizeof *stage->relays);
    program->errors = allocate(program->config.slots, sizeof *program->errors);
    stage->queue = stderr_queue_new(STDERR_FILENO);
    for (uint32_t slot = 0; slot < program->config.slots; slot++)
        program->errors[slot] = -1;
    for (uint32_t slot = 0; slot < program->config.slots; slot++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return -errno;
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        stage->relays[slot] =
            relay_new(ends[0], slot, program->config.slots > 1, stage->queue);
        program->errors[slot] = ends[1];
        stage_watch(stage, ends[0], TAG_STDERR, slot, EPOLLIN);
    }
    return 0;
}

static void close_errors(struct program *program)
{
    for (uint32_t slot = 0; program->errors && slot < program->config.slots; slot++)
        close_fd(&program->errors[slot]);
    free(program->errors);
    program->errors = NULL;
}

static int open_links(struct program *program)
{
    struct stage *stage = &program->stage;
    stage->poller = epoll_create1(EPOLL_CLOEXEC);
    stage->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stage->poller < 0 || stage->wake < 0)
        return -errno;
    int result = link_pair(program->keeper_link);
    if (result == 0 && program->config.mode == PROGRAM_PLUGIN)
        result = link_pair(program->zygote_link);
    if (result < 0)
        return result;
    stage_watch(stage, stage->wake, TAG_WAKE, 0, EPOLLIN);
    stage_watch(stage, program->keeper_link[0], TAG_KEEPER, 0, EPOLLIN);
    stage->starter = program->keeper_link[0];
    if (program->config.mode == PROGRAM_PLUGIN) {
        stage->starter = program->zygote_link[0];
        stage_watch(stage, stage->starter, TAG_ZYGOTE, 0, EPOLLIN);
    }
    return 0;
}

static int fork_keeper(struct program *program)
{
    /* Should the keeper be killed, its children become ours. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    program->keeper = fork();
    if (program->keeper < 0) {
        program->keeper = 0;
        return -errno;
    }
    if (program->keeper == 0)
        run_keeper(program);
    close_fd(&program->keeper_link[1]);
    close_fd(&program->zygote_link[1]);
    close_errors(program);
    return 0;
}

/* The zygote went without a word: the keeper knows how. */
static void explain_zygote(struct program *program, char *error, size_t size)
{
    struct report report;
    const char *plugin = program->config.plugin;
    if (link_take_report(program->keeper_link[0], &report, 1) <= 0)
        snprintf(error, size, "%s: the keeper ended while it was prepared", plugin);
    else if (WIFSIGNALED(report.value))
        snprintf(error, size, "%s: killed by signal %d (%s) while it was prepared",
                 plugin, WTERMSIG(report.value), strsignal(WTERMSIG(report.value)));
    else
        snprintf(error, size, "%s: called exit (%d) while it was prepared", plugin,
                 WEXITSTATUS(report.value));
}

static int await_prepared(struct program *program, char *error, size_t error_size)
{
    struct report report;
    if (link_take_report(program->zygote_link[0], &report, 1) <= 0) {
        explain_zygote(program, error, error_size);
        return STATUS_CANNOT_EXECUTE;
    }
    if (report.kind == REPORT_REFUSED) {
        snprintf(error, error_size, "%s", report.text);
        return report.value;
    }
    program->prepared = (uint32_t)report.value;
    return 0;
}

static int open_all(struct program *program, char *error, size_t error_size)
{
    if (program->config.mode == PROGRAM_EXEC) {
        int status =
            command_resolve(program->config.argv, &program->path, error, error_size);
        if (status)
            return status;
    }
    int result = open_links(program);
    if (result == 0)
        result = open_errors(program);
    if (result == 0)
        result = fork_keeper(program);
    if (result == 0 && program->config.mode == PROGRAM_PLUGIN) {
        int status = await_prepared(program, error, error_size);
        if (status)
            return status;
        result = plugin_new(&program->stage, &program->plugin);
    }
    if (result < 0) {
        snprintf(error, error_size, "cannot start the slots: %s", strerror(-result));
        return STATUS_IO;
    }
    if (program->config.mode == PROGRAM_EXEC)
        program->exec = exec_new(&program->stage);
    return 0;
}

int program_open(const struct program_config *config,
                 const struct program_events *events, struct program **ret_program,
                 char *error, size_t error_size)
{
    assert(config->slots > 0);
    struct program *program = allocate(1, sizeof *program);
    *program = (struct program){
        .config = *config,
        .stage = {.events = *events,
                  .slots = config->slots,
                  .poller = -1,
                  .wake = -1,
                  .starter = -1,
                  .max_result = UINT64_MAX},
        .keeper_link = {-1, -1},
        .zygote_link = {-1, -1},
    };
    oom_watch_init(&program->stage.oom);
    raise_descriptors(program);
    int status = open_all(program, error, error_size);
    if (status)
        program_close(&program);
    else
        *ret_program = program;
    return status;
}

/* True: it has ended in time. */
static bool await_keeper(pid_t keeper, int *ret_status)
{
    int handle = (int)syscall(SYS_pidfd_open, keeper, 0);
    struct pollfd polled = {.fd = handle, .events = POLLIN};
    bool ended = handle < 0 || poll(&polled, 1, CLOSE_WAIT_MS) > 0;
    if (handle >= 0)
        close(handle);
    if (!ended)
        kill(keeper, SIGKILL);
    while (waitpid(keeper, ret_status, 0) < 0 && errno == EINTR)
        ;
    return ended;
}

/* Lets the plugin finish. The keeper reports nothing else than the zygote's end. */
static void end_zygote(struct program *program)
{
    if (program->zygote_link[0] < 0)
        return;
    (void)link_request(program->zygote_link[0],
                       &(struct request){.kind = REQUEST_FINISH}, NULL, 0);
    struct pollfd polled = {.fd = program->keeper_link[0], .events = POLLIN};
    if (program->plugin && !program->stage.broken)
        (void)poll(&polled, 1, FINISH_WAIT_MS);
    close_fd(&program->zygote_link[0]);
}

static void end_keeper(struct program *program)
{
    end_zygote(program);
    close_fd(&program->keeper_link[0]);
    if (!program->keeper)
        return;
    int status = -1;
    bool ended = await_keeper(program->keeper, &status);
    if (!ended || status != 0)
        descendants_end();
    program->keeper = 0;
}

void program_close(struct program **program_p)
{
    struct program *program = *program_p;
    if (!program)
        return;
    struct stage *stage = &program->stage;
    end_keeper(program);
    exec_destroy(&program->exec);
    plugin_destroy(&program->plugin);
    close_fd(&program->keeper_link[1]);
    close_fd(&program->zygote_link[1]);
    close_errors(program);
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
    close_fd(&stage->poller);
    close_fd(&stage->wake);
    free(program->path);
    free(program);
    *program_p = NULL;
}

void program_set_max_result(struct program *program, uint64_t bytes)
{
    program->stage.max_result = bytes;
}

void program_start(struct program *program, uint32_t slot,
                   const struct program_task *task)
{
    assert(slot < program->config.slots);
    if (program->exec)
        exec_start(program->exec, slot, task);
    else
        plugin_start(program->plugin, slot, task);
}

void program_flush(struct program *program)
{
    if (program->plugin)
        plugin_flush(program->plugin);
}

uint32_t program_depth(const struct program *program)
{
    return program->plugin ? plugin_depth() : 1;
}

void program_kill(struct program *program, uint32_t slot, uint64_t seq,
                  uint32_t attempt)
{
    assert(slot < program->config.slots);
    if (program->exec)
        exec_kill(program->exec, slot, seq, attempt);
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

static void on_link(struct program *program, int link)
{
    struct report report;
    for (int left = EVENTS_MAX; left > 0; left--) {
        int got = link_take_report(link, &report, 0);
        if (got == 0)
            return;
        if (got < 0 || report.slot >= program->stage.slots) {
            epoll_ctl(program->stage.poller, EPOLL_CTL_DEL, link, NULL);
            stage_break(&program->stage, STATUS_IO, "the %s process has ended%s",
                        link == program->stage.starter && program->plugin ? "zygote"
                                                                          : "keeper",
                        got < 0 ? "" : " with its slots");
            return;
        }
        if (program->exec)
            exec_on_report(program->exec, &report);
        else
            plugin_on_report(program->plugin, &report);
    }
}

static void on_stderr(struct program *program, uint32_t slot, uint32_t events)
{
    struct relay *relay = program->stage.relays[slot];
    uint64_t seq;
    if (program->plugin && plugin_running(program->plugin, slot, &seq))
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
    else
        plugin_settle_all(program->plugin);
}

static void on_event(struct program *program, const struct epoll_event *event)
{
    uint32_t slot = (uint32_t)event->data.u64;
    switch ((enum tag)(event->data.u64 >> 32)) {
    case TAG_KEEPER:
        on_link(program, program->keeper_link[0]);
        break;
    case TAG_ZYGOTE:
        on_link(program, program->zygote_link[0]);
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
        exec_on_input(program->exec, slot);
        break;
    case TAG_OUTPUT:
        exec_on_output(program->exec, slot);
        break;
    case TAG_BELL:
        plugin_on_bell(program->plugin, slot);
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
        on_event(program, &events[i]);
    if (!stderr_queue_push(stage->queue, 0))
        stage_watch(stage, STDERR_FILENO, TAG_DRAIN, 0, EPOLLOUT);
}

uint32_t program_prepared(const struct program *program)
{
    return program->prepared;
}
