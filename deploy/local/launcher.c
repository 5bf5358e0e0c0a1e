/* SPDX-License-Identifier: MIT */
/*
 * Answerable for when a role is started, told to end and killed, and for the one exit
 * status. Knows nothing of tasks: that a worker finished one is an event like others.
 *
 *   DUE --start--> RUNNING --SIGTERM--> ASKED --SIGTERM--> PRESSED --SIGKILL--> KILLED
 *                     |                   |  (not the sink)   |                   |
 *                     +--------------> ENDED <----------------+-------------------+
 *
 * Invariants: a signal is only sent to a role that was started and has not ended; once
 * `stopping`, nothing is started; a role that ended because it was told to adds nothing
 * to the exit status, unless nothing else explains why it had to be told; a run drains
 * without a time limit only while all three roles live.
 */
#include "deploy/local/launcher.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include <assert.h>
#include <signal.h>
#include <string.h>

/* The protocol tells every role of the end. These are for those that it cannot reach.
 */
static const int64_t after_success_us = 10 * SECOND_US;
static const int64_t after_failure_us = 2 * SECOND_US;
static const int64_t after_signal_us = SECOND_US / 2;
/* A worker that never finished a task may have come too late to be told. */
static const int64_t latecomer_us = SECOND_US / 10;
/* Before the first finished task there is nothing to lose. */
static const int64_t false_start_us = SECOND_US / 4;
/* A sink takes away what it has made for nothing, which may wait for a slow disk: a
 * journal that stayed would be in the next run's way. */
static const int64_t tidy_us = 4 * SECOND_US;
/* Ventilator and worker finish what runs at the first SIGTERM, and leave at the second.
 */
static const int64_t press_us = SECOND_US;
static const int64_t kill_us = 4 * SECOND_US;

static void set_state(struct launcher_role *role, enum role_state state)
{
#define TO(name) (1u << ROLE_##name)
    static const unsigned allowed[] = {
        [ROLE_DUE] = TO(RUNNING) | TO(ENDED),
        [ROLE_RUNNING] = TO(ASKED) | TO(KILLED) | TO(ENDED),
        [ROLE_ASKED] = TO(PRESSED) | TO(KILLED) | TO(ENDED),
        [ROLE_PRESSED] = TO(KILLED) | TO(ENDED),
        [ROLE_KILLED] = TO(ENDED),
        [ROLE_ENDED] = TO(DUE),
    };
#undef TO
    assert(allowed[role->state] & (1u << state));
    role->state = state;
}

void launcher_init(struct launcher *launcher, const struct launcher_config *config)
{
    memset(launcher, 0, sizeof *launcher);
    launcher->config = *config;
    for (int i = 0; i < ROLE_COUNT; i++)
        launcher->roles[i].next_at_us = NEVER_US;
}

static bool lives(const struct launcher_role *role)
{
    return role->state != ROLE_DUE && role->state != ROLE_ENDED;
}

static void send_signal(struct launcher_role *role, int signal, enum role_state state,
                        int64_t next_at_us)
{
    set_state(role, state);
    role->signal_due = signal;
    role->next_at_us = next_at_us;
}

/* The next, stronger signal. */
static void climb(struct launcher *launcher, enum role which, int64_t now_us)
{
    struct launcher_role *role = &launcher->roles[which];

    if (role->abrupt && which == ROLE_SINK && role->state == ROLE_RUNNING) {
        send_signal(role, SIGTERM, ROLE_ASKED, now_us + tidy_us);
    } else if (role->abrupt) {
        send_signal(role, SIGKILL, ROLE_KILLED, NEVER_US);
    } else if (role->state == ROLE_RUNNING) {
        int64_t wait_us = which == ROLE_SINK ? kill_us : press_us;
        send_signal(role, SIGTERM, ROLE_ASKED, now_us + wait_us);
    } else if (role->state == ROLE_ASKED && which != ROLE_SINK) {
        int64_t waited_us = role->drains ? 0 : press_us;
        role->drains = false;
        send_signal(role, SIGTERM, ROLE_PRESSED, now_us + kill_us - waited_us);
    } else {
        send_signal(role, SIGKILL, ROLE_KILLED, NEVER_US);
        role->notice_due = NOTICE_STUCK;
    }
}

/* A role that is not started yet never will be. */
static void stop_starting(struct launcher *launcher)
{
    launcher->stopping = true;
    for (int i = 0; i < ROLE_COUNT; i++) {
        if (launcher->roles[i].state != ROLE_DUE)
            continue;
        launcher->roles[i].ours = true;
        set_state(&launcher->roles[i], ROLE_ENDED);
    }
}

/* Tells the role to end at `at_us`, if it has not been told by then; to one that drains
 * that is said again. */
static void expect_end(struct launcher *launcher, enum role which, int64_t at_us,
                       bool abrupt)
{
    struct launcher_role *role = &launcher->roles[which];

    if ((role->state == ROLE_RUNNING || role->drains) && at_us < role->next_at_us) {
        role->next_at_us = at_us;
        role->abrupt = abrupt;
    }
}

