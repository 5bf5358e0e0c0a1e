/* SPDX-License-Identifier: MIT */
/* Which stops are told, and when. */
#include "common/clock.h"
#include "common/process/signals.h"
#include "worker/supervisor/slots/stops.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct stop stop;

static bool lasts(int64_t now_us)
{
    int64_t due_us = NEVER_US;
    return stop_lasts(&stop, now_us, &due_us);
}

Test(stops, tells_once_of_a_stop_that_lasts)
{
    int64_t due_us = NEVER_US;
    stop_begin(&stop, 17, SIGSTOP, 5 * SECOND_US);
    cr_assert_not(stop_lasts(&stop, 5 * SECOND_US, &due_us));
    cr_assert_eq(due_us, 6 * SECOND_US);
    cr_assert(lasts(6 * SECOND_US));
    cr_assert_not(lasts(7 * SECOND_US));
    stop_begin(&stop, 17, SIGSTOP, 8 * SECOND_US);
    cr_assert(lasts(9 * SECOND_US), "another stop");
}

Test(stops, does_not_tell_of_a_short_one)
{
    stop_begin(&stop, 17, SIGSTOP, 0);
    stop_end(&stop);
    cr_assert_not(lasts(9 * SECOND_US));
}

Test(stops, tells_of_another_process_that_two_looks_find_stopped)
{
    cr_assert_not(stop_see(&stop, 18, 1));
    cr_assert_not(stop_see(&stop, 0, 2), "it was continued");
    cr_assert_not(stop_see(&stop, 18, 3));
    cr_assert_not(lasts(9 * SECOND_US), "looks alone tell of it");
    cr_assert(stop_see(&stop, 18, 4));
    cr_assert_not(stop_see(&stop, 18, 5), "once");
    cr_assert_not(stop_see(&stop, 19, 6));
    cr_assert(stop_see(&stop, 19, 7), "another one");
}

Test(stops, leaves_another_process_out_while_the_child_itself_is_stopped)
{
    stop_begin(&stop, 17, SIGSTOP, 0);
    cr_assert_not(stop_see(&stop, 18, 1));
    cr_assert_not(stop_see(&stop, 18, 2));
    cr_assert_eq(stop.pid, 17);
}

static void expect_change(pid_t pid, int signal)
{
    pid_t changed = 0;
    int by = -1;
    siginfo_t info;
    int options = signal ? WSTOPPED : WCONTINUED;
    cr_assert_eq(waitid(P_PID, (id_t)pid, &info, options | WNOWAIT), 0);
    cr_assert(stops_take(&changed, &by));
    cr_assert_eq(changed, pid);
    cr_assert_eq(by, signal);
    cr_assert_not(stops_take(&changed, &by));
}

Test(stops, takes_a_childs_stop_and_its_end_and_reaps_nothing)
{
    struct children stopped;
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    kill(pid, SIGSTOP);
    expect_change(pid, SIGSTOP);
    stops_list(&stopped);
    cr_assert(children_have(&stopped, pid));
    cr_assert_eq(stops_find(&stopped, getpgrp(), 0, pid), 0);
    cr_assert_eq(stops_find(&stopped, getpgrp(), 0, 0), pid);
    children_deinit(&stopped);
    kill(pid, SIGCONT);
    expect_change(pid, 0);
    kill(pid, SIGKILL);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

Test(stops, knows_who_wants_the_terminal)
{
    cr_assert(signals_for_terminal(SIGTTIN) && signals_for_terminal(SIGTTOU));
    cr_assert_not(signals_for_terminal(SIGSTOP) || signals_for_terminal(SIGTSTP));
    cr_assert(strstr(signals_explain(SIGTTIN), "(SIGTTIN)"));
    cr_assert(strstr(signals_explain(SIGTTOU), "(SIGTTOU)"));
}
