/* SPDX-License-Identifier: MIT */
#include "deploy/lib/record_queue.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct record_queue queue;
static int ends[2];

static void open_sockets(void)
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void close_sockets(void)
{
    record_queue_deinit(&queue);
    close(ends[0]);
    close(ends[1]);
}

static int push(const void *data, size_t size)
{
    struct iovec part = {(void *)(uintptr_t)data, size};
    return record_queue_push(&queue, ends[0], &part, 1, size);
}

TestSuite(record_queue, .init = open_sockets, .fini = close_sockets);

Test(record_queue, sends_a_record_behind_its_length)
{
    char bytes[16];
    cr_assert_eq(push("abc", 3), 1);
    cr_assert_eq(push("", 0), 1);
    cr_assert_eq(record_queue_flush(&queue, ends[0]), 0);
    cr_assert_eq(read(ends[1], bytes, sizeof bytes), 11);
    cr_assert_arr_eq(bytes, "\0\0\0\3abc\0\0\0\0", 11);
    cr_assert_not(record_queue_waits(&queue));
}

Test(record_queue, makes_one_record_of_its_parts)
{
    char bytes[16];
    char ab[] = "ab", c[] = "c";
    struct iovec parts[] = {{ab, 2}, {NULL, 0}, {c, 1}};
    cr_assert_eq(record_queue_push(&queue, ends[0], parts, 3, 3), 1);
    cr_assert_eq(record_queue_flush(&queue, ends[0]), 0);
    cr_assert_eq(read(ends[1], bytes, sizeof bytes), 7);
    cr_assert_arr_eq(bytes, "\0\0\0\3abc", 7);
}

Test(record_queue, is_full_while_nobody_reads)
{
    char record[1000] = {0};
    size_t taken = 0;
    while (push(record, sizeof record) == 1)
        taken++;
    cr_assert_eq(push(record, sizeof record), 0);
    cr_assert_lt(queue.end - queue.start, QUEUE_BYTES + 1);
    cr_assert_gt(taken, 0);
}

Test(record_queue, keeps_the_rest_of_a_record_that_the_socket_does_not_take)
{
    enum { SIZE = 4 << 20 };
    char *record = malloc(SIZE), *seen = malloc(SIZE + 4);
    size_t size = 0;
    for (size_t i = 0; i < SIZE; i++)
        record[i] = (char)(i * 7 >> 3);
    cr_assert_eq(push(record, SIZE), 1);
    cr_assert(record_queue_waits(&queue));
    cr_assert_eq(push("x", 1), 0);
    while (size < SIZE + 4) {
        ssize_t more = read(ends[1], seen + size, SIZE + 4 - size);
        cr_assert_gt(more, 0);
        size += (size_t)more;
        cr_assert_eq(record_queue_flush(&queue, ends[0]), 0);
    }
    cr_assert_arr_eq(seen + 4, record, SIZE);
    cr_assert_not(record_queue_waits(&queue));
    cr_assert_leq(queue.capacity, QUEUE_BYTES);
    free(record);
    free(seen);
}

Test(record_queue, says_that_nobody_reads_any_more_without_a_signal)
{
    char record[QUEUE_BYTES] = {0};
    close(ends[1]);
    int rc = push(record, sizeof record);
    ends[1] = -1;
    cr_assert(rc == -EPIPE || rc == -ECONNRESET);
}
