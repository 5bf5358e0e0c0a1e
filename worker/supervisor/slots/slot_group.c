/* SPDX-License-Identifier: MIT */
/* To signal the others, and to see whether there are any, the leader is moved to the
 * group of this process for a moment; its number stays its own meanwhile. */
#include "worker/supervisor/slots/slot_group.h"
#include "common/process/descendants.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Only SIGKILL and SIGSTOP reach it. */
static void lead(pid_t parent) __attribute__((noreturn));
static void lead(pid_t parent)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    setpgid(0, 0);
    prctl(PR_SET_NAME, "fanfold-group");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close_range(0, ~0u, 0);
    while (getppid() == parent)
        pause();
    _exit(0);
}

/* A group from outside of this process's namespace has no number in it, and no leader
 * can be moved there. */
static void have_group(void)
{
    if (getpgrp() == 0)
        setpgid(0, 0);
}

int slot_group_open(struct slot_group *group)
{
    pid_t parent = getpid();
    if (group->leader)
        return 0;
    have_group();
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        lead(parent);
    setpgid(pid, pid); /* it does so too; one of the two is first */
    *group = (struct slot_group){pid, pid};
    return 0;
}

void slot_group_of(struct slot_group *group, pid_t program)
{
    *group = (struct slot_group){0, program};
}

void slot_group_close(struct slot_group *group)
{
    if (group->leader && kill(group->leader, SIGKILL) == 0)
        waitpid(group->leader, NULL, 0);
    *group = (struct slot_group){0, 0};
}

bool slot_group_on_end(struct slot_group *group, pid_t child)
{
    if (!group->leader || group->leader != child)
        return false;
    group->leader = 0;
    return true;
}

static void step_out(const struct slot_group *group)
{
    if (group->leader)
        setpgid(group->leader, getpgrp());
}

static void step_in(const struct slot_group *group)
{
    if (group->leader)
        setpgid(group->leader, group->number);
}

void slot_group_signal(const struct slot_group *group, int signal, bool reaped)
{
    if (!group->number)
        return;
    if (!group->leader && reaped) {
        descendants_signal_group(group->number, signal);
        return;
    }
    step_out(group);
    kill(-group->number, signal);
    step_in(group);
}

/* EPERM: somebody is in it whom this user may not signal. */
bool slot_group_is_used(const struct slot_group *group)
{
    if (!group->number)
        return false;
    step_out(group);
    bool used = kill(-group->number, 0) == 0 || errno == EPERM;
    step_in(group);
    return used;
}
