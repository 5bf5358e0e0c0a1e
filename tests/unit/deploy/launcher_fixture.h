/* SPDX-License-Identifier: MIT */
/* A run under the launcher: its events, and the actions that follow from them. */
#ifndef FANFOLD_TESTS_UNIT_DEPLOY_LAUNCHER_FIXTURE_H
#define FANFOLD_TESTS_UNIT_DEPLOY_LAUNCHER_FIXTURE_H

#include "common/clock.h"
#include "deploy/local/launcher.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#define V ROLE_VENTILATOR
#define S ROLE_SINK
#define W ROLE_WORKER

/* A run at `now_us`, and the launcher's actions since the last look. */
static struct launcher run;
static int64_t now_us;
static int started[ROLE_COUNT];
static int signals[ROLE_COUNT]; /* the last one; 0: none */
static enum launcher_notice notices[ROLE_COUNT];

static inline void look(void)
{
    struct launcher_action action;

    memset(started, 0, sizeof started);
    memset(signals, 0, sizeof signals);
    memset(notices, 0, sizeof notices);
    launcher_tick(&run, now_us);
    while (launcher_next(&run, &action)) {
        if (action.kind == LAUNCHER_START)
            started[action.role]++;
        else if (action.kind == LAUNCHER_SIGNAL)
            signals[action.role] = action.signal;
        else
            notices[action.role] = action.notice;
    }
}

static const struct launcher_config alone = {.restarts = LAUNCHER_RESTARTS};

static inline void begin_as(const struct launcher_config *config)
{
    launcher_init(&run, config);
    now_us = 1000;
    look();
}

static inline void begin(void)
{
    begin_as(&alone);
}

/* In the middle of the run: a worker has finished a task. */
static inline void begin_and_work(void)
{
    begin();
    launcher_on_alive(&run);
}

static inline void exits(enum role role, int status)
{
    launcher_on_end(&run, role, (struct ending){false, status}, now_us);
    look();
}

static inline void dies(enum role role, int signal)
{
    launcher_on_end(&run, role, (struct ending){true, signal}, now_us);
    look();
}

/* Whether the launcher waits for running tasks. */
static inline bool gets(int signal)
{
    bool drains = launcher_on_signal(&run, signal, now_us);

    look();
    return drains;
}

/* Sleeps until the next deadline, as a loop would. */
static inline void sleep_on(void)
{
    int64_t next_us = launcher_tick(&run, now_us);

    cr_assert_neq(next_us, NEVER_US, "nothing would ever happen");
    now_us = next_us;
    look();
}

static inline void over(int status)
{
    cr_assert(launcher_over(&run));
    cr_assert_eq(launcher_status(&run), status, "status %d, not %d",
                 launcher_status(&run), status);
    cr_assert_eq(launcher_tick(&run, now_us), NEVER_US);
    look();
    for (int i = 0; i < ROLE_COUNT; i++)
        cr_assert(started[i] == 0 && signals[i] == 0);
}

#endif
