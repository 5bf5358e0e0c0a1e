/* SPDX-License-Identifier: MIT */
/*
 * The loop of supervisor, zygote and fork server. Invariants: the loop kills a child's
 * group before it reaps the child, while the number can be nobody else's; only after a
 * good exit the group may live on, until the worker has read all output and asks
 * (REQUEST_SETTLE, REQUEST_KILL). The loop never waits for the worker: a report that
 * finds no room stays with its slot.
 *
 * A terminal's Ctrl-Z reaches the worker, but not the slots, which have groups of their
 * own: the loop stops and continues them. It does not stop itself, so that it cannot
 * miss the SIGCONT, however soon that comes; but it starts nothing meanwhile.
 */
#include "worker/supervisor/supervisor.h"
#include "common/clock.h"
#include "common/memory.h"
#include "common/process/descendants.h"
#include "common/process/process_handle.h"
#include "common/process/signals.h"
#include "worker/supervisor/child.h"
#include "worker/supervisor/memory_watch.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUESTS_MAX = 64 /* taken in one iteration */ };

enum phase {
    SERVING,
    FINISHING, /* the worker has asked to finish */
    ABANDONED, /* the worker is gone */
};

struct supervisor {
    const struct supervisor_service *service;
    struct child *children; /* one a slot, and the zygote */
    struct memory_watch *watch;
    struct settling_log settling_log;
    uint32_t count;
    enum phase phase;
    bool unsent;           /* some child's report is */
    bool stopped;          /* we have stopped the slots */
    int64_t stopped_at_us; /* valid while stopped */
    int64_t look_us;       /* for processes that are stopped and no children */
};

static void set_phase(struct supervisor *supervisor, enum phase phase)
{
    assert(supervisor->phase == SERVING && phase != SERVING);
    supervisor->phase = phase;
}

static void send_report(struct supervisor *supervisor, uint32_t slot)
{
    struct child *child = &supervisor->children[slot];
    child_report(child, slot, supervisor->service->link, supervisor->service->why);
    supervisor->unsent |= child->unsent;
}

static void send_unsent(struct supervisor *supervisor)
{
    supervisor->unsent = false;
    for (uint32_t slot = 0; slot < supervisor->count; slot++)
        if (supervisor->children[slot].unsent)
            send_report(supervisor, slot);
}

/* From now on the slot's processes are those of this child; where that has ended well,
 * what it left, in whatever group, for as long as there is any. */
static void follow(struct supervisor *supervisor, uint32_t slot)
{
    const struct child *child = &supervisor->children[slot];
    bool some = child->pid || (child->kind == REPORT_ENDED && child->value == 0 &&
                               !child->doomed && child->group.leader);
    if (slot < supervisor->service->slots)
        memory_watch_follow(supervisor->watch, slot,
                            some || child->rest ? child->group.number : 0, child->pid);
}

static int start_child(struct supervisor *supervisor, const struct request *request,
                       const int *fds, unsigned count)
{
    const struct supervisor_service *service = supervisor->service;
    struct child *child = &supervisor->children[request->slot];
    int result = service->leads_groups ? slot_group_open(&child->group) : 0;
    if (result < 0)
        return result;
    pid_t pid =
        service->start(service->context, request, child->group.number, fds, count);
    if (pid > 0 && !service->leads_groups)
        slot_group_of(&child->group, pid);
    return pid;
}

static void start(struct supervisor *supervisor, const struct request *request,
                  const int *fds, unsigned count)
{
    struct child *child = &supervisor->children[request->slot];
    struct report started = {.kind = REPORT_STARTED, .slot = request->slot};
    child_begin(child);
    int pid = start_child(supervisor, request, fds, count);
    if (pid > 0) {
        child->pid = started.value = pid;
        follow(supervisor, request->slot);
        memory_watch_mark(supervisor->watch, request->slot,
                          supervisor->service->marks_tasks ? request : NULL);
        if (request->tells_pid)
            (void)spawn_link_report(supervisor->service->link, &started);
        return;
    }
    child->kind = REPORT_UNSTARTABLE;
    child->value = -pid;
    send_report(supervisor, request->slot);
}

