/* SPDX-License-Identifier: MIT */
/*
 * The launcher's loop: gives ends of processes and signals to launcher.c, and does what
 * that decides. Answerable for the processes and descriptors of a run; decides nothing
 * itself, and uses only the public options of the roles.
 */
#include "deploy/local/fanfold.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/process/descendants.h"
#include "common/process/fds.h"
#include "common/process/strangers.h"
#include "common/process/worker_cgroup.h"
#include "common/service/service_manager.h"
#include "deploy/local/child.h"
#include "deploy/local/cleanup_process.h"
#include "deploy/local/dry_run.h"
#include "deploy/local/launcher.h"
#include "deploy/local/launcher_signals.h"
#include "deploy/local/preflight.h"
#include "deploy/local/remote_workers.h"
#include "deploy/local/rerun_words.h"
#include "deploy/local/role_words.h"
#include "deploy/local/run_keys.h"
#include "deploy/local/slurm_role.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a worker's helpers may take to end the programs of its slots. */
enum { ORPHANS_MS = 3000 };

struct fanfold {
    const struct arguments *arguments;
    struct launcher launcher;
    struct launcher_signals signals;
    struct service_manager manager;
    bool worker_lost; /* a signal has ended one */
    bool alone;       /* all our children, and all we ever get, descend from the run */
    struct cleanup_process *cleanup_process;
    struct run_keys run_keys;
    struct remote_workers remote; /* all zero: the worker is this host's */
    char sockets[2][128];         /* of this host, for remote */
    struct slurm_role slurm;      /* the worker's role, where Slurm has it */
    char *programs[ROLE_COUNT];
    pid_t pids[ROLE_COUNT]; /* 0: the role does not run */
    int alive_fd;     /* readable once the worker has finished a task; -1: it has, or it
                         does not run */
    int committed_fd; /* --committed-fd, which the ventilator inherits; -1: none */
    int worker_fd;    /* at its end once no process of the last worker's is left */
};

static int find_programs(struct fanfold *fanfold)
{
    for (int i = 0; i < ROLE_COUNT; i++) {
        fanfold->programs[i] = child_find((enum role)i);
        if (!fanfold->programs[i]) {
            say("cannot find %s: neither beside fanfold nor in PATH", role_programs[i]);
            return STATUS_NOT_FOUND;
        }
    }
    return STATUS_OK;
}

static int open_run(struct fanfold *fanfold)
{
    char error[512];
    fanfold->alone = descendants_adopt();
    int result = launcher_signals_open(&fanfold->signals);
    if (result < 0)
        snprintf(error, sizeof error, "cannot receive signals: %s", strerror(-result));
    else
        result = cleanup_process_start(
            &fanfold->cleanup_process,
            arguments_value(fanfold->arguments, "endpoint-file"),
            arguments_has(fanfold->arguments, "private-dead-letters"), error,
            sizeof error);
    if (result < 0) {
        say("%s", error);
        return STATUS_IO;
    }
    strangers_spare(cleanup_process_pid(fanfold->cleanup_process));
    launcher_init(&fanfold->launcher,
                  &(struct launcher_config){
                      .restarts = arguments_isolate(fanfold->arguments)
                                      ? LAUNCHER_RESTARTS_ISOLATE
                                      : LAUNCHER_RESTARTS,
                      .open = fanfold->arguments->tasks != NULL,
                      .drains = arguments_take_messages(fanfold->arguments),
                      .remote = arguments_remote(fanfold->arguments),
                  });
    return STATUS_OK;
}

/* A worker writes to a pipe of its own once it has finished a task. Returns the
 * worker's end; -1: there is none. */
static int open_alive_pipe(struct fanfold *fanfold, enum role role)
{
    int theirs;
    if (role != ROLE_WORKER || pipe_open(PIPE_READ, &fanfold->alive_fd, &theirs) < 0)
        return -1;
    fd_close(&fanfold->worker_fd);
    fanfold->worker_fd = fcntl(fanfold->alive_fd, F_DUPFD_CLOEXEC, 0);
    return theirs;
}

