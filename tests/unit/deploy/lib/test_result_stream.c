/* SPDX-License-Identifier: MIT */
#include "deploy/lib/result_stream.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct result_stream stream;
static struct tagged_head head;
static const unsigned char *bytes;
static int ends[2];

static void open_sockets(void)
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void close_sockets(void)
{
    result_stream_deinit(&stream);
    close(ends[0]);
    close(ends[1]);
}

static void say(const void *data, size_t size)
{
    cr_assert_eq(write(ends[1], data, size), (ssize_t)size);
}

static int take(void)
{
    return result_stream_take(&stream, ends[0], 1 << 20, &head, &bytes);
}

/* The head: seq 258, kind 1, length 2. */
static const char failed[] = "\0\0\0\0\0\0\1\2"
                             "\0\0\0\1"
                             "\0\0\0\2ab";
enum { FAILED_BYTES = sizeof failed - 1 };

TestSuite(result_stream, .init = open_sockets, .fini = close_sockets);

Test(result_stream, reads_the_head_as_the_sink_writes_it)
{
    say(failed, FAILED_BYTES);
    cr_assert_eq(take(), STREAM_RESULT);
    cr_assert_eq(head.seq, 258);
    cr_assert_eq(head.kind, TAGGED_DEAD_LETTER);
    cr_assert_eq(head.length, 2);
    cr_assert_arr_eq(bytes, "ab", 2);
    cr_assert_eq(take(), STREAM_NONE);
}

Test(result_stream, waits_for_a_result_that_comes_byte_by_byte)
{
    for (size_t i = 0; i < FAILED_BYTES; i++) {
        cr_assert_eq(take(), STREAM_NONE);
        say(failed + i, 1);
    }
    cr_assert_eq(take(), STREAM_RESULT);
}

Test(result_stream, tells_an_end_between_results_from_one_within)
{
    say(failed, FAILED_BYTES);
    say(failed, 3);
    shutdown(ends[1], SHUT_WR);
    cr_assert_eq(take(), STREAM_RESULT);
    cr_assert_eq(take(), STREAM_CUT);
}

Test(result_stream, ends_where_the_last_result_does)
{
    say(failed, FAILED_BYTES);
    shutdown(ends[1], SHUT_WR);
    cr_assert_eq(take(), STREAM_RESULT);
    cr_assert_eq(take(), STREAM_END);
    cr_assert_eq(take(), STREAM_END);
}

Test(result_stream, refuses_a_result_above_the_limit)
{
    say("\0\0\0\0\0\0\0\0\0\0\0\0\0\20\0\1", TAGGED_HEAD_BYTES);
    cr_assert_eq(take(), STREAM_LARGE);
}

/* Sizes from none to above the buffer's, in an order that makes it grow and shrink. */
Test(result_stream, keeps_results_of_all_sizes_apart)
{
    enum { COUNT = 300 };
    char *body = malloc(1 << 17);
    memset(body, 'x', 1 << 17);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t size = i * 7919 % (i % 17 == 0 ? 1 << 17 : 900);
        unsigned char start[TAGGED_HEAD_BYTES] = {0};
        start[6] = (unsigned char)(i >> 8), start[7] = (unsigned char)i;
        start[13] = (unsigned char)(size >> 16), start[14] = (unsigned char)(size >> 8);
        start[15] = (unsigned char)size;
        say(start, sizeof start);
        say(body, size);
        if (i % 3 == 2)
            for (uint32_t j = i - 2; j <= i; j++) {
                cr_assert_eq(take(), STREAM_RESULT);
                cr_assert_eq(head.seq, j);
                cr_assert_arr_eq(bytes, body, head.length);
            }
    }
    cr_assert_eq(take(), STREAM_NONE);
    cr_assert_eq(stream.capacity, STREAM_BYTES);
    free(body);
}
