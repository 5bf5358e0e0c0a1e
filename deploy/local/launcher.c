/* SPDX-License-Identifier: MIT */
/*
 * Answerable for when a role is started, told to end and killed, and for the one exit
 * status. Knows nothing of tasks: a worker's finished task is an event like others.
 *
 *   DUE --> RUNNING --SIGTERM--> ASKED --SIGTERM--> ASKED_AGAIN --SIGKILL--> KILLED
 *              |  |               |   (not the sink)     ^   |                  |
 *              |  +--SIGTERM--> DRAINING ----SIGTERM-----+   |                  |
 *              |     (ventilator) |                          |                  |
 *              +---------------> ENDED <---------------------+------------------+
 *
 * Invariants: a signal goes only to a role that was started and has not ended; after
 * RUN_STARTING no role is started; a role that ended because the launcher told it to
 * adds nothing to the exit status, unless nothing else explains why it was told; a run
 * drains without a time limit only while all three roles live.
 */
#include "deploy/local/launcher.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include <assert.h>
#include <signal.h>
#include <string.h>

/* The protocol tells every role of the end. These times are for roles that it does not
 * reach. */
static const int64_t after_success_us = 10 * SECOND_US;
static const int64_t after_failure_us = 2 * SECOND_US;
static const int64_t after_signal_us = SECOND_US / 2;
/* A worker that never finished a task may have come too late to hear of the end. */
static const int64_t latecomer_us = SECOND_US / 10;
/* Before the first finished task, nothing is lost by a quick end. */
static const int64_t false_start_us = SECOND_US / 4;
/* A sink removes files that it made for nothing, which may wait for a slow disk: a
 * journal that stayed would be in the next run's way. */
static const int64_t tidy_us = 4 * SECOND_US;
/* Ventilator and worker finish running tasks at the first SIGTERM, and stop at once at
 * the second. */
static const int64_t ask_again_us = SECOND_US;
static const int64_t kill_us = 4 * SECOND_US;

static void set_state(struct launcher_role *role, enum role_state state)
{
#define TO(name) (1u << ROLE_##name)
    static const unsigned allowed[] = {
        [ROLE_DUE] = TO(RUNNING) | TO(ENDED),
        [ROLE_RUNNING] = TO(DRAINING) | TO(ASKED) | TO(KILLED) | TO(ENDED),
        [ROLE_DRAINING] = TO(ASKED_AGAIN) | TO(KILLED) | TO(ENDED),
        [ROLE_ASKED] = TO(ASKED_AGAIN) | TO(KILLED) | TO(ENDED),
        [ROLE_ASKED_AGAIN] = TO(KILLED) | TO(ENDED),
        [ROLE_KILLED] = TO(ENDED),
        [ROLE_ENDED] = TO(DUE),
    };
#undef TO
    assert(allowed[role->state] & (1u << state));
    role->state = state;
}