static char **make_words(struct fanfold *fanfold, enum role role, int alive_fd)
{
    const char *directory = cleanup_process_directory(fanfold->cleanup_process);
    char tasks[128], results[128];
    char *rerun = role == ROLE_SINK ? rerun_words(fanfold->arguments) : NULL;
    char *join = role == ROLE_VENTILATOR ? join_words(fanfold->arguments) : NULL;
    struct run_words run = {
        .tasks = tasks,
        .results = results,
        .alive_fd = alive_fd,
        .places_fd = slurm_role_fd(&fanfold->slurm),
        .progress = arguments_show_progress(fanfold->arguments),
        .ready_file = fanfold->remote.endpoint_file,
        .keys = fanfold->run_keys.directory,
        .join_key = fanfold->run_keys.worker_file,
        .join_words = join,
        .letters = cleanup_process_letters(fanfold->cleanup_process),
        .rerun = rerun,
    };
    snprintf(tasks, sizeof tasks, "ipc://%s/tasks", directory);
    snprintf(results, sizeof results, "ipc://%s/results", directory);
    char **words = role_words(fanfold->arguments, role, &run);
    free(join);
    free(rerun);
    return words;
}

/* In the child that stands for the worker. */
static int run_remote(void *context)
{
    struct fanfold *fanfold = context;
    return ssh_workers_run(&fanfold->remote.config);
}

static void start_role(struct fanfold *fanfold, enum role role)
{
    if (role == ROLE_WORKER && slurm_role_start(&fanfold->slurm))
        return;
    int alive_fd = open_alive_pipe(fanfold, role);
    char **words = make_words(fanfold, role, alive_fd);
    fanfold->remote.config.alive_fd = alive_fd;
    struct child_start start = {
        .run = role == ROLE_WORKER && fanfold->remote.options ? run_remote : NULL,
        .context = fanfold,
        .role = role,
        .path = fanfold->programs[role],
        .argv = words,
        .keep_fd = role == ROLE_VENTILATOR ? slurm_role_fd(&fanfold->slurm) : alive_fd,
        .also_keep_fd = role == ROLE_VENTILATOR ? fanfold->committed_fd : -1,
        .signals = &fanfold->signals,
    };
    pid_t pid = child_start(&start);
    role_words_free(&words);
    fd_close(&alive_fd);
    if (role == ROLE_VENTILATOR)
        slurm_role_started(&fanfold->slurm);
    if (pid < 0) {
        say("cannot start %s: %s", role_name(fanfold->arguments, role), strerror(-pid));
        launcher_on_end(&fanfold->launcher, role, (struct ending){false, STATUS_IO},
                        clock_now_us());
        return;
    }
    fanfold->pids[role] = pid;
    strangers_spare(pid);
    cleanup_process_watch(fanfold->cleanup_process, role, pid);
}

static void describe(char *buffer, size_t size, struct ending ending)
{
    if (ending.signalled)
        snprintf(buffer, size, "was killed by signal %d (%s)", ending.code,
                 strsignal(ending.code));
    else
        snprintf(buffer, size, "ended with status %d", ending.code);
}

static void tell_person(const struct fanfold *fanfold,
                        const struct launcher_action *action)
{
    const char *program = role_name(fanfold->arguments, action->role);
    char cause[128];
    describe(cause, sizeof cause, action->ending);
    switch (action->notice) {
    case NOTICE_KILLED:
        say("%s %s", program, cause);
        break;
    case NOTICE_TERMINATED:
        say("%s was terminated", program);
        break;
    case NOTICE_RESTARTED:
        say("%s %s; starting it again", program, cause);
        break;
    case NOTICE_GAVE_UP:
        say("%s %s, and was started %d times in a row without finishing a task; "
            "giving up",
            program, cause, fanfold->launcher.config.restarts + 1);
        break;
    case NOTICE_STUCK:
        say("%s does not end; killing it", program);
        break;
    case NOTICE_NONE:
        break;
    }
}

static void act(struct fanfold *fanfold, const struct launcher_action *action)
{
    switch (action->kind) {
    case LAUNCHER_START:
        start_role(fanfold, action->role);
        break;
    case LAUNCHER_SIGNAL:
        if (action->role == ROLE_WORKER &&
            slurm_role_signal(&fanfold->slurm, action->signal))
            break;
        kill(fanfold->pids[action->role], action->signal);
        break;
    case LAUNCHER_SAY:
        tell_person(fanfold, action);
        break;
    }
}

