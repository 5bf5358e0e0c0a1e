/* SPDX-License-Identifier: MIT */
/* A process for --joblog that answers late, or never. */
#include "ventilator/report/job_log_process.h"

#include "common/clock.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNKS = 5000 };

static char directory[] = "/tmp/fanfold-job-log-process-XXXXXX";
static char path[64];
static struct job_log_process *process;
static pid_t helper;

/* The test has one child. */
static pid_t find_child(void)
{
    char name[64];
    int child = 0;
    snprintf(name, sizeof name, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(name, "r");
    cr_assert(file && fscanf(file, "%d", &child) == 1);
    fclose(file);
    return child;
}

static void set_up(void)
{
    char error[200];
    cr_redirect_stderr();
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/log", directory);
    const struct job_log_config config = {.path = path};
    cr_assert_eq(job_log_process_start(&config, &process, error, sizeof error), 0, "%s",
                 error);
    helper = find_child();
    job_log_process_begin(process);
}

static void tear_down(void)
{
    unlink(path);
    cr_assert_eq(rmdir(directory), 0);
}

TestSuite(job_log_process, .init = set_up, .fini = tear_down, .timeout = 60);

static void add_one(uint64_t seq)
{
    const struct completion completion = {
        .seq = seq, .well = true, .host = "tiger", .command = "wc -l"};
    job_log_process_add(process, &completion);
    job_log_process_tick(process, clock_now_us());
}

static int count_lines(void)
{
    int lines = 0;
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    for (int c; (c = getc(file)) != EOF;)
        lines += c == '\n';
    fclose(file);
    return lines;
}

Test(job_log_process, holds_nobody_up_while_it_is_behind_by_a_few_bytes)
{
    kill(helper, SIGSTOP);
    for (uint64_t seq = 0; seq < CHUNKS; seq++)
        add_one(seq);
    kill(helper, SIGCONT);
    job_log_process_stop(&process, false);
    cr_assert_eq(count_lines(), 1 + CHUNKS);
}

Test(job_log_process, is_missed_once_where_it_was_killed)
{
    char said[400] = "";
    kill(helper, SIGKILL);
    for (uint64_t seq = 0; seq < 10; seq++)
        add_one(seq);
    job_log_process_stop(&process, false);
    fflush(stderr);
    FILE *redirected = cr_get_redirected_stderr();
    size_t size = fread(said, 1, sizeof said - 1, redirected);
    cr_assert(size > 0 && strstr(said, "the process that writes --joblog was killed"));
    cr_assert_eq(strchr(said, '\n'), said + size - 1, "%s", said);
}
