/* SPDX-License-Identifier: MIT */
#include "worker/program/stderr_queue.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE_BYTES = 1000, SLOTS = 3 };

static int to_us;   /* the test reads our stderr here */
static int from_us; /* our stderr */
static struct stderr_queue *queue;
static uint64_t bytes_read, lines_read;
static char last[2 * LINE_BYTES]; /* the end of what was read */

static void open_queue(uint32_t slots)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
    cr_assert_eq(fcntl(ends[1], F_SETFL, 0), 0); /* as stderr is */
    to_us = ends[0];
    from_us = ends[1];
    queue = stderr_queue_new(from_us, slots, 0);
}

static void add_text(uint32_t slot, const char *text)
{
    stderr_queue_add(queue, slot, "", slice_of_text(text));
}

static void add_lines(uint32_t slot, unsigned count)
{
    char line[LINE_BYTES];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    while (count-- > 0)
        add_text(slot, line);
}

/* Fills the pipe, and the queue with so many bytes, in whole lines. */
static void fill(uint32_t slot, size_t bytes)
{
    char block[4096] = {0};
    int own = open("/dev/null", O_RDONLY);
    cr_assert_geq(own, 0);
    cr_assert_eq(fcntl(from_us, F_SETFL, O_NONBLOCK), 0);
    while (write(from_us, block, sizeof block) > 0)
        ;
    cr_assert_eq(fcntl(from_us, F_SETFL, 0), 0);
    add_lines(slot, (unsigned)(bytes / LINE_BYTES));
    close(own);
}

/* What is in the pipe. */
static bool read_some(void)
{
    static char data[1 << 16];
    ssize_t got = read(to_us, data, sizeof data);
    if (got <= 0)
        return false;
    bytes_read += (uint64_t)got;
    for (ssize_t i = 0; i < got; i++)
        lines_read += data[i] == '\n';
    size_t size = (size_t)got < sizeof last ? (size_t)got : sizeof last - 1;
    memcpy(last, data + got - size, size);
    last[size] = '\0';
    return true;
}

/* Somebody reads all. */
static void read_all(int64_t now_us)
{
    while (!stderr_queue_push(queue, now_us))
        read_some();
    while (read_some())
        ;
}

Test(stderr_queue, writes_what_goes_and_keeps_the_rest)
{
    open_queue(1);
    stderr_queue_add(queue, 0, "[slot 1] ", slice_of_text("text"));
    cr_assert_not(read_some());
    cr_assert(stderr_queue_push(queue, 0));
    read_some();
    cr_assert_str_eq(last, "[slot 1] text\n");
    add_lines(0, 100);
    cr_assert_not(stderr_queue_push(queue, 0));
    read_all(0);
    cr_assert_eq(lines_read, 101);
}

Test(stderr_queue, does_not_block_nor_make_others_not_block)
{
    open_queue(1);
    cr_assert_neq(stderr_queue_fd(queue), from_us);
    cr_assert_eq(fcntl(from_us, F_GETFL) & O_NONBLOCK, 0);
    cr_assert_neq(fcntl(stderr_queue_fd(queue), F_GETFL) & O_NONBLOCK, 0);
    add_lines(0, 1000);
    cr_assert_not(stderr_queue_push(queue, 0));
}

Test(stderr_queue, ends_a_write_with_a_line)
{
    open_queue(1);
    add_lines(0, 1000);
    (void)stderr_queue_push(queue, 0);
    static char piece[1 << 20];
    ssize_t got = read(to_us, piece, sizeof piece);
    cr_assert_gt(got, 0);
    cr_assert_eq(got % LINE_BYTES, 0);
}

