/* SPDX-License-Identifier: MIT */
/*
 * The launcher's loop: ends of processes and signals go to the core, what it decides is
 * done. Answerable for the processes and descriptors of a run; decides nothing itself,
 * and uses nothing of the roles but their public options.
 */
#include "deploy/local/fanfold.h"
#include "common/clock.h"
#include "common/descendants.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "deploy/local/child.h"
#include "deploy/local/dry_run.h"
#include "deploy/local/files.h"
#include "deploy/local/guardian.h"
#include "deploy/local/launcher.h"
#include "deploy/local/signals.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Time for what a killed worker leaves behind to be ended by its keeper. */
enum { ORPHANS_MS = 3000 };

struct fanfold {
    const struct arguments *arguments;
    struct launcher launcher;
    struct signals signals;
    struct children others; /* children that were there before the run's */
    struct guardian *guardian;
    char *programs[ROLE_COUNT];
    pid_t pids[ROLE_COUNT]; /* 0: it does not run */
    int alive_fd; /* readable once the worker has finished a task; -1: it has, or it
                     does not run */
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
    int result = signals_open(&fanfold->signals);

    if (result == 0)
        result = guardian_start(&fanfold->guardian);
    if (result < 0) {
        say("cannot make a private directory in $XDG_RUNTIME_DIR, $TMPDIR or /tmp: %s",
            strerror(-result));
        return STATUS_IO;
    }
    children_add(&fanfold->others, (struct kid){guardian_pid(fanfold->guardian), 0});
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    launcher_init(&fanfold->launcher,
                  &(struct launcher_config){
                      .restarts = arguments_isolate(fanfold->arguments)
                                      ? LAUNCHER_RESTARTS_ISOLATE
                                      : LAUNCHER_RESTARTS,
                      .open = fanfold->arguments->tasks != NULL,
                  });
    return STATUS_OK;
}

