/* SPDX-License-Identifier: MIT */
/* The file of --joblog: its header and lines, what is kept of one that is there. */
#include "ventilator/report/job_log.h"

#include "common/clock.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEADER \
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n"

enum { NOW_US = 100000000 };

static char directory[] = "/tmp/fanfold-job-log-XXXXXX";
static char path[64], plus_path[66];
static const struct completion well = {.seq = 6,
                                       .length = 1048576,
                                       .ended_us = NOW_US,
                                       .run_us = 2345678,
                                       .well = true,
                                       .host = "tiger",
                                       .command = "wc -l"};

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/log", directory);
    snprintf(plus_path, sizeof plus_path, "+%s", path);
}

static void tear_down(void)
{
    unlink(path);
    cr_assert_eq(rmdir(directory), 0);
}

TestSuite(job_log, .init = set_up, .fini = tear_down);

static struct job_log *open_log(const char *name, bool append)
{
    struct job_log_config config = {.path = name, .append = append};
    struct job_log *log;
    char error[200];
    cr_assert_eq(job_log_open(&config, &log, error, sizeof error), 0, "%s", error);
    return log;
}

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static const char *read_file(void)
{
    static char text[1 << 20];
    FILE *file = fopen(path, "r");
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    return text;
}

/* The line of this end, without what is before JobRuntime. */
static const char *line_of(const struct completion *end)
{
    struct job_log *log = open_log(path, false);
    job_log_begin(log);
    job_log_add(log, end, NOW_US);
    job_log_destroy(&log);
    cr_assert_null(log);
    const char *line = read_file() + strlen(HEADER);
    for (int tabs = 0; tabs < 3; line++)
        tabs += *line == '\t';
    return line;
}

static void expect_codes(enum failure cause, uint32_t code, const char *expected)
{
    struct completion end = well;
    end.well = false;
    end.cause = cause;
    end.code = code;
    char line[100];
    snprintf(line, sizeof line, "     2.345\t1048576\t0\t%s\twc -l\n", expected);
    cr_assert_str_eq(line_of(&end), line);
}

Test(job_log, a_line_has_the_fields_of_gnu_parallel)
{
    cr_assert_str_eq(line_of(&well), "     2.345\t1048576\t0\t0\t0\twc -l\n");
    cr_assert(strncmp(read_file(), HEADER "7\ttiger\t", strlen(HEADER) + 8) == 0);
}

Test(job_log, a_job_started_its_run_time_before_it_was_heard_to_have_ended)
{
    struct completion end = well;
    end.ended_us = NOW_US - 3 * SECOND_US;
    int64_t before = time(NULL) - 6, seconds;
    line_of(&end);
    cr_assert_eq(sscanf(read_file() + strlen(HEADER), "7\ttiger\t%" SCNd64, &seconds),
                 1);
    cr_assert(seconds >= before && seconds <= time(NULL) - 5);
}

Test(job_log, what_failed_has_an_exit_status_or_a_signal_as_in_gnu_parallel)
{
    expect_codes(FAILURE_EXIT, 7, "7\t0");
    expect_codes(FAILURE_REPORTED, 1, "1\t0");
    expect_codes(FAILURE_SIGNAL, 11, "0\t11");
    expect_codes(FAILURE_TIMEOUT, 0, "-1\t15");
    expect_codes(FAILURE_MEMORY, 0, "0\t9");
}

Test(job_log, what_failed_never_looks_as_if_it_had_not)
{
    for (enum failure cause = FAILURE_EXIT; cause <= FAILURE_LOST; cause++)
        if (cause != FAILURE_TIMEOUT && cause != FAILURE_MEMORY)
            expect_codes(cause, 0, "-1\t0");
}

Test(job_log, what_a_worker_calls_itself_stays_one_field)
{
    struct completion end = well;
    end.host = "a\tb";
    end.command = "sh -c a\nb\033";
    cr_assert_str_eq(line_of(&end), "     2.345\t1048576\t0\t0\t0\tsh -c a\\nb\\x1b\n");
    cr_assert(strncmp(read_file(), HEADER "7\ta\\tb\t", strlen(HEADER) + 7) == 0);
    end.host = end.command = "";
    cr_assert_str_eq(line_of(&end), "     2.345\t1048576\t0\t0\t0\t?\n");
}