Test(stderr_queue, holds_from_many_lines_until_half_of_them)
{
    open_queue(1);
    fill(0, STDERR_QUEUE_HOLD_BYTES - LINE_BYTES);
    cr_assert_not(stderr_queue_holds(queue));
    add_lines(0, 1);
    cr_assert_not(stderr_queue_holds(queue));
    add_lines(0, 1);
    cr_assert(stderr_queue_holds(queue));
    uint64_t waited = STDERR_QUEUE_HOLD_BYTES / LINE_BYTES + 1;
    while (stderr_queue_holds(queue)) {
        cr_assert(read_some());
        cr_assert_not(stderr_queue_push(queue, 0));
    }
    /* The pipe has some of what the queue has not any more. */
    cr_assert_leq(lines_read, waited / 2 + 1);
    read_all(0);
    cr_assert_eq(lines_read, waited);
}

Test(stderr_queue, never_holds_for_a_file)
{
    char path[] = "/tmp/stderr_queue.XXXXXX";
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    queue = stderr_queue_new(file, 1, 0);
    for (int i = 0; i < 20; i++) {
        add_lines(0, 1000);
        cr_assert_not(stderr_queue_holds(queue));
    }
    cr_assert(stderr_queue_push(queue, 0));
    cr_assert_eq(lseek(file, 0, SEEK_END), 20 * 1000 * LINE_BYTES);
    unlink(path);
}

Test(stderr_queue, waits_for_a_reader_that_reads_now_and_then)
{
    open_queue(1);
    fill(0, STDERR_QUEUE_HOLD_BYTES + LINE_BYTES);
    int64_t now_us = 0;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(stderr_queue_deadline(queue), now_us + STDERR_QUEUE_PATIENCE_US);
        now_us += STDERR_QUEUE_PATIENCE_US - 1;
        stderr_queue_on_deadline(queue, now_us);
        cr_assert(stderr_queue_holds(queue));
        char page[8192];
        cr_assert_gt(read(to_us, page, sizeof page), 0);
        (void)stderr_queue_push(queue, now_us);
    }
}

Test(stderr_queue, goes_on_without_a_reader)
{
    open_queue(1);
    fill(0, STDERR_QUEUE_HOLD_BYTES + LINE_BYTES);
    stderr_queue_on_deadline(queue, STDERR_QUEUE_PATIENCE_US);
    cr_assert_not(stderr_queue_holds(queue));
    cr_assert_eq(stderr_queue_deadline(queue), 0);
    add_lines(0, 1000);
    cr_assert_not(stderr_queue_holds(queue));
    /* And holds again as soon as there is one. */
    while (!stderr_queue_holds(queue)) {
        cr_assert(read_some());
        (void)stderr_queue_push(queue, STDERR_QUEUE_PATIENCE_US);
    }
    read_all(STDERR_QUEUE_PATIENCE_US);
    cr_assert_eq(lines_read, STDERR_QUEUE_HOLD_BYTES / LINE_BYTES + 1 + 1000);
}

Test(stderr_queue, does_not_count_the_time_in_which_all_was_stopped)
{
    open_queue(1);
    fill(0, STDERR_QUEUE_HOLD_BYTES + LINE_BYTES);
    stderr_queue_shift(queue, STDERR_QUEUE_PATIENCE_US);
    stderr_queue_on_deadline(queue, STDERR_QUEUE_PATIENCE_US);
    cr_assert(stderr_queue_holds(queue));
}

Test(stderr_queue, says_how_many_lines_of_which_slot_were_left_out)
{
    unsigned kept = STDERR_QUEUE_MAX_BYTES / LINE_BYTES;
    open_queue(SLOTS);
    fill(0, STDERR_QUEUE_HOLD_BYTES + LINE_BYTES);
    stderr_queue_on_deadline(queue, STDERR_QUEUE_PATIENCE_US);
    add_lines(1, kept);
    uint64_t left_out = STDERR_QUEUE_HOLD_BYTES / LINE_BYTES + 1;
    add_text(2, "short, but not before the gap was closed");
    read_all(STDERR_QUEUE_PATIENCE_US);
    char notices[256];
    snprintf(
        notices, sizeof notices,
        "fanfold-worker: left out %u lines of slot 2, because nobody read standard "
        "error\n"
        "fanfold-worker: left out 1 line of slot 3, because nobody read standard "
        "error\n",
        (unsigned)left_out);
    cr_assert(strstr(last, notices), "%s", last);
    cr_assert_eq(lines_read, kept + 2);
    add_text(1, "after");
    read_all(0);
    cr_assert_str_eq(last, "after\n");
}