/* A worker's word that it finished a task comes over a pipe of its own. */
static int open_alive_pipe(struct fanfold *fanfold, enum role role)
{
    int ends[2];

    if (role != ROLE_WORKER || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -1;
    fanfold->alive_fd = ends[0];
    return ends[1];
}

static void close_alive_pipe(struct fanfold *fanfold)
{
    if (fanfold->alive_fd >= 0)
        close(fanfold->alive_fd);
    fanfold->alive_fd = -1;
}

static char **make_words(struct fanfold *fanfold, enum role role, int alive_fd)
{
    const char *directory = guardian_directory(fanfold->guardian);
    char tasks[128], results[128];
    struct run_words run = {
        .tasks = tasks,
        .results = results,
        .alive_fd = alive_fd,
        .progress = arguments_show_progress(fanfold->arguments),
    };

    snprintf(tasks, sizeof tasks, "ipc://%s/tasks", directory);
    snprintf(results, sizeof results, "ipc://%s/results", directory);
    return arguments_for(fanfold->arguments, role, &run);
}

static void start_role(struct fanfold *fanfold, enum role role)
{
    int alive_fd = open_alive_pipe(fanfold, role);
    char **words = make_words(fanfold, role, alive_fd);
    struct child_start start = {
        .role = role,
        .path = fanfold->programs[role],
        .argv = words,
        .keep_fd = alive_fd,
        .signals = &fanfold->signals,
    };
    pid_t pid = child_start(&start);

    arguments_free_words(&words);
    if (alive_fd >= 0)
        close(alive_fd);
    if (pid < 0) {
        say("cannot start %s: %s", role_programs[role], strerror(-pid));
        launcher_on_end(&fanfold->launcher, role, (struct ending){false, STATUS_IO},
                        clock_now_us());
        return;
    }
    fanfold->pids[role] = pid;
    guardian_watch(fanfold->guardian, role, pid);
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
    const char *program = role_programs[action->role];
    char how[128];

    describe(how, sizeof how, action->ending);
    switch (action->notice) {
    case NOTICE_KILLED:
        say("%s %s", program, how);
        break;
    case NOTICE_TERMINATED:
        say("%s was terminated", program);
        break;
    case NOTICE_RESTARTED:
        say("%s %s; starting it again", program, how);
        break;
    case NOTICE_GAVE_UP:
        say("%s %s, and was started %d times in a row without finishing a task; "
            "giving up",
            program, how, fanfold->launcher.config.restarts + 1);
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
        kill(fanfold->pids[action->role], action->signal);
        break;
    case LAUNCHER_SAY:
        tell_person(fanfold, action);
        break;
    }
}

/* Does all that is due; returns when something is due next. */
static int64_t settle(struct fanfold *fanfold)
{
    struct launcher_action action;
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
    close_alive_pipe(fanfold);
}

/* In the order of roles: the end of a run is known before the worker's. */
static void reap(struct fanfold *fanfold)
{
    for (int i = 0; i < ROLE_COUNT; i++) {
        enum role role = (enum role)i;
        struct ending ending;
        if (fanfold->pids[i] == 0 || !child_ended(fanfold->pids[i], &ending))
            continue;
        fanfold->pids[i] = 0;
        guardian_watch(fanfold->guardian, role, 0);
        if (role == ROLE_WORKER) {
            hear_worker(fanfold);
            close_alive_pipe(fanfold);
        }
        launcher_on_end(&fanfold->launcher, role, ending, clock_now_us());
    }
}

/* The one line of it: the roles get SIGTERM whatever came here, and keep silent. */
static void tell_signal(int signal, bool drains)
{
    say("%s%s",
        signal == SIGINT   ? "interrupted"
        : signal == SIGHUP ? "hung up"
                           : "terminated",
        drains ? ": finishing what runs (once more: stop at once)" : "");
}

/* Whether a child has ended, which may be one that was not ours at first. */
static bool hear_signals(struct fanfold *fanfold)
{
    bool child_ended = false;
    int signal;

    while ((signal = signals_next(&fanfold->signals)) != 0) {
        if (signal == SIGCHLD) {
            child_ended = true;
            continue;
        }
        bool first = !fanfold->launcher.signal;
        bool drains = launcher_on_signal(&fanfold->launcher, signal, clock_now_us());
        if (first)
            tell_signal(signal, drains);
    }
    return child_ended;
}

/* Nobody wants the results of what a worker and its keeper have left behind. */
static void end_strays(struct fanfold *fanfold)
{
    struct children keep = {NULL, 0};

    for (size_t i = 0; i < fanfold->others.count; i++)
        children_add(&keep, fanfold->others.items[i]);
    for (int i = 0; i < ROLE_COUNT; i++)
        children_add(&keep, (struct kid){fanfold->pids[i], getpgrp()});
    while (child_end_strays(&keep))
        ;
    children_deinit(&keep);
}

static void mind(struct fanfold *fanfold)
{
    int64_t deadline_us;

    while (deadline_us = settle(fanfold), !launcher_over(&fanfold->launcher)) {
        struct pollfd items[] = {
            {.fd = fanfold->signals.fd, .events = POLLIN},
            {.fd = fanfold->alive_fd, .events = POLLIN},
        };
        poll(items, 2, clock_poll_ms(clock_now_us(), deadline_us, -1));
        if (items[1].revents)
            hear_worker(fanfold);
        if (!hear_signals(fanfold))
            continue;
        reap(fanfold);
        end_strays(fanfold);
    }
}

/* A sink that ends by itself says so. */
static void tell_how_to_go_on(const struct fanfold *fanfold)
{
    char *journal;

    if (!launcher_sink_was_lost(&fanfold->launcher))
        return;
    journal = files_journal(fanfold->arguments);
    if (journal)
        say("%s says how far the output is: the same command with --resume goes on",
            journal);
    free(journal);
}

static void close_run(struct fanfold *fanfold)
{
    guardian_dismiss(&fanfold->guardian);
    child_bury_orphans(&fanfold->others, ORPHANS_MS);
    children_deinit(&fanfold->others);
    signals_close(&fanfold->signals);
    for (int i = 0; i < ROLE_COUNT; i++)
        free(fanfold->programs[i]);
}

int fanfold_run(const struct arguments *arguments)
{
    struct fanfold fanfold = {
        .arguments = arguments,
        .signals = {.fd = -1},
        .alive_fd = -1,
    };
    int status;

    status = files_check(arguments);
    if (status != STATUS_OK)
        return status;
    if (arguments_has(arguments, "dry-run"))
        return dry_run(arguments);
    children_list(&fanfold.others);
    status = find_programs(&fanfold);
    if (status == STATUS_OK)
        status = open_run(&fanfold);
    if (status == STATUS_OK) {
        log_share_line(arguments_show_progress(arguments));
        mind(&fanfold);
        tell_how_to_go_on(&fanfold);
        status = launcher_status(&fanfold.launcher);
    }
    close_run(&fanfold);
    return status;
}
