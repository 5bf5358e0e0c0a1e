/* SPDX-License-Identifier: MIT */
#include "worker/supervisor/slots/program_signals.h"
#include "common/process/signals.h"

#include <stddef.h>

/* They reach every process of a terminal or of a service when a run ends. */
static const int endings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
enum { ENDINGS = sizeof endings / sizeof *endings };

static void pass_over(int number)
{
    (void)number;
}

void program_signals_prepare(void)
{
    const struct sigaction over = {.sa_handler = pass_over, .sa_flags = SA_RESTART};
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    for (size_t i = 0; i < ENDINGS; i++)
        sigaction(endings[i], &over, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void program_signals_take(struct program_signals *signals)
{
    static const int broken_pipe[] = {SIGPIPE};
    sigprocmask(SIG_SETMASK, NULL, &signals->mask);
    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &signals->actions[number]) < 0)
            signals->actions[number] = (struct sigaction){.sa_handler = SIG_DFL};
    for (size_t i = 0; i < ENDINGS; i++)
        if (signals->actions[endings[i]].sa_handler == pass_over)
            signals->actions[endings[i]] = (struct sigaction){.sa_handler = SIG_DFL};
    signals_ignore(endings, ENDINGS);
    signals_ignore(broken_pipe, 1);
    signal(SIGCHLD, SIG_DFL); /* the loop waits for slots */
    signal(SIGTSTP, SIG_DFL);
    signal(SIGCONT, SIG_DFL);
}

void program_signals_give(const struct program_signals *signals)
{
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &signals->actions[number], NULL);
    sigprocmask(SIG_SETMASK, &signals->mask, NULL);
}
