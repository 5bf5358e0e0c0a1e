/* SPDX-License-Identifier: MIT */
#include "sink/dead_letters/dead_letters.h"
#include "sink/journal/commit_process.h"
#include "sink/output/output_lock.h"

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

static char directory[64], output_path[128], journal[128], dead_letters[128];
static int output;

static void prepare(void)
{
    strcpy(directory, "/tmp/fanfold-commit-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(output_path, sizeof output_path, "%s/out", directory);
    snprintf(journal, sizeof journal, "%s/out.fanfold", directory);
    snprintf(dead_letters, sizeof dead_letters, "%s/letters", directory);
    output = open(output_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(output, 0);
}

static void clean(void)
{
    char command[200];
    snprintf(command, sizeof command, "rm -r %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(commit_process, .init = prepare, .fini = clean);

static struct commit_process *start(void)
{
    struct commit_process *commit_process;
    const struct commit_process_config config = {
        .output = output, .journal = journal, .dead_letters = dead_letters};
    cr_assert_eq(commit_process_start(&config, &commit_process), 0);
    return commit_process;
}

static void order(struct commit_process *commit_process, uint64_t ticket, uint64_t next,
                  uint64_t last_dead_letter)
{
    struct journal ordered = {
        .position = {.next = next, .dead_letters = last_dead_letter},
        .offset = next * 10};
    struct commit_dead_letters some = {.first = 1, .last = last_dead_letter};
    cr_assert_eq(commit_process_order(commit_process, ticket, &ordered, &some), 0);
}

static int take(struct commit_process *commit_process, struct commit_answer *answer)
{
    struct pollfd item = {.fd = commit_process_descriptor(commit_process),
                          .events = POLLIN};
    cr_assert_eq(poll(&item, 1, DEADLINE_MS), 1, "no answer");
    return commit_process_take(commit_process, answer);
}

static uint64_t next_in_journal(void)
{
    struct journal read;
    char error[200];
    cr_assert_eq(journal_read(journal, &read, error, sizeof error), 0);
    return read.position.next;
}

Test(commit_process, answers_when_the_journal_is_there)
{
    struct commit_process *commit_process = start();
    struct commit_answer answer;
    cr_assert_eq(commit_process_take(commit_process, &answer), 0, "nothing yet");
    order(commit_process, 5, 50, 0);
    cr_assert_eq(take(commit_process, &answer), 1);
    cr_assert_eq(answer.ticket, 5);
    cr_assert_eq(answer.error, 0);
    cr_assert_eq(answer.next, 50);
    cr_assert_eq(answer.offset, 500);
    cr_assert_eq(next_in_journal(), 50);
    cr_assert(commit_process_is_idle(commit_process));
    commit_process_stop(&commit_process);
    cr_assert_eq(waitpid(-1, NULL, 0), -1, "a process is left");
    cr_assert_eq(errno, ECHILD);
}

Test(commit_process, makes_commits_in_their_order)
{
    struct commit_process *commit_process = start();
    struct commit_answer answer;
    for (uint64_t ticket = 1; ticket <= 20; ticket++)
        order(commit_process, ticket, ticket, 0);
    for (uint64_t ticket = 1; ticket <= 20; ticket++) {
        cr_assert_eq(take(commit_process, &answer), 1);
        cr_assert_eq(answer.ticket, ticket);
    }
    cr_assert_eq(next_in_journal(), 20);
    commit_process_stop(&commit_process);
}

Test(commit_process, says_which_step_failed_and_the_last_journal_holds)
{
    struct commit_process *commit_process = start();
    struct commit_answer answer;
    order(commit_process, 1, 7, 0);
    cr_assert_eq(take(commit_process, &answer), 1);
    order(commit_process, 2, 8, 1); /* a dead letter that is not there */
    cr_assert_eq(take(commit_process, &answer), 1);
    cr_assert_eq(answer.error, -ENOENT);
    cr_assert_eq(answer.step, COMMIT_DEAD_LETTERS);
    cr_assert_eq(next_in_journal(), 7);
    cr_assert_eq(take(commit_process, &answer), -EPIPE,
                 "no commit follows one that failed");
    cr_assert(commit_process_is_idle(commit_process));
    commit_process_stop(&commit_process);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void expect_text(const char *path, const char *text)
{
    char found[100] = "";
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    cr_assert_not_null(fgets(found, sizeof found, file));
    fclose(file);
    cr_assert_str_eq(found, text);
}

Test(commit_process, replaces_no_file_that_takes_the_journals_place)
{
    struct commit_process *commit_process = start();
    struct commit_answer answer;
    order(commit_process, 1, 7, 0);
    cr_assert_eq(take(commit_process, &answer), 1);
    cr_assert_eq(answer.error, 0);
    cr_assert_eq(unlink(journal), 0);
    write_text(journal, "precious");
    order(commit_process, 2, 8, 0);
    cr_assert_eq(take(commit_process, &answer), 1);
    cr_assert_eq(answer.error, -EEXIST);
    cr_assert_eq(answer.step, COMMIT_RENAME);
    expect_text(journal, "precious");
    commit_process_stop(&commit_process);
}

Test(commit_process, writes_over_no_file_that_has_the_temporary_name)
{
    struct commit_process *commit_process = start();
    struct commit_answer answer;
    char temporary[200];
    snprintf(temporary, sizeof temporary, "%s.tmp", journal);
    write_text(temporary, "precious");
    order(commit_process, 1, 7, 0);
    cr_assert_eq(take(commit_process, &answer), 1);
    cr_assert_eq(answer.error, -EEXIST);
    cr_assert_eq(answer.step, COMMIT_WRITE);
    expect_text(temporary, "precious");
    commit_process_stop(&commit_process);
}

Test(commit_process, that_is_gone_is_noticed)
{
    struct commit_process *commit_process = start();
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
    cr_assert_eq(take(commit_process, &answer), -EPIPE);
    struct journal ordered = {.offset = 0};
    struct commit_dead_letters none = {.first = 1, .last = 0};
    cr_assert_eq(commit_process_order(commit_process, 1, &ordered, &none), -EPIPE);
    commit_process_stop(&commit_process);
}

Test(commit_process, finishes_what_was_ordered_when_its_sink_is_killed)
{
    pid_t sink = fork();
    if (sink == 0) {
        char error[200];
        output_lock(output, output_path, 0, error, sizeof error);
        struct commit_process *commit_process = start();
        order(commit_process, 1, 33, 0);
        raise(SIGKILL);
    }
    siginfo_t info;
    close(output);
    /* Ended, and not looked after yet: it is no process that writes. */
    cr_assert_eq(waitid(P_PID, (id_t)sink, &info, WEXITED | WNOWAIT), 0);
    cr_assert_eq(info.si_code, CLD_KILLED);
    /* The lock is its commit process's until the commit is made. */
    char error[200] = "";
    int another = open(output_path, O_WRONLY | O_CLOEXEC);
    cr_assert_eq(output_lock(another, output_path, DEADLINE_MS * INT64_C(1000), error,
                             sizeof error),
                 0, "%s", error);
    cr_assert_eq(next_in_journal(), 33);
}

Test(commit_process, whose_sink_lives_keeps_the_lock)
{
    char error[200] = "";
    cr_assert_eq(output_lock(output, output_path, 0, error, sizeof error), 0);
    struct commit_process *commit_process = start();
    int another = open(output_path, O_WRONLY | O_CLOEXEC);
    int64_t long_us = DEADLINE_MS * INT64_C(1000);
    cr_assert_eq(output_lock(another, output_path, long_us, error, sizeof error),
                 -EBUSY);
    close(another);
    commit_process_stop(&commit_process);
}

Test(commit_process, hears_no_signal_that_ends_a_run)
{
    struct commit_process *commit_process = start();
    struct commit_answer answer;
    order(commit_process, 1, 1,
          0); /* after its answer its signals are as they will be */
    cr_assert_eq(take(commit_process, &answer), 1);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    kill(0, SIGINT);
    kill(0, SIGTERM);
    kill(0, SIGHUP);
    order(commit_process, 2, 2, 0);
    cr_assert_eq(take(commit_process, &answer), 1);
    cr_assert_eq(answer.ticket, 2);
    commit_process_stop(&commit_process);
}