/* With all that it started, in whatever group or session. */
static void doom_slot(struct supervisor *supervisor, uint32_t slot, int number)
{
    struct child *child = &supervisor->children[slot];
    child->doomed = true;
    if (slot < supervisor->service->slots && (child->pid || child->rest))
        memory_watch_signal(supervisor->watch, slot, number);
    child_signal(child, number);
}

static void kill_slot(struct supervisor *supervisor, uint32_t slot)
{
    doom_slot(supervisor, slot, SIGKILL);
    supervisor->children[slot].rest = false;
    supervisor->children[slot].settling.phase = SETTLING_NOT;
}

/* So that the worker does not count that time as a task's. If the link is full, it does
 * not either: then it has not looked at times for long. */
static void tell_continued(struct supervisor *supervisor)
{
    int64_t stopped_ms = (clock_now_us() - supervisor->stopped_at_us) / 1000;
    struct report report = {
        .kind = REPORT_CONTINUED,
        .value = stopped_ms < INT32_MAX ? (int32_t)stopped_ms : INT32_MAX,
    };
    bool zygote_tells = supervisor->service->zygote_has_slots &&
                        supervisor->children[supervisor->service->slots].pid;
    if (!zygote_tells)
        (void)spawn_link_report(supervisor->service->link, &report);
}

static void stop_slots(struct supervisor *supervisor, bool stop)
{
    if (stop == supervisor->stopped ||
        (stop && descendants_orphaned(supervisor->service->worker)))
        return;
    int number = stop ? SIGSTOP : SIGCONT;
    supervisor->stopped = stop;
    if (stop)
        supervisor->stopped_at_us = clock_now_us();
    else
        tell_continued(supervisor);
    for (uint32_t slot = 0; slot < supervisor->service->slots; slot++) {
        struct child *child = &supervisor->children[slot];
        child_signal(child, number);
        stop_end(&child->stop);
        if (!stop)
            settling_shift(&child->settling,
                           clock_now_us() - supervisor->stopped_at_us);
    }
}

static void on_request(struct supervisor *supervisor, const struct request *request,
                       const int *fds, unsigned count)
{
    assert(request->slot < supervisor->count);
    switch (request->kind) {
    case REQUEST_START:
        start(supervisor, request, fds, count);
        break;
    case REQUEST_TERM:
        doom_slot(supervisor, request->slot, SIGTERM);
        break;
    case REQUEST_KILL:
        kill_slot(supervisor, request->slot);
        follow(supervisor, request->slot);
        break;
    case REQUEST_SETTLE:
        child_settle(&supervisor->children[request->slot], request);
        break;
    case REQUEST_FINISH:
        set_phase(supervisor, FINISHING);
        break;
    }
}

static void take_requests(struct supervisor *supervisor)
{
    for (int left = REQUESTS_MAX; left > 0 && supervisor->phase == SERVING; left--) {
        struct request request;
        int fds[SPAWN_LINK_FDS_MAX];
        unsigned count;
        int got =
            spawn_link_take_request(supervisor->service->link, &request, fds, &count);
        if (got < 0)
            set_phase(supervisor, ABANDONED);
        if (got <= 0)
            return;
        on_request(supervisor, &request, fds, count);
        for (unsigned i = 0; i < count; i++)
            close(fds[i]);
    }
}

/* It has ended, and is not reaped: its number and its group's are still theirs. */
static void before_reaping(struct supervisor *supervisor, uint32_t slot, bool well)
{
    if (supervisor->children[slot].doomed)
        doom_slot(supervisor, slot, SIGKILL);
    else if (!well)
        child_signal(&supervisor->children[slot], SIGKILL);
}

