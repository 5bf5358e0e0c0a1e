/* SPDX-License-Identifier: MIT */
#include "deploy/lib/text_tail.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int ends[2];

static void open_pipe(void)
{
    cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
}

TestSuite(text_tail, .init = open_pipe);

static void say(const char *text)
{
    cr_assert_eq(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
}

Test(text_tail, is_what_was_said_without_the_last_end_of_line)
{
    struct text_tail tail = {.size = 0};
    cr_assert_str_eq(text_tail_last(&tail), "");
    say("one\ntwo\n");
    cr_assert(text_tail_read(&tail, ends[0], -1));
    cr_assert_str_eq(text_tail_last(&tail), "one\ntwo");
}

Test(text_tail, keeps_the_last_whole_lines_of_much)
{
    struct text_tail tail = {.size = 0};
    for (int i = 0; i < 1000; i++) {
        say("a line of some length\n");
        cr_assert(text_tail_read(&tail, ends[0], -1));
    }
    cr_assert_lt(tail.size, TAIL_BYTES + 1);
    cr_assert_eq(strncmp(text_tail_last(&tail), "a line of", 9), 0);
}

Test(text_tail, tells_the_end)
{
    struct text_tail tail = {.size = 0};
    close(ends[1]);
    cr_assert_not(text_tail_read(&tail, ends[0], -1));
}

Test(text_tail, survives_a_copy_that_nobody_reads)
{
    struct text_tail tail = {.size = 0};
    int copy[2];
    cr_assert_eq(pipe(copy), 0);
    close(copy[0]);
    signal(SIGPIPE, SIG_DFL);
    say("text");
    cr_assert(text_tail_read(&tail, ends[0], copy[1]));
    cr_assert_str_eq(text_tail_last(&tail), "text");
}
