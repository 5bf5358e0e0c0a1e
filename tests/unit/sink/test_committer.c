/* SPDX-License-Identifier: MIT */
#include "sink/committer.h"
#include "sink/letters.h"
#include "sink/lock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MS = 60000 };

static char directory[64], output_path[128], journal[128], letters[128];
static int output;

static void prepare(void)
{
    strcpy(directory, "/tmp/fanfold-commit-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(output_path, sizeof output_path, "%s/out", directory);
    snprintf(journal, sizeof journal, "%s/out.fanfold", directory);
    snprintf(letters, sizeof letters, "%s/letters", directory);
    output = open(output_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(output, 0);
}

static void clean(void)
{
    char command[200];
    snprintf(command, sizeof command, "rm -r %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(committer, .init = prepare, .fini = clean);

static struct committer *start(void)
{
    struct committer *committer;
    cr_assert_eq(committer_start(output, journal, letters, &committer), 0);
    return committer;
}

static void order(struct committer *committer, uint64_t ticket, uint64_t next,
                  uint64_t last_letter)
{
    struct journal ordered = {.position = {.next = next, .dead_letters = last_letter},
                              .offset = next * 10};
    struct commit_letters some = {.first = 1, .last = last_letter};
    cr_assert_eq(committer_order(committer, ticket, &ordered, &some), 0);
}

static int take(struct committer *committer, struct commit_answer *answer)
{
    struct pollfd item = {.fd = committer_descriptor(committer), .events = POLLIN};
    cr_assert_eq(poll(&item, 1, DEADLINE_MS), 1, "no answer");
    return committer_take(committer, answer);
}

static uint64_t next_in_journal(void)
{
    struct journal read;
    char error[200];
    cr_assert_eq(journal_read(journal, &read, error, sizeof error), 0);
    return read.position.next;
}

Test(committer, answers_when_the_journal_is_there)
{
    struct committer *committer = start();
    struct commit_answer answer;
    cr_assert_eq(committer_take(committer, &answer), 0, "nothing yet");
    order(committer, 5, 50, 0);
    cr_assert_eq(take(committer, &answer), 1);
    cr_assert_eq(answer.ticket, 5);
    cr_assert_eq(answer.error, 0);
    cr_assert_eq(answer.next, 50);
    cr_assert_eq(answer.offset, 500);
    cr_assert_eq(next_in_journal(), 50);
    cr_assert(committer_is_idle(committer));
    committer_stop(&committer);
    cr_assert_eq(waitpid(-1, NULL, 0), -1, "a process is left");
    cr_assert_eq(errno, ECHILD);
}

Test(committer, makes_commits_in_their_order)
{
    struct committer *committer = start();
    struct commit_answer answer;
    for (uint64_t ticket = 1; ticket <= 20; ticket++)
        order(committer, ticket, ticket, 0);
    for (uint64_t ticket = 1; ticket <= 20; ticket++) {
        cr_assert_eq(take(committer, &answer), 1);
        cr_assert_eq(answer.ticket, ticket);
    }
    cr_assert_eq(next_in_journal(), 20);
    committer_stop(&committer);
}

Test(committer, says_which_step_failed_and_the_last_journal_holds)
{
    struct committer *committer = start();
    struct commit_answer answer;
    order(committer, 1, 7, 0);
    cr_assert_eq(take(committer, &answer), 1);
    order(committer, 2, 8, 1); /* a letter that is not there */
    cr_assert_eq(take(committer, &answer), 1);
    cr_assert_eq(answer.error, -ENOENT);
    cr_assert_eq(answer.step, COMMIT_LETTERS);
    cr_assert_eq(next_in_journal(), 7);
    cr_assert_eq(take(committer, &answer), -EPIPE, "no commit follows one that failed");
    cr_assert(committer_is_idle(committer));
    committer_stop(&committer);
}

Test(committer, that_is_gone_is_noticed)
{
    struct committer *committer = start();
    struct commit_answer answer;
    char line[200], path[64];
    int pid = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    FILE *children = fopen(path, "r");
    cr_assert_not_null(children);
    cr_assert_not_null(fgets(line, sizeof line, children));
    fclose(children);
    pid = atoi(line);
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(take(committer, &answer), -EPIPE);
    struct journal ordered = {.offset = 0};
    struct commit_letters none = {.first = 1, .last = 0};
    cr_assert_eq(committer_order(committer, 1, &ordered, &none), -EPIPE);
    committer_stop(&committer);
}

Test(committer, finishes_what_was_ordered_when_its_sink_is_killed)
{
    pid_t sink = fork();
    if (sink == 0) {
        char error[200];
        lock_file(output, output_path, 0, error, sizeof error);
        struct committer *committer = start();
        order(committer, 1, 33, 0);
        raise(SIGKILL);
    }
    siginfo_t info;
    close(output);
    /* Ended, and not looked after yet: it is no process that writes. */
    cr_assert_eq(waitid(P_PID, (id_t)sink, &info, WEXITED | WNOWAIT), 0);
    cr_assert_eq(info.si_code, CLD_KILLED);
    /* The lock is its helper's until the commit is made. */
    char error[200] = "";
    int again = open(output_path, O_WRONLY | O_CLOEXEC);
    cr_assert_eq(
        lock_file(again, output_path, DEADLINE_MS * INT64_C(1000), error, sizeof error),
        0, "%s", error);
    cr_assert_eq(next_in_journal(), 33);
}

Test(committer, whose_sink_lives_keeps_the_lock)
{
    char error[200] = "";
    cr_assert_eq(lock_file(output, output_path, 0, error, sizeof error), 0);
    struct committer *committer = start();
    int again = open(output_path, O_WRONLY | O_CLOEXEC);
    int64_t long_us = DEADLINE_MS * INT64_C(1000);
    cr_assert_eq(lock_file(again, output_path, long_us, error, sizeof error), -EBUSY);
    close(again);
    committer_stop(&committer);
}

Test(committer, hears_no_signal_that_ends_a_run)
{
    struct committer *committer = start();
    struct commit_answer answer;
    order(committer, 1, 1, 0); /* after its answer its signals are as they will be */
    cr_assert_eq(take(committer, &answer), 1);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    kill(0, SIGINT);
    kill(0, SIGTERM);
    kill(0, SIGHUP);
    order(committer, 2, 2, 0);
    cr_assert_eq(take(committer, &answer), 1);
    cr_assert_eq(answer.ticket, 2);
    committer_stop(&committer);
}
