/* SPDX-License-Identifier: MIT */
#include "common/process/strangers.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OWN_MAX = 16 };

static pid_t own[OWN_MAX]; /* 0: free */

static void replace(pid_t from, pid_t to)
{
    for (int i = 0; i < OWN_MAX; i++)
        if (own[i] == from) {
            own[i] = to;
            return;
        }
}

static bool is_own(pid_t pid)
{
    for (int i = 0; i < OWN_MAX; i++)
        if (own[i] == pid)
            return true;
    return false;
}

bool strangers_expected(void)
{
    siginfo_t info;
    int subreaper = 0;
    prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
    return getpid() == 1 || subreaper ||
           waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void strangers_spare(pid_t child)
{
    if (child > 0)
        replace(0, child);
}

void strangers_release(pid_t child)
{
    if (child > 0)
        replace(child, 0);
}

void strangers_reap(void)
{
    siginfo_t info = {.si_pid = 0};
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid > 0) {
        pid_t pid = info.si_pid;
        if (is_own(pid))
            return; /* until it is reaped, the kernel shows no other */
        waitpid(pid, NULL, WNOHANG);
        info.si_pid = 0;
    }
}
