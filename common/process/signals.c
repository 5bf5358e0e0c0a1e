/* SPDX-License-Identifier: MIT */
/* signalfd makes a signal an event of the loop like any other. SIGCHLD is one where
 * strangers may become children of this process; it is handled here. */
#include "common/process/signals.h"
#include "common/clock.h"
#include "common/process/repeated_signal.h"
#include "common/process/strangers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static enum signals_from source;
static struct repeated_signal last;
static bool last_to_group;

void signals_add_unless_ignored(sigset_t *set, int number)
{
    struct sigaction action;
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
        sigaddset(set, number);
}

void signals_ignore(const int *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        signal(numbers[i], SIG_IGN);
}

void signals_reset(void)
{
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void signals_see_children(void)
{
    signal(SIGCHLD, SIG_DFL); /* clears SA_NOCLDWAIT, too */
}

int signals_open(enum signals_from from)
{
    source = from;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    signals_add_unless_ignored(&set, SIGINT);
    signals_add_unless_ignored(&set, SIGHUP);
    if (strangers_expected())
        sigaddset(&set, SIGCHLD);
    signal(SIGXFSZ, SIG_IGN); /* write fails where a file may not grow: no signal */
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    strangers_reap(); /* those of which no signal tells any more */
    return fd < 0 ? -errno : fd;
}

/* The leader of our group, such as timeout(1), sends to all of the group, the launcher
 * among them. */
static bool is_to_group(const struct signalfd_siginfo *info)
{
    pid_t leader = getpgrp();
    return (pid_t)info->ssi_pid == leader && getppid() != leader;
}

/* A signal to the group may hide the launcher's, as the kernel keeps one of a kind: so
 * the process that the launcher tells first takes the one for the other, whichever
 * comes first. */
static bool counts(const struct signalfd_siginfo *info)
{
    enum { LAUNCHER_FOLLOWS_US = 1000000 };
    int64_t now_us = clock_now_us();
    if (source == SIGNALS_FROM_PERSON)
        return !repeated_signal_take(&last, (int)info->ssi_signo, now_us);
    bool to_group = is_to_group(info);
    if (last.number && now_us - last.at_us < LAUNCHER_FOLLOWS_US &&
        (to_group || last_to_group))
        return false;
    if (to_group && source != SIGNALS_FROM_LAUNCHER_FIRST)
        return false;
    last_to_group = to_group;
    last = (struct repeated_signal){(int)info->ssi_signo, now_us};
    return true;
}

int signals_next(int fd)
{
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            strangers_reap();
        else if (counts(&info))
            return (int)info.ssi_signo;
    }
    return 0;
}

bool signals_may_catch(pid_t pid, int number)
{
    char path[40], text[8192];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (size <= 0)
        return true;
    text[size] = '\0';
    const char *caught = strstr(text, "\nSigCgt:"),
               *zombie = strstr(text, "\nState:\tZ");
    if (!caught || zombie)
        return true;
    uint64_t mask = strtoull(caught + strlen("\nSigCgt:"), NULL, 16);
    return mask >> (number - 1) & 1;
}

void signals_end_by(int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    signal(number, SIG_DFL);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

bool signals_for_terminal(int signal)
{
    return signal == SIGTTIN || signal == SIGTTOU;
}

const char *signals_explain(int signal)
{
    return signal == SIGTTIN
               ? "the program wanted to read from the terminal (SIGTTIN): fanfold's "
                 "programs have none; give it what it asks for by a file or the "
                 "environment"
               : "the program wanted to set up the terminal, as for a question "
                 "(SIGTTOU): fanfold's programs have none; give it what it asks for by "
                 "a file or the environment";
}