/* A phase never goes back. */
static void set_phase(struct launcher *launcher, enum run_phase phase)
{
    assert(phase >= launcher->phase);
    launcher->phase = phase;
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
static void escalate(struct launcher *launcher, enum role which, int64_t now_us)
{
    struct launcher_role *role = &launcher->roles[which];
    if (role->abrupt && which == ROLE_SINK && role->state == ROLE_RUNNING) {
        send_signal(role, SIGTERM, ROLE_ASKED, now_us + tidy_us);
    } else if (role->abrupt) {
        send_signal(role, SIGKILL, ROLE_KILLED, NEVER_US);
    } else if (role->state == ROLE_RUNNING) {
        int64_t wait_us = which == ROLE_SINK ? kill_us : ask_again_us;
        send_signal(role, SIGTERM, ROLE_ASKED, now_us + wait_us);
    } else if (role->state == ROLE_DRAINING) {
        send_signal(role, SIGTERM, ROLE_ASKED_AGAIN, now_us + kill_us);
    } else if (role->state == ROLE_ASKED && which != ROLE_SINK) {
        send_signal(role, SIGTERM, ROLE_ASKED_AGAIN, now_us + kill_us - ask_again_us);
    } else {
        send_signal(role, SIGKILL, ROLE_KILLED, NEVER_US);
        role->notice_due = NOTICE_STUCK;
    }
}

/* A role that is not started yet never will be. */
static void stop_starting(struct launcher *launcher)
{
    if (launcher->phase == RUN_STARTING)
        set_phase(launcher, RUN_STOPPING);
    for (int i = 0; i < ROLE_COUNT; i++) {
        if (launcher->roles[i].state != ROLE_DUE)
            continue;
        launcher->roles[i].ours = true;
        set_state(&launcher->roles[i], ROLE_ENDED);
    }
}

/* Tells the role to end at `at_us`, unless it was told before; a role that drains is
 * told again. */
static void expect_end(struct launcher *launcher, enum role which, int64_t at_us,
                       bool abrupt)
{
    struct launcher_role *role = &launcher->roles[which];
    if ((role->state == ROLE_RUNNING || role->state == ROLE_DRAINING) &&
        at_us < role->next_at_us) {
        role->next_at_us = at_us;
        role->abrupt = abrupt;
    }
}

static void end_all(struct launcher *launcher, int64_t now_us, bool abrupt)
{
    stop_starting(launcher);
    for (int i = 0; i < ROLE_COUNT; i++)
        expect_end(launcher, (enum role)i, now_us, abrupt);
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

void launcher_on_alive(struct launcher *launcher)
{
    launcher->alive = true;
    launcher->begun = true;
    launcher->restarts = 0;
}

/* The launcher no longer waits for running tasks. */
static void hurry(struct launcher *launcher, int64_t now_us)
{
    bool abrupt = !launcher->begun;
    set_phase(launcher, RUN_HURRYING);
    stop_starting(launcher);
    expect_end(launcher, ROLE_VENTILATOR, now_us, false);
    if (launcher->roles[ROLE_VENTILATOR].state != ROLE_ENDED)
        now_us += launcher->begun ? after_signal_us : false_start_us;
    expect_end(launcher, ROLE_SINK, now_us, abrupt);
    expect_end(launcher, ROLE_WORKER, now_us, abrupt);
}

/* The ventilator hands out no more tasks, and tells the others when all are done. */
static void drain(struct launcher *launcher)
{
    stop_starting(launcher);
    send_signal(&launcher->roles[ROLE_VENTILATOR], SIGTERM, ROLE_DRAINING, NEVER_US);
}

bool launcher_on_signal(struct launcher *launcher, int signal, int64_t now_us)
{
    bool first = !launcher->signal;
    if (first)
        launcher->signal = signal;
    bool drains = launcher->begun || launcher->config.drains;
    if (first && drains && launcher->phase == RUN_STARTING)
        drain(launcher);
    else if (launcher->phase < RUN_HURRYING)
        hurry(launcher, now_us);
    else
        kill_all(launcher);
    return launcher->phase < RUN_HURRYING;
}

static bool is_done(int status)
{
    return status == STATUS_OK || status == STATUS_DEAD_LETTERS;
}

/* Ventilator and sink have ended by themselves, and both well: every result is written.
 * Neither a worker that is killed after that, nor a signal that found nothing more to
 * stop, changes it. */
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

/* Whether a role ended because the launcher told it to. */
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

/* SIGTERM ended it: a role that gets one ends the run in good order, and then itself by
 * that signal. */
static bool was_terminated(struct ending ending)
{
    return ending.signalled && ending.code == SIGTERM;
}

/* Whether another attempt would end with this status again. A worker's STATUS_IO means
 * that the host lacks something. */
static bool is_final(enum role which, int status)
{
    return status == STATUS_USAGE || status == STATUS_CANNOT_EXECUTE ||
           status == STATUS_NOT_FOUND || (which == ROLE_WORKER && status == STATUS_IO);
}

static void worker_died(struct launcher *launcher, struct ending ending, int64_t now_us)
{
    struct launcher_role *worker = &launcher->roles[ROLE_WORKER];
    if (launcher->phase > RUN_STARTING) {
        if (ending.signalled)
            notify(worker, NOTICE_KILLED, ending);
        if (launcher->roles[ROLE_VENTILATOR].state == ROLE_DRAINING &&
            !launcher->config.open)
            hurry(launcher, now_us);
    } else if (launcher->restarts == launcher->config.restarts) {
        notify(worker, NOTICE_GAVE_UP, ending);
        end_all(launcher, now_us, false);
    } else {
        if (launcher->restarts < LAUNCHER_RESTARTS)
            notify(worker, NOTICE_RESTARTED, ending);
        launcher->restarts++;
        launcher->alive = false;
        set_state(worker, ROLE_DUE);
    }
}

/* The protocol has told the other roles, or soon will. */
static void ventilator_or_sink_ended(struct launcher *launcher, enum role which,
                                     struct ending ending, int64_t now_us)
{
    enum role other = which == ROLE_SINK ? ROLE_VENTILATOR : ROLE_SINK;
    bool sudden = ending.signalled && !was_terminated(ending);
    bool false_start = launcher->phase == RUN_STARTING && !launcher->begun && !sudden;
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
    bool told = lives(role) && role->state != ROLE_RUNNING &&
                role->state != ROLE_DRAINING;
    role->ours = ended_as_told(role, ending);
    role->status = role->ours ? STATUS_OK : as_status(ending);
    role->lost = ending.signalled && !was_terminated(ending);
    role->signal_due = 0;
    role->next_at_us = NEVER_US;
    set_state(role, ROLE_ENDED);
    bool no_more = which == ROLE_WORKER && launcher->config.remote && !ending.signalled;
    if (is_final(which, role->status) || (no_more && role->status != STATUS_OK))
        end_all(launcher, now_us, true);
    else if (which != ROLE_WORKER)
        ventilator_or_sink_ended(launcher, which, ending, now_us);
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
            escalate(launcher, (enum role)i, now_us);
        if (role->next_at_us < next_at_us)
            next_at_us = role->next_at_us;
    }
    return next_at_us;
}

/* The role's next action: a notice first, so that it stands above the lines that follow
 * from it. */
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
    bool doubt = roles[ROLE_VENTILATOR].status == STATUS_IO; /* it has said why */
    if (launcher->signal && !is_complete(launcher) && !doubt)
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