Test(job_log, a_file_that_is_there_is_kept_until_the_run_begins)
{
    write_file("old\n");
    struct job_log *log = open_log(path, false);
    cr_assert_str_eq(read_file(), "old\n");
    job_log_begin(log);
    cr_assert_str_eq(read_file(), HEADER);
    job_log_destroy(&log);
}

Test(job_log, a_plus_or_a_resumed_run_appends_and_writes_no_second_header)
{
    write_file("old\n");
    for (int i = 0; i < 2; i++) {
        struct job_log *log = i ? open_log(path, true) : open_log(plus_path, false);
        job_log_begin(log);
        cr_assert_str_eq(read_file(), "old\n");
        job_log_destroy(&log);
    }
}

Test(job_log, what_is_appended_to_nothing_has_a_header)
{
    struct job_log *log = open_log(plus_path, true);
    job_log_begin(log);
    cr_assert_str_eq(read_file(), HEADER);
    job_log_destroy(&log);
}

Test(job_log, half_a_line_that_was_left_is_ended)
{
    write_file("old\n12\thal");
    struct job_log *log = open_log(path, true);
    job_log_begin(log);
    cr_assert_str_eq(read_file(), "old\n12\thal\n");
    job_log_destroy(&log);
}

Test(job_log, lines_are_written_within_a_second)
{
    struct job_log *log = open_log(path, false);
    job_log_begin(log);
    cr_assert_eq(job_log_tick(log, NOW_US), NEVER_US);
    job_log_add(log, &well, NOW_US);
    job_log_add(log, &well, NOW_US + SECOND_US / 2);
    cr_assert_eq(job_log_tick(log, NOW_US + SECOND_US / 2), NOW_US + SECOND_US);
    cr_assert_str_eq(read_file(), HEADER);
    cr_assert_eq(job_log_tick(log, NOW_US + SECOND_US), NEVER_US);
    cr_assert_gt(strlen(read_file()), strlen(HEADER));
    job_log_destroy(&log);
}

Test(job_log, many_lines_are_all_there_and_whole)
{
    enum { LINES = 5000 };
    char command[256];
    memset(command, '\001', sizeof command - 1);
    command[sizeof command - 1] = '\0';
    struct job_log *log = open_log(path, false);
    job_log_begin(log);
    for (uint64_t i = 0; i < LINES; i++) {
        struct completion end = well;
        end.seq = i;
        if (i % 50 == 0)
            end.command = command; /* as long as any may be, escaped */
        job_log_add(log, &end, NOW_US);
    }
    job_log_destroy(&log);
    const char *line = read_file();
    for (int i = 0; i < LINES; i++) {
        line = strchr(line, '\n') + 1;
        cr_assert_eq(atoi(line), i + 1);
    }
    cr_assert_str_eq(strchr(line, '\n'), "\n");
}

/* A header, and a line of `well`. */
static void expect_one_line(const char *what)
{
    const char *text = read_file(), *line = text + strlen(HEADER);
    cr_assert_eq(strncmp(text, HEADER "7\ttiger\t", strlen(HEADER) + 8), 0, "%s", what);
    cr_assert_str_eq(strchr(line, '\n'), "\n", "%s", what);
}

Test(job_log, a_file_that_was_moved_away_or_removed_is_made_anew)
{
    char moved[80];
    snprintf(moved, sizeof moved, "%s.1", path);
    struct job_log *log = open_log(path, false);
    job_log_begin(log);
    job_log_add(log, &well, 10 * SECOND_US);
    job_log_tick(log, 12 * SECOND_US);
    expect_one_line("before");
    cr_assert_eq(rename(path, moved), 0);
    job_log_add(log, &well, 13 * SECOND_US);
    job_log_tick(log, 15 * SECOND_US);
    expect_one_line("in place of what was moved away");
    cr_assert_eq(unlink(path), 0);
    job_log_add(log, &well, 16 * SECOND_US);
    job_log_destroy(&log);
    expect_one_line("in place of what was removed");
    cr_assert_eq(rename(moved, path), 0);
    expect_one_line("what was moved away");
}