static void after_reaping(struct supervisor *supervisor, uint32_t slot, int status)
{
    struct child *child = &supervisor->children[slot];
    child->pid = 0;
    stop_end(&child->stop);
    child->rest = status == 0 && !child->doomed && slot_group_is_used(&child->group);
    child->kind = REPORT_ENDED;
    child->value = status;
    follow(supervisor, slot);
    send_report(supervisor, slot);
}

static void reap(struct supervisor *supervisor)
{
    siginfo_t info = {.si_pid = 0};
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid > 0) {
        pid_t pid = info.si_pid;
        uint32_t slot = child_find(supervisor->children, supervisor->count,
                                   pid); /* none: an orphan of a slot */
        int status;
        if (slot < supervisor->count)
            before_reaping(supervisor, slot,
                           info.si_code == CLD_EXITED && info.si_status == 0);
        if (waitpid(pid, &status, WNOHANG) == pid && slot < supervisor->count)
            after_reaping(supervisor, slot, status);
        for (slot = 0; slot < supervisor->count; slot++)
            (void)slot_group_on_end(&supervisor->children[slot].group, pid);
        info.si_pid = 0;
    }
}

/* Nobody will answer it. The zygote's terminal is the worker's. */
static void end_for_terminal(struct supervisor *supervisor, uint32_t slot, int signal)
{
    struct child *child = &supervisor->children[slot];
    if (child->doomed ||
        (slot == supervisor->service->slots && supervisor->service->zygote_has_slots))
        return;
    child->wanted = signal;
    kill_slot(supervisor, slot);
}

/* Those that this loop has stopped are no news. */
static void note_stops(struct supervisor *supervisor)
{
    pid_t pid;
    int signal;
    while (stops_take(&pid, &signal)) {
        uint32_t slot = child_find(supervisor->children, supervisor->count, pid);
        if (slot == supervisor->count || supervisor->stopped)
            continue;
        if (signals_for_terminal(signal))
            end_for_terminal(supervisor, slot, signal);
        else if (signal)
            stop_begin(&supervisor->children[slot].stop, pid, signal, clock_now_us());
        else
            stop_end(&supervisor->children[slot].stop);
    }
}

/* Returns the milliseconds until the next look; -1: nothing runs, or all is stopped. */
static int check_stops(struct supervisor *supervisor)
{
    const struct supervisor_service *service = supervisor->service;
    int64_t now_us = clock_now_us();
    if (supervisor->stopped)
        return -1;
    int64_t due_us = child_report_stops(supervisor->children, service->slots,
                                        service->link, &supervisor->look_us, now_us);
    return clock_poll_ms(now_us, due_us, -1);
}

/* Returns the milliseconds until the next look; -1: no slot settles. */
static int check_settling(struct supervisor *supervisor)
{
    int64_t now_us = clock_now_us();
    int wait_ms = -1;
    for (uint32_t slot = 0; slot < supervisor->service->slots; slot++) {
        struct child *child = &supervisor->children[slot];
        if (child->settling.phase == SETTLING_NOT || child->unsent ||
            supervisor->stopped)
            continue;
        if (child_settles(child, &supervisor->settling_log, slot, now_us)) {
            wait_ms = SETTLING_LOOK_MS;
            continue;
        }
        child->settling.phase = SETTLING_NOT;
        child->rest = false;
        child->kind = REPORT_SETTLED;
        child->value = child->settle_token;
        follow(supervisor, slot);
        send_report(supervisor, slot);
    }
    return wait_ms;
}

/* Somebody ends all processes of a step or unit, and this one is among them: then a
 * program that catches the signal may exit with 0, before it has done all. */
static void note_told(struct supervisor *supervisor)
{
    for (uint32_t slot = 0; slot < supervisor->service->slots; slot++) {
        struct child *child = &supervisor->children[slot];
        if (child->pid)
            child->told = signals_may_catch(child->pid, SIGTERM);
    }
}

