/* SPDX-License-Identifier: MIT */
#include "common/process/child_wait.h"
#include "common/process/signals.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start_child(int status)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(status);
    cr_assert_gt(pid, 0);
    return pid;
}

Test(child_wait, tells_how_a_child_ended)
{
    int status = -1;
    cr_assert_eq(child_wait(start_child(3), &status), 0);
    cr_assert(WIFEXITED(status));
    cr_assert_eq(WEXITSTATUS(status), 3);
}

Test(child_wait, an_end_that_nobody_can_see_is_no_end_with_status_0)
{
    int status = -1;
    signal(SIGCHLD, SIG_IGN);
    cr_assert_eq(child_wait(start_child(3), &status), -ECHILD);
    cr_assert_eq(status, -1);
}

Test(child_wait, a_process_that_inherited_an_ignored_sigchld_sees_its_children_again)
{
    int status = -1;
    signal(SIGCHLD, SIG_IGN);
    signals_see_children();
    cr_assert_eq(child_wait(start_child(3), &status), 0);
    cr_assert_eq(WEXITSTATUS(status), 3);
}