Test(stderr_queue, says_it_without_a_slot_where_there_is_one)
{
    open_queue(1);
    fill(0, STDERR_QUEUE_HOLD_BYTES + LINE_BYTES);
    stderr_queue_on_deadline(queue, STDERR_QUEUE_PATIENCE_US);
    add_lines(0, 5000);
    read_all(0);
    cr_assert(strstr(last, "lines, because nobody read standard error\n"));
}

Test(stderr_queue, does_not_mind_that_nobody_is_there_to_read)
{
    signal(SIGPIPE, SIG_IGN);
    open_queue(1);
    close(to_us);
    add_lines(0, 10000);
    cr_assert(stderr_queue_push(queue, 0));
    cr_assert_not(stderr_queue_holds(queue));
}

Test(stderr_queue, polls_what_cannot_be_opened_again)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    cr_assert_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    to_us = ends[0];
    queue = stderr_queue_new(ends[1], 1, 0);
    cr_assert_eq(stderr_queue_fd(queue), ends[1]);
    add_lines(0, 2000);
    cr_assert_not(stderr_queue_push(queue, 0));
    read_all(0);
    cr_assert_eq(lines_read, 2000);
}

Test(stderr_queue, waits_in_vain_once)
{
    open_queue(1);
    fill(0, STDERR_QUEUE_HOLD_BYTES + LINE_BYTES);
    cr_assert_not(stderr_queue_await(queue, false, 1));
    cr_assert_not(stderr_queue_await(queue, false, 1000000));
    stderr_queue_finish(queue, 1000000);
}

Test(stderr_queue, does_not_wait_in_a_hurry)
{
    open_queue(1);
    fill(0, STDERR_QUEUE_HOLD_BYTES + LINE_BYTES);
    stderr_queue_hurry(queue);
    cr_assert_not(stderr_queue_await(queue, true, 1000000));
}

Test(stderr_queue, waits_no_longer_when_it_is_told_to_end)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    open_queue(1);
    fill(0, STDERR_QUEUE_HOLD_BYTES + LINE_BYTES);
    raise(SIGTERM);
    cr_assert_not(stderr_queue_await(queue, true, 1000000));
}

Test(stderr_queue, leaves_the_last_lines_to_a_reader_that_comes_too_late)
{
    open_queue(1);
    fill(0, STDERR_QUEUE_HOLD_BYTES + LINE_BYTES);
    stderr_queue_finish(queue, 1);
    stderr_queue_destroy(&queue);
    while (read_some())
        ;
    cr_assert_eq(lines_read, STDERR_QUEUE_HOLD_BYTES / LINE_BYTES + 1);
}

Test(stderr_queue, says_at_the_end_how_many_were_not_written)
{
    unsigned lines = STDERR_QUEUE_MAX_BYTES / LINE_BYTES + 7, left_out;
    open_queue(1);
    fill(0, lines * LINE_BYTES);
    stderr_queue_finish(queue, 1);
    stderr_queue_destroy(&queue);
    cr_assert_null(queue);
    while (read_some())
        ;
    const char *notice = strstr(last, "fanfold-worker: ");
    cr_assert_not_null(notice);
    cr_assert_eq(sscanf(notice,
                        "fanfold-worker: left out the last %u lines, because nobody "
                        "read standard error\n",
                        &left_out),
                 1);
    cr_assert_gt(left_out, 7);
    cr_assert_eq(lines_read - 1 + left_out, lines);
}