static void take_signals(struct supervisor *supervisor, int signals)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTSTP)
            stop_slots(supervisor, true);
        if (info.ssi_signo == SIGCONT)
            stop_slots(supervisor, false);
        if (info.ssi_signo == SIGTERM)
            note_told(supervisor);
    }
    note_stops(supervisor);
    reap(supervisor);
}

/* Kills the slots that use too much memory; returns the milliseconds until the next
 * look, -1: there is nothing to look at. */
static int check_memory(struct supervisor *supervisor)
{
    uint32_t slot;
    uint64_t used_bytes;
    int64_t now_us = clock_now_us();
    int64_t due_us = memory_watch_tick(supervisor->watch, now_us);
    while (memory_watch_take(supervisor->watch, &slot, &used_bytes)) {
        struct child *child = &supervisor->children[slot];
        child->memory_bytes = used_bytes;
        kill_slot(supervisor, slot);
        if (child->pid || child->unsent)
            continue; /* the report of its end tells that, too */
        child->kind = REPORT_GREEDY;
        send_report(supervisor, slot);
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
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_SETMASK, &set, NULL);
    signal(SIGTERM, SIG_DFL); /* one that is ignored never comes */
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int sooner(int one_ms, int other_ms)
{
    return one_ms < 0 || (other_ms >= 0 && other_ms < one_ms) ? other_ms : one_ms;
}

static void serve(struct supervisor *supervisor, int signals)
{
    const struct supervisor_service *service = supervisor->service;
    struct pollfd polled[] = {
        {.fd = service->link, .events = supervisor->stopped ? 0 : POLLIN},
        {.fd = signals, .events = POLLIN},
        {.fd = service->keeper ? service->keeper : -1, .events = POLLIN},
    };
    int settling_ms = check_settling(supervisor);
    int wait_ms = sooner(check_memory(supervisor), settling_ms);
    wait_ms = sooner(wait_ms, check_stops(supervisor));
    if (supervisor->unsent)
        polled[0].events |= POLLOUT;
    if (poll(polled, 3, wait_ms) < 0)
        return;
    if (polled[1].revents)
        take_signals(supervisor, signals);
    if (polled[0].revents & POLLOUT)
        send_unsent(supervisor);
    if (polled[2].revents)
        set_phase(supervisor, ABANDONED);
    else if (polled[0].revents & ~POLLOUT)
        take_requests(supervisor);
}

/* Where the worker leaves in good order, what slots left behind after a good exit gets
 * time (descendants_end_gently). */
static void end_slots(struct supervisor *supervisor)
{
    for (uint32_t slot = 0; slot < supervisor->count; slot++) {
        struct child *child = &supervisor->children[slot];
        if (supervisor->phase == ABANDONED ||
            (slot < supervisor->service->slots && child->pid))
            kill_slot(supervisor, slot);
        slot_group_close(&child->group);
    }
}

bool supervisor_serve(const struct supervisor_service *service)
{
    struct supervisor supervisor = {.service = service, .count = service->slots + 1};
    supervisor.children =
        allocate_zeroed(supervisor.count, sizeof *supervisor.children);
    int signals = open_signals();
    if (signals < 0)
        return false;
    supervisor.children[service->slots].pid = service->zygote;
    slot_group_of(&supervisor.children[service->slots].group, service->zygote);
    supervisor.watch = memory_watch_new(
        service->memory_bytes ? service->memory_bytes : UINT64_MAX, service->slots);
    /* Children may have ended before the descriptor could tell of it. */
    reap(&supervisor);
    while (supervisor.phase == SERVING)
        serve(&supervisor, signals);
    end_slots(&supervisor);
    settling_log_end(&supervisor.settling_log);
    memory_watch_destroy(&supervisor.watch);
    free(supervisor.children);
    close(signals);
    return supervisor.phase == FINISHING;
}
