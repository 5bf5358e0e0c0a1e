/* SPDX-License-Identifier: MIT */
#include "worker/program/stderr_relay.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int from_program, to_stderr; /* the test's ends */
static struct stderr_queue *queue;
static struct stderr_relay *relay;

static void open_relay(bool prefix)
{
    int program[2], error[2];
    cr_assert_eq(pipe2(program, O_NONBLOCK), 0);
    cr_assert_eq(pipe2(error, O_NONBLOCK), 0);
    fcntl(error[1], F_SETFL, 0); /* as stderr is */
    from_program = program[1];
    to_stderr = error[0];
    queue = stderr_queue_new(error[1], 4, 0);
    relay = stderr_relay_new(program[0], 1, prefix, queue);
    stderr_relay_begin(relay, 17);
}

static void program_writes(const char *text)
{
    cr_assert_eq(write(from_program, text, strlen(text)), (ssize_t)strlen(text));
    stderr_relay_read(relay);
}

static const char *shown(void)
{
    static char text[1 << 20];
    stderr_queue_push(queue, 0);
    ssize_t size = read(to_stderr, text, sizeof text - 1);
    text[size < 0 ? 0 : size] = '\0';
    return text;
}

Test(stderr_relay, shows_whole_lines_only)
{
    open_relay(false);
    program_writes("one\ntw");
    cr_assert_str_eq(shown(), "one\n");
    program_writes("o\n\nthree");
    cr_assert_str_eq(shown(), "two\n\n");
    stderr_relay_finish(relay);
    cr_assert_str_eq(shown(), "three\n");
    stderr_relay_finish(relay);
    cr_assert_str_eq(shown(), "");
}

Test(stderr_relay, says_slot_and_seq_where_several_run)
{
    open_relay(true);
    program_writes("text\n");
    cr_assert_str_eq(shown(), "[slot 2 seq 17] text\n");
}

Test(stderr_relay, keeps_the_tail_of_the_task_at_hand)
{
    open_relay(false);
    program_writes("old\n");
    stderr_relay_begin(relay, 18);
    struct slice tail = stderr_relay_tail(relay);
    cr_assert_eq(tail.size, 0);
    char text[6001];
    for (int i = 0; i < 6000; i++)
        text[i] = (char)('a' + i % 26);
    text[6000] = '\0';
    program_writes(text);
    program_writes("end");
    tail = stderr_relay_tail(relay);
    cr_assert_eq(tail.size, TEXT_MAX_BYTES);
    cr_assert_eq(
        memcmp(tail.data, text + 6000 + 3 - TEXT_MAX_BYTES, TEXT_MAX_BYTES - 3), 0);
    cr_assert_eq(memcmp(tail.data + TEXT_MAX_BYTES - 3, "end", 3), 0);
}

static void expect_tail(const char *text)
{
    struct slice tail = stderr_relay_tail(relay);
    cr_assert_eq(tail.size, strlen(text), "%.*s", (int)tail.size,
                 (const char *)tail.data);
    cr_assert_arr_eq(tail.data, text, tail.size);
}

Test(stderr_relay, keeps_for_the_next_task_what_may_be_its_own)
{
    open_relay(false);
    program_writes("of the first\n");
    stderr_relay_doubt(relay);
    program_writes("of either\n");
    expect_tail("of the first\nof either\n");
    stderr_relay_forget(relay, 17);
    expect_tail("of either\n");
    stderr_relay_speaker(relay, 18);
    program_writes("of the second\n");
    expect_tail("of either\nof the second\n");
    stderr_relay_speaker(relay, 19);
    expect_tail("");
    stderr_relay_doubt(relay);
    program_writes("of the third after all\n");
    stderr_relay_be_sure(relay);
    stderr_relay_speaker(relay, 20);
    expect_tail("");
}