Test(job_log, a_file_that_somebody_else_made_meanwhile_is_appended_to)
{
    struct job_log *log = open_log(path, false);
    job_log_begin(log);
    cr_assert_eq(unlink(path), 0);
    write_file("theirs\n");
    job_log_add(log, &well, 10 * SECOND_US);
    job_log_destroy(&log);
    cr_assert_eq(strncmp(read_file(), "theirs\n7\t", 9), 0, "%s", read_file());
}

Test(job_log, what_takes_the_place_of_the_file_and_is_none_is_left_alone)
{
    struct job_log *log = open_log(path, false);
    job_log_begin(log);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(mkdir(path, 0700), 0);
    job_log_add(log, &well, 10 * SECOND_US);
    job_log_destroy(&log);
    cr_assert_eq(rmdir(path), 0);
    write_file("");
}

Test(job_log, a_device_that_is_full_is_no_end_of_the_run)
{
    struct job_log *log = open_log("/dev/full", false);
    job_log_begin(log);
    job_log_add(log, &well, NOW_US);
    cr_assert_eq(job_log_tick(log, NOW_US + SECOND_US), NEVER_US);
    job_log_destroy(&log);
}

Test(job_log, a_file_that_cannot_be_opened_is_named)
{
    struct job_log_config config = {.path = "+/nowhere/log"};
    struct job_log *log;
    char error[200];
    cr_assert_eq(job_log_open(&config, &log, error, sizeof error), -ENOENT);
    cr_assert_str_eq(error,
                     "cannot write --joblog /nowhere/log: No such file or directory");
}

Test(job_log, the_input_is_not_written_over)
{
    write_file("data\n");
    const char *inputs[] = {"/dev/null", path};
    struct job_log_config config = {.path = path, .inputs = inputs, .input_count = 2};
    struct job_log *log;
    char error[200];
    cr_assert_eq(job_log_open(&config, &log, error, sizeof error), -EINVAL);
    cr_assert_not_null(strstr(error, "is the input"));
    cr_assert_str_eq(read_file(), "data\n");
}

/* Until a pipe is full, and then no longer than a moment. */
Test(job_log, continues_without_a_pipe_that_nobody_reads)
{
    cr_assert_eq(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    cr_assert_geq(fcntl(reader, F_SETPIPE_SZ, 4096), 4096);
    struct job_log *log = open_log(path, false);
    job_log_begin(log);
    for (int i = 0; i < 3000; i++)
        job_log_add(log, &well, NOW_US);
    cr_assert_eq(job_log_tick(log, NOW_US), NEVER_US, "given up");
    job_log_destroy(&log);
    close(reader);
}

Test(job_log, keeps_what_a_pipe_has_no_room_for_until_it_has)
{
    char text[4096 + 1];
    cr_assert_eq(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    cr_assert_geq(fcntl(reader, F_SETPIPE_SZ, 4096), 4096);
    struct job_log *log = open_log(path, false);
    job_log_begin(log);
    for (int i = 0; i < 150; i++)
        job_log_add(log, &well, NOW_US);
    int64_t later_us = NOW_US + SECOND_US;
    size_t all = 0;
    ssize_t size;
    while (job_log_tick(log, later_us) != NEVER_US || all == 0) {
        while ((size = read(reader, text, sizeof text - 1)) > 0)
            all += (size_t)size;
        later_us += SECOND_US;
    }
    while ((size = read(reader, text, sizeof text - 1)) > 0) {
        all += (size_t)size;
        text[size] = '\0';
    }
    cr_assert_gt(all, 4096);
    cr_assert_eq((all - strlen(HEADER)) % 150, 0, "each line whole");
    job_log_destroy(&log);
    close(reader);
}