/* Does every action that is due; returns when the next one is due. */
static int64_t settle(struct fanfold *fanfold)
{
    struct launcher_action action;
    slurm_role_tick(&fanfold->slurm, &fanfold->launcher, clock_now_us());
    int64_t deadline_us = launcher_tick(&fanfold->launcher, clock_now_us());
    while (launcher_next(&fanfold->launcher, &action)) {
        act(fanfold, &action);
        deadline_us = launcher_tick(&fanfold->launcher, clock_now_us());
    }
    return deadline_us;
}

static void hear_worker(struct fanfold *fanfold)
{
    char byte;
    if (fanfold->alive_fd < 0)
        return;
    ssize_t size = read(fanfold->alive_fd, &byte, 1);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size == 1)
        launcher_on_alive(&fanfold->launcher);
    fd_close(&fanfold->alive_fd);
}

/* In the order of the roles, so that launcher.c hears of the run's end before that of
 * the worker. */
static void reap(struct fanfold *fanfold)
{
    for (int i = 0; i < ROLE_COUNT; i++) {
        enum role role = (enum role)i;
        struct ending ending;
        if (fanfold->pids[i] == 0 || !child_ended(fanfold->pids[i], &ending))
            continue;
        strangers_release(fanfold->pids[i]);
        fanfold->pids[i] = 0;
        cleanup_process_watch(fanfold->cleanup_process, role, 0);
        if (role == ROLE_WORKER) {
            hear_worker(fanfold);
            fd_close(&fanfold->alive_fd);
            fanfold->worker_lost |= ending.signalled;
        }
        launcher_on_end(&fanfold->launcher, role, ending, clock_now_us());
    }
}

/* The only line about the signal: every role gets SIGTERM instead, and says nothing. */
static void tell_signal(const struct fanfold *fanfold, int signal, bool drains)
{
    const char *what = fanfold->launcher.config.drains ? "what has come"
                                                       : "the running tasks";
    log_hurry(); /* the next signal must not wait for a reader of this */
    say("%s%s%s%s",
        signal == SIGINT   ? "interrupted"
        : signal == SIGHUP ? "hung up"
                           : "terminated",
        drains ? ": it finishes " : "", drains ? what : "",
        drains ? "; a second signal stops it" : "");
}

/* Whether a child has ended, which may be one that the kernel gave us. */
static bool hear_signals(struct fanfold *fanfold)
{
    bool child_ended = false;
    int signal;
    while ((signal = launcher_signals_next(&fanfold->signals)) != 0) {
        if (signal == SIGCHLD) {
            child_ended = true;
            continue;
        }
        bool first = !fanfold->launcher.signal;
        bool drains = launcher_on_signal(&fanfold->launcher, signal, clock_now_us());
        if (first)
            tell_signal(fanfold, signal, drains);
    }
    return child_ended;
}

/* Ends the programs that a worker and its supervisor left behind: nobody waits for
 * their results. */
static void end_strays(struct fanfold *fanfold)
{
    struct children keep = {NULL, 0};
    if (!fanfold->alone) {
        strangers_reap();
        return;
    }
    children_add(&keep, (struct child_process){
                            cleanup_process_pid(fanfold->cleanup_process), 0});
    for (int i = 0; i < ROLE_COUNT; i++)
        children_add(&keep, (struct child_process){fanfold->pids[i], getpgrp()});
    while (child_end_strays(&keep))
        ;
    children_deinit(&keep);
}

/* A service manager that started this one hears of it alone: the roles take no part. */
static int64_t tell_manager(struct fanfold *fanfold)
{
    service_manager_ready(&fanfold->manager);
    if (fanfold->launcher.phase > RUN_STARTING || launcher_over(&fanfold->launcher))
        service_manager_stopping(&fanfold->manager);
    return service_manager_tick(&fanfold->manager, clock_now_us());
}

