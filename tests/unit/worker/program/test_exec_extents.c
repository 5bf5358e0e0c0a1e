/* SPDX-License-Identifier: MIT */
/* A program reads an extent of a file, between header and input. */
#include "tests/unit/worker/program/exec_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int make(size_t size)
{
    char path[] = "/dev/shm/exec-extents-XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    for (size_t i = 0; i < size; i += 10)
        cr_assert_eq(write(fd, "012345678\n", 10), 10);
    return fd;
}

static struct note *run(struct program_fixture *fixture, int fd, uint64_t offset,
                        uint64_t size)
{
    struct program_task task = {
        .seq = 1,
        .attempt = 1,
        .header = slice_of_text("head\n"),
        .extent = {.fd = fd, .serial = 1, .offset = offset, .size = size},
        .input = slice_of_text("tail\n")};
    program_start(fixture->program, 0, &task);
    program_flush(fixture->program);
    cr_assert(fixture_await(fixture, 1));
    return &fixture->notes[0];
}

Test(exec_extents, come_after_the_header_and_before_the_input)
{
    struct program_fixture *fixture = opened(1, WORDS("cat"));
    int fd = make(100);
    struct note *note = run(fixture, fd, 7, 4);
    cr_assert_eq(note->kind, NOTE_DONE);
    cr_expect_eq(note->size, 14);
    cr_expect_arr_eq(note->data, "head\n78\n0tail\n", 14);
    fixture_close(&fixture);
    close(fd);
}

Test(exec_extents, that_are_longer_than_a_pipe_arrive_whole)
{
    enum { SIZE = 5 << 20 };
    struct program_fixture *fixture = opened(1, WORDS("wc", "-c"));
    int fd = make(SIZE);
    struct note *note = run(fixture, fd, 3, SIZE - 5);
    cr_assert_eq(note->kind, NOTE_DONE);
    cr_expect_eq(atoi((const char *)note->data), SIZE - 5 + 10);
    fixture_close(&fixture);
    close(fd);
}

Test(exec_extents, that_the_program_does_not_want_are_no_failure)
{
    enum { SIZE = 5 << 20 };
    struct program_fixture *fixture = opened(1, WORDS("head", "-n", "1"));
    int fd = make(SIZE);
    struct note *note = run(fixture, fd, 0, SIZE);
    cr_assert_eq(note->kind, NOTE_DONE);
    cr_expect_arr_eq(note->data, "head\n", 5);
    fixture_close(&fixture);
    close(fd);
}

Test(exec_extents, that_end_early_are_a_failure_of_the_reference)
{
    struct program_fixture *fixture = opened(1, WORDS("cat"));
    int fd = make(100);
    struct note *note = run(fixture, fd, 90, 20);
    cr_assert_eq(note->kind, NOTE_FAILED);
    cr_expect_eq(note->cause, FAILURE_REFERENCE);
    fixture_close(&fixture);
    close(fd);
}