static void ask_all(struct launcher *launcher, int64_t now_us)
{
    stop_starting(launcher);
    for (int i = 0; i < ROLE_COUNT; i++)
        expect_end(launcher, (enum role)i, now_us, false);
}

static void kill_all(struct launcher *launcher)
{
    stop_starting(launcher);
    for (int i = 0; i < ROLE_COUNT; i++) {
        struct launcher_role *role = &launcher->roles[i];
        if (lives(role) && role->state != ROLE_KILLED)
            send_signal(role, SIGKILL, ROLE_KILLED, NEVER_US);
    }
}

/* Nothing is lost, and nothing is said of it. */
static void end_all_abruptly(struct launcher *launcher, int64_t now_us)
{
    stop_starting(launcher);
    for (int i = 0; i < ROLE_COUNT; i++)
        expect_end(launcher, (enum role)i, now_us, true);
}

void launcher_on_alive(struct launcher *launcher)
{
    launcher->alive = true;
    launcher->begun = true;
    launcher->restarts = 0;
}

/* Nobody waits for what runs any more. */
static void hurry(struct launcher *launcher, int64_t now_us)
{
    bool abrupt = !launcher->begun;

    launcher->hurried = true;
    stop_starting(launcher);
    expect_end(launcher, ROLE_VENTILATOR, now_us, false);
    if (launcher->roles[ROLE_VENTILATOR].state != ROLE_ENDED)
        now_us += launcher->begun ? after_signal_us : false_start_us;
    expect_end(launcher, ROLE_SINK, now_us, abrupt);
    expect_end(launcher, ROLE_WORKER, now_us, abrupt);
}

/* The ventilator hands out nothing more, and tells the others once all is finished. */
static void drain(struct launcher *launcher)
{
    struct launcher_role *ventilator = &launcher->roles[ROLE_VENTILATOR];

    stop_starting(launcher);
    send_signal(ventilator, SIGTERM, ROLE_ASKED, NEVER_US);
    ventilator->drains = true;
}

bool launcher_on_signal(struct launcher *launcher, int signal, int64_t now_us)
{
    bool first = !launcher->signal;

    if (first)
        launcher->signal = signal;
    if (first && launcher->begun && !launcher->stopping)
        drain(launcher);
    else if (!launcher->hurried)
        hurry(launcher, now_us);
    else
        kill_all(launcher);
    return !launcher->hurried;
}

static bool is_done(int status)
{
    return status == STATUS_OK || status == STATUS_DEAD_LETTERS;
}

/* Ventilator and sink have ended by themselves, and both well: every result is written,
 * and a worker that is killed then takes nothing away. Neither does a signal that found
 * nothing more to stop. */
static bool is_complete(const struct launcher *launcher)
{
    const struct launcher_role *ventilator = &launcher->roles[ROLE_VENTILATOR];
    const struct launcher_role *sink = &launcher->roles[ROLE_SINK];

    return ventilator->state == ROLE_ENDED && is_done(ventilator->status) &&
           !ventilator->ours && sink->state == ROLE_ENDED && is_done(sink->status) &&
           !sink->ours;
}

static int as_status(struct ending ending)
{
    return ending.signalled ? STATUS_SIGNAL + ending.code : ending.code;
}

/* Whether a role that was told to end ended by that. */
static bool ended_as_told(const struct launcher_role *role, struct ending ending)
{
    int status = as_status(ending);

    return role->state != ROLE_RUNNING && role->state != ROLE_DUE &&
           (status == STATUS_TERMINATED || status == STATUS_SIGNAL + SIGKILL);
}

static void notify(struct launcher_role *role, enum launcher_notice notice,
                   struct ending ending)
{
    role->notice_due = notice;
    role->ending = ending;
}

/* By SIGTERM from elsewhere: a role that got it ends the run in good order, and itself
 * by that signal. */
static bool was_terminated(struct ending ending)
{
    return ending.signalled && ending.code == SIGTERM;
}

/* A status that no new attempt would change; a worker's STATUS_IO says that the host
 * lacks something. */
static bool is_final(enum role which, int status)
{
    return status == STATUS_USAGE || status == STATUS_CANNOT_EXECUTE ||
           status == STATUS_NOT_FOUND || (which == ROLE_WORKER && status == STATUS_IO);
}

static void worker_died(struct launcher *launcher, struct ending ending, int64_t now_us)
{
    struct launcher_role *worker = &launcher->roles[ROLE_WORKER];

    if (launcher->stopping) {
        if (ending.signalled)
            notify(worker, NOTICE_KILLED, ending);
        if (launcher->roles[ROLE_VENTILATOR].drains && !launcher->config.open)
            hurry(launcher, now_us);
    } else if (launcher->restarts == launcher->config.restarts) {
        notify(worker, NOTICE_GAVE_UP, ending);
        ask_all(launcher, now_us);
    } else {
        if (launcher->restarts < LAUNCHER_RESTARTS)
            notify(worker, NOTICE_RESTARTED, ending);
        launcher->restarts++;
        launcher->alive = false;
        set_state(worker, ROLE_DUE);
    }
}