static void run_loop(struct fanfold *fanfold)
{
    for (;;) {
        int64_t deadline_us = settle(fanfold);
        int64_t manager_us = tell_manager(fanfold);
        if (launcher_over(&fanfold->launcher))
            return;
        if (manager_us < deadline_us)
            deadline_us = manager_us;
        struct pollfd items[2 + SLURM_POLL_MAX] = {
            {.fd = fanfold->signals.fd, .events = POLLIN},
            {.fd = fanfold->alive_fd, .events = POLLIN},
        };
        nfds_t count = 2 + slurm_role_poll(&fanfold->slurm, items + 2, &deadline_us);
        poll(items, count, clock_poll_ms(clock_now_us(), deadline_us, -1));
        if (items[1].revents)
            hear_worker(fanfold);
        if (!hear_signals(fanfold))
            continue;
        reap(fanfold);
        end_strays(fanfold);
    }
}

/* A sink that ends by itself says this itself. */
static void tell_how_to_resume(const struct fanfold *fanfold)
{
    char *journal;
    if (!launcher_sink_was_lost(&fanfold->launcher))
        return;
    journal = preflight_journal(fanfold->arguments);
    if (journal)
        say("%s says how far the output is: repeat the command with --resume to "
            "continue",
            journal);
    free(journal);
}

static int open_remote(struct fanfold *fanfold)
{
    const char *private = cleanup_process_directory(fanfold->cleanup_process);
    struct remote_workers *remote = &fanfold->remote;
    remote_workers_init(remote, fanfold->arguments, private,
                        fanfold->programs[ROLE_WORKER]);
    snprintf(fanfold->sockets[0], sizeof fanfold->sockets[0], "%s/tasks", private);
    snprintf(fanfold->sockets[1], sizeof fanfold->sockets[1], "%s/results", private);
    remote->config.tasks = fanfold->sockets[0];
    remote->config.results = fanfold->sockets[1];
    return ssh_workers_check(&remote->config) ? STATUS_OK : STATUS_USAGE;
}

static void close_run(struct fanfold *fanfold)
{
    slurm_role_close(&fanfold->slurm);
    child_await_closed(fanfold->worker_fd, ORPHANS_MS);
    fd_close(&fanfold->worker_fd);
    remote_workers_deinit(&fanfold->remote);
    run_keys_close(&fanfold->run_keys, fanfold->arguments);
    cleanup_process_dismiss(&fanfold->cleanup_process);
    if (fanfold->alone)
        child_reap_orphans(ORPHANS_MS);
    if (fanfold->worker_lost)
        worker_cgroup_sweep();
    launcher_signals_close(&fanfold->signals);
    for (int i = 0; i < ROLE_COUNT; i++)
        free(fanfold->programs[i]);
}

int fanfold_run(const struct arguments *arguments)
{
    struct fanfold fanfold = {
        .arguments = arguments,
        .signals = {.fd = -1},
        .alive_fd = -1,
        .worker_fd = -1,
        .run_keys = RUN_KEYS_NONE,
    };
    int status;
    service_manager_open(&fanfold.manager, clock_now_us());
    if (arguments_has(arguments, "committed"))
        return committed_print(arguments);
    status = preflight_check(arguments);
    if (status != STATUS_OK)
        return status;
    fanfold.committed_fd = child_hold_fd(arguments_value(arguments, "committed-fd"));
    if (arguments_has(arguments, "dry-run"))
        return dry_run(arguments);
    status = find_programs(&fanfold);
    if (status == STATUS_OK)
        status = open_run(&fanfold);
    if (status == STATUS_OK)
        status = run_keys_open(&fanfold.run_keys, arguments,
                               cleanup_process_directory(fanfold.cleanup_process));
    if (status == STATUS_OK && arguments_remote(arguments))
        status = open_remote(&fanfold);
    if (status == STATUS_OK)
        status = slurm_role_open(&fanfold.slurm, arguments,
                                 fanfold.programs[ROLE_WORKER],
                                 fanfold.run_keys.worker_file, &fanfold.signals);
    if (status == STATUS_OK) {
        log_share_line(arguments_show_progress(arguments));
        run_loop(&fanfold);
        tell_how_to_resume(&fanfold);
        status = launcher_status(&fanfold.launcher);
    }
    close_run(&fanfold);
    return status;
}
