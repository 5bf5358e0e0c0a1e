/* SPDX-License-Identifier: MIT */
/*
 * The loop of keeper and zygote. Invariants: a child's group is killed right after the
 * child is reaped, before its number can be another's; only after a good exit it may
 * live on, until the worker has read the output to its end and asks (REQUEST_KILL). The
 * loop never waits for the worker: a report that does not fit stays with its slot.
 *
 * A terminal's Ctrl-Z reaches the worker, not the slots with their groups: these we
 * stop and continue. We do not stop ourselves, so that the SIGCONT is not missed,
 * however soon it comes; but we start nothing meanwhile.
 */
#include "worker/keeper.h"
#include "common/clock.h"
#include "common/descendants.h"
#include "common/memory.h"
#include "worker/memory_watch.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
    pid_t pid;   /* 0: none runs */
    pid_t group; /* what may be left of the last one's group; 0: nothing */
    bool unsent; /* a report waits for room */
    enum report_kind kind;
    int32_t value;
    uint64_t memory_bytes; /* for which it was killed; 0: it was not */
};

struct keeper {
    const struct keeper_service *service;
    struct child *children;     /* one a slot, and the zygote */
    struct memory_watch *watch; /* NULL: memory has no limit */
    uint32_t count;
    bool stuck; /* some report is unsent */
    bool finish;
    bool stopped; /* the slots are, by us */
    int64_t stopped_at_us;
};

void keeper_settle_in(const char *name)
{
    static const int deaf[] = {SIGINT,  SIGTERM, SIGHUP, SIGQUIT,
                               SIGPIPE, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof deaf / sizeof *deaf; i++)
        signal(deaf[i], SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    sigset_t none; /* the worker may have blocked what it reads from a descriptor */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_NAME, name);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return;
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    if (null > STDERR_FILENO)
        close(null);
}

void keeper_reset_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void send_report(struct keeper *keeper, uint32_t slot)
{
    struct child *child = &keeper->children[slot];
    struct report report = {
        .kind = child->kind,
        .slot = slot,
        .value = child->value,
        .survivors = child->group != 0,
        .memory_bytes = child->memory_bytes,
    };
    if (child->kind == REPORT_UNSTARTABLE && keeper->service->why)
        snprintf(report.text, sizeof report.text, "%s", keeper->service->why);
    child->unsent = link_report(keeper->service->link, &report) == -EAGAIN;
    keeper->stuck |= child->unsent;
}

static void send_unsent(struct keeper *keeper)
{
    keeper->stuck = false;
    for (uint32_t slot = 0; slot < keeper->count; slot++)
        if (keeper->children[slot].unsent)
            send_report(keeper, slot);
}

static void follow(struct keeper *keeper, uint32_t slot, pid_t group)
{
    if (keeper->watch && slot < keeper->service->slots)
        memory_watch_follow(keeper->watch, slot, group);
}

static void start(struct keeper *keeper, const struct request *request, const int *fds,
                  unsigned count)
{
    struct child *child = &keeper->children[request->slot];
    child->group = 0;
    child->memory_bytes = 0;
    pid_t pid = keeper->service->start(keeper->service->context, request, fds, count);
    if (pid > 0) {
        child->pid = pid;
        follow(keeper, request->slot, pid);
        return;
    }
    child->kind = REPORT_UNSTARTABLE;
    child->value = -pid;
    send_report(keeper, request->slot);
}

static void kill_slot(struct child *child)
{
    if (child->pid) {
        kill(-child->pid, SIGKILL);
        kill(child->pid, SIGKILL); /* it may have gone to another group */
    } else if (child->group) {
        descendants_signal_group(child->group, SIGKILL);
    }
    child->group = 0;
}

/* The group lives on for as long as it likes, and the leader too. */
static void terminate_slot(const struct child *child)
{
    if (child->pid) {
        kill(-child->pid, SIGTERM);
        if (getpgid(child->pid) != child->pid) /* it has gone to another group */
            kill(child->pid, SIGTERM);
    } else if (child->group) {
        descendants_signal_group(child->group, SIGTERM);
    }
}

/* So that nobody's time is counted meanwhile. A full link is as good: then the worker
 * has not looked at times for long. */
static void tell_continued(struct keeper *keeper)
{
    int64_t stopped_ms = (clock_now_us() - keeper->stopped_at_us) / 1000;
    struct report report = {
        .kind = REPORT_CONTINUED,
        .value = stopped_ms < INT32_MAX ? (int32_t)stopped_ms : INT32_MAX,
    };
    bool deputed = keeper->service->deputed &&
                   keeper->children[keeper->service->slots].pid;
    if (!deputed)
        (void)link_report(keeper->service->link, &report);
}