/* Ventilator or sink: the others were told by the protocol, or soon will be. */
static void end_ended(struct launcher *launcher, enum role which, struct ending ending,
                      int64_t now_us)
{
    enum role other = which == ROLE_SINK ? ROLE_VENTILATOR : ROLE_SINK;
    bool sudden = ending.signalled && !was_terminated(ending);
    bool false_start = !launcher->stopping && !launcher->begun && !sudden;
    int64_t end_us = now_us;

    stop_starting(launcher);
    if (is_done(as_status(ending))) {
        expect_end(launcher, other, now_us + after_success_us, false);
        if (which == ROLE_VENTILATOR)
            expect_end(launcher, ROLE_WORKER,
                       now_us + (launcher->alive ? after_success_us : latecomer_us),
                       false);
        return;
    }
    if (!sudden)
        end_us += false_start ? false_start_us : after_failure_us;
    expect_end(launcher, other, end_us, false_start);
    expect_end(launcher, ROLE_WORKER, end_us, false_start);
}

void launcher_on_end(struct launcher *launcher, enum role which, struct ending ending,
                     int64_t now_us)
{
    struct launcher_role *role = &launcher->roles[which];
    bool told = lives(role) && role->state != ROLE_RUNNING && !role->drains;

    role->ours = ended_as_told(role, ending);
    role->status = role->ours ? STATUS_OK : as_status(ending);
    role->lost = ending.signalled && !was_terminated(ending);
    role->drains = false;
    role->signal_due = 0;
    role->next_at_us = NEVER_US;
    set_state(role, ROLE_ENDED);

    if (is_final(which, role->status))
        end_all_abruptly(launcher, now_us);
    else if (which != ROLE_WORKER)
        end_ended(launcher, which, ending, now_us);
    else if (role->status != STATUS_OK)
        worker_died(launcher, ending, now_us);
    if (which == ROLE_WORKER || !ending.signalled || told)
        return;
    if (!was_terminated(ending))
        notify(role, NOTICE_KILLED, ending);
    else if (!launcher->signal)
        notify(role, NOTICE_TERMINATED, ending);
}

int64_t launcher_tick(struct launcher *launcher, int64_t now_us)
{
    int64_t next_at_us = NEVER_US;

    for (int i = 0; i < ROLE_COUNT; i++) {
        struct launcher_role *role = &launcher->roles[i];
        while (role->next_at_us <= now_us)
            climb(launcher, (enum role)i, now_us);
        if (role->next_at_us < next_at_us)
            next_at_us = role->next_at_us;
    }
    return next_at_us;
}

/* What the role is due: words first, so that they stand above what follows. */
static bool next_of_role(struct launcher_role *role, struct launcher_action *action)
{
    if (role->notice_due != NOTICE_NONE) {
        action->kind = LAUNCHER_SAY;
        action->notice = role->notice_due;
        action->ending = role->ending;
        role->notice_due = NOTICE_NONE;
    } else if (role->state == ROLE_DUE) {
        action->kind = LAUNCHER_START;
        set_state(role, ROLE_RUNNING);
    } else if (role->signal_due) {
        action->kind = LAUNCHER_SIGNAL;
        action->signal = role->signal_due;
        role->signal_due = 0;
    } else {
        return false;
    }
    return true;
}

bool launcher_next(struct launcher *launcher, struct launcher_action *ret_action)
{
    for (int i = 0; i < ROLE_COUNT; i++) {
        struct launcher_action action = {.role = (enum role)i};
        if (next_of_role(&launcher->roles[i], &action)) {
            *ret_action = action;
            return true;
        }
    }
    return false;
}

bool launcher_over(const struct launcher *launcher)
{
    for (int i = 0; i < ROLE_COUNT; i++)
        if (launcher->roles[i].state != ROLE_ENDED)
            return false;
    return true;
}

int launcher_status(const struct launcher *launcher)
{
    static const enum role precedence[] = {ROLE_SINK, ROLE_VENTILATOR, ROLE_WORKER};
    const struct launcher_role *roles = launcher->roles;

    if (launcher->signal && !is_complete(launcher))
        return STATUS_SIGNAL + launcher->signal;
    for (int i = 0; i < ROLE_COUNT; i++)
        if (roles[precedence[i]].status == STATUS_CANNOT_EXECUTE ||
            roles[precedence[i]].status == STATUS_NOT_FOUND)
            return roles[precedence[i]].status;
    if (is_complete(launcher) &&
        (launcher->signal || roles[ROLE_WORKER].status > STATUS_SIGNAL))
        return roles[ROLE_SINK].status ? roles[ROLE_SINK].status
                                       : roles[ROLE_VENTILATOR].status;
    for (int i = 0; i < ROLE_COUNT; i++)
        if (roles[precedence[i]].status != STATUS_OK)
            return roles[precedence[i]].status;
    return roles[ROLE_VENTILATOR].ours || roles[ROLE_SINK].ours ? STATUS_PEER
                                                                : STATUS_OK;
}

bool launcher_sink_was_lost(const struct launcher *launcher)
{
    return launcher->roles[ROLE_SINK].lost;
}