Test(stderr_relay, cuts_a_line_that_does_not_end)
{
    open_relay(false);
    static char text[40001];
    memset(text, 'x', 40000);
    size_t lines = 0, bytes = 0;
    for (int i = 0; i < 5; i++)
        program_writes(text);
    for (const char *part = shown(); *part; part = shown())
        for (; *part; part++)
            *part == '\n' ? lines++ : bytes++;
    cr_assert_eq(lines, 3);
    cr_assert_eq(bytes, 3 * 65536);
}

/* So much that the queue holds, while nobody reads stderr. */
static void fill_queue(void)
{
    static char line[10001];
    memset(line, 'y', 9999);
    line[9999] = '\n';
    while (!stderr_queue_holds(queue))
        program_writes(line);
}

Test(stderr_relay, leaves_bytes_in_the_pipe_while_the_queue_holds)
{
    open_relay(false);
    fill_queue();
    cr_assert_not(stderr_relay_is_held(relay)); /* the pipe is empty */
    program_writes("later\n");
    cr_assert(stderr_relay_is_held(relay));
    while (!stderr_queue_push(queue, 0))
        shown();
    cr_assert_not(stderr_relay_is_held(relay));
    shown();
    stderr_relay_read(relay);
    cr_assert_str_eq(shown(), "later\n");
}

Test(stderr_relay, finishes_when_the_last_lines_have_room)
{
    open_relay(false);
    fill_queue();
    program_writes("last\nwords");
    cr_assert_not(stderr_relay_try_finish(relay));
    cr_assert_eq(stderr_relay_tail(relay).size, TEXT_MAX_BYTES);
    while (!stderr_queue_push(queue, 0))
        shown();
    shown();
    program_writes(" of another");
    cr_assert(stderr_relay_try_finish(relay));
    struct slice tail = stderr_relay_tail(relay);
    cr_assert_eq(memcmp(tail.data + tail.size - 21, "last\nwords of another", 21), 0);
    cr_assert_str_eq(shown(), "last\nwords of another\n");
}

Test(stderr_relay, finishes_at_once_where_nothing_is_left_to_read)
{
    open_relay(false);
    fill_queue();
    cr_assert(stderr_relay_try_finish(relay));
}

Test(stderr_relay, does_not_wait_for_what_a_survivor_writes)
{
    open_relay(false);
    fill_queue();
    program_writes("last\n");
    cr_assert_not(stderr_relay_try_finish(relay));
    while (!stderr_queue_push(queue, 0))
        shown();
    shown();
    static char more[20001];
    memset(more, 'z', 20000);
    cr_assert_eq(write(from_program, more, 20000), 20000);
    cr_assert(stderr_relay_try_finish(relay));
    stderr_relay_read(relay);
    stderr_relay_end_line(relay);
    cr_assert_str_eq(strrchr(shown(), 'z'), "z\n");
}

Test(stderr_relay, does_not_end_a_line_of_which_more_waits)
{
    open_relay(false);
    program_writes("half a ");
    fill_queue();
    while (!stderr_queue_push(queue, 0))
        shown();
    shown();
    program_writes("one, ");
    cr_assert_eq(write(from_program, "two\n", 4), 4);
    stderr_relay_end_line(relay);
    stderr_relay_read(relay);
    cr_assert_str_eq(shown(), "one, two\n");
}

Test(stderr_relay, finishes_at_once_where_it_must_not_wait)
{
    open_relay(false);
    fill_queue();
    program_writes("last\n");
    stderr_relay_finish(relay);
    struct slice tail = stderr_relay_tail(relay);
    cr_assert_eq(memcmp(tail.data + tail.size - 5, "last\n", 5), 0);
    cr_assert_not(stderr_relay_is_held(relay));
}

Test(stderr_relay, does_not_mind_that_nobody_reads_stderr)
{
    signal(SIGPIPE, SIG_IGN);
    open_relay(false);
    close(to_stderr);
    program_writes("text\n");
    cr_assert(stderr_queue_push(queue, 0));
}