static void stop_slots(struct keeper *keeper, bool stop)
{
    if (stop == keeper->stopped || (stop && descendants_orphaned()))
        return;
    int number = stop ? SIGSTOP : SIGCONT;
    keeper->stopped = stop;
    if (stop)
        keeper->stopped_at_us = clock_now_us();
    else
        tell_continued(keeper);
    for (uint32_t slot = 0; slot < keeper->service->slots; slot++) {
        const struct child *child = &keeper->children[slot];
        if (child->pid) {
            kill(-child->pid, number);
            kill(child->pid, number);
        } else if (child->group) {
            descendants_signal_group(child->group, number);
        }
    }
}

static void on_request(struct keeper *keeper, const struct request *request,
                       const int *fds, unsigned count)
{
    assert(request->slot < keeper->count);
    switch (request->kind) {
    case REQUEST_START:
        start(keeper, request, fds, count);
        break;
    case REQUEST_TERM:
        terminate_slot(&keeper->children[request->slot]);
        break;
    case REQUEST_KILL:
        kill_slot(&keeper->children[request->slot]);
        follow(keeper, request->slot, keeper->children[request->slot].pid);
        break;
    case REQUEST_FINISH:
        keeper->finish = true;
        break;
    }
}

/* False: the worker is gone. */
static bool take_requests(struct keeper *keeper)
{
    for (int left = 64; left > 0 && !keeper->finish; left--) {
        struct request request;
        int fds[LINK_FDS_MAX];
        unsigned count;
        int got = link_take_request(keeper->service->link, &request, fds, &count);
        if (got <= 0)
            return got == 0;
        on_request(keeper, &request, fds, count);
        for (unsigned i = 0; i < count; i++)
            close(fds[i]);
    }
    return true;
}

static void on_exit_of(struct keeper *keeper, pid_t pid, int status)
{
    for (uint32_t slot = 0; slot < keeper->count; slot++) {
        struct child *child = &keeper->children[slot];
        if (child->pid != pid)
            continue;
        bool survivors = kill(-pid, status == 0 ? 0 : SIGKILL) == 0;
        child->pid = 0;
        child->group = survivors && status == 0 ? pid : 0;
        child->kind = REPORT_ENDED;
        child->value = status;
        follow(keeper, slot, child->group);
        send_report(keeper, slot);
        return;
    }
    /* Somebody's orphan. */
}

static void reap(struct keeper *keeper)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        on_exit_of(keeper, pid, status);
}

static void take_signals(struct keeper *keeper, int signals)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTSTP)
            stop_slots(keeper, true);
        if (info.ssi_signo == SIGCONT)
            stop_slots(keeper, false);
    }
    reap(keeper);
}

/* Ends the slots that use too much memory. When to look again: milliseconds; -1: there
 * is nothing to look at. */
static int mind_memory(struct keeper *keeper)
{
    uint32_t slot;
    uint64_t used_bytes;
    int64_t now_us = clock_now_us();
    if (!keeper->watch)
        return -1;
    int64_t due_us = memory_watch_tick(keeper->watch, now_us);
    while (memory_watch_take(keeper->watch, &slot, &used_bytes)) {
        struct child *child = &keeper->children[slot];
        child->memory_bytes = used_bytes;
        kill_slot(child);
        if (child->pid || child->unsent)
            continue; /* the report of its end says so */
        child->kind = REPORT_GREEDY;
        send_report(keeper, slot);
    }
    return clock_poll_ms(now_us, due_us, -1);
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTSTP);
    sigaddset(&set, SIGCONT);
    sigprocmask(SIG_SETMASK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool keeper_serve(const struct keeper_service *service)
{
    struct keeper keeper = {.service = service, .count = service->slots + 1};
    keeper.children = allocate_zeroed(keeper.count, sizeof *keeper.children);
    int signals = open_signals();
    if (signals < 0)
        return false;
    keeper.children[service->slots].pid = service->zygote;
    if (service->memory_bytes)
        keeper.watch = memory_watch_new(service->memory_bytes, service->slots);
    bool open = true;
    /* Children may have ended before there was a descriptor to tell of it. */
    reap(&keeper);
    while (open && !keeper.finish) {
        struct pollfd polled[] = {
            {.fd = service->link, .events = keeper.stopped ? 0 : POLLIN},
            {.fd = signals, .events = POLLIN},
        };
        if (keeper.stuck)
            polled[0].events |= POLLOUT;
        if (poll(polled, 2, mind_memory(&keeper)) < 0)
            continue;
        if (polled[1].revents)
            take_signals(&keeper, signals);
        if (polled[0].revents & POLLOUT)
            send_unsent(&keeper);
        if (polled[0].revents & ~POLLOUT)
            open = take_requests(&keeper);
    }
    for (uint32_t slot = 0; slot < keeper.count; slot++)
        if (slot < service->slots || !keeper.finish)
            kill_slot(&keeper.children[slot]);
    memory_watch_destroy(&keeper.watch);
    free(keeper.children);
    close(signals);
    return keeper.finish;
}
