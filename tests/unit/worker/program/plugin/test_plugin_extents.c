/* SPDX-License-Identifier: MIT */
/* A plugin's slot reads an extent of a file by itself. */
#include "tests/unit/worker/program/plugin/plugin_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make(const char *text)
{
    char path[] = "/dev/shm/plugin-extents-XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

static struct file_extent extent_of(int fd, uint64_t serial, uint64_t offset,
                                    uint64_t size)
{
    struct stat status = {.st_ino = 0};
    fstat(fd, &status);
    return (struct file_extent){.fd = fd,
                                .serial = serial,
                                .device = status.st_dev,
                                .inode = status.st_ino,
                                .offset = offset,
                                .size = size};
}

static struct note *run(struct program_fixture *fixture, uint64_t seq,
                        struct file_extent extent)
{
    struct program_task task = {.seq = seq,
                                .attempt = 1,
                                .header = slice_of_text("head "),
                                .extent = extent,
                                .input = slice_of_text(" tail")};
    program_start(fixture->program, 0, &task);
    program_flush(fixture->program);
    cr_assert(fixture_await(fixture, (uint32_t)seq));
    return note_of(fixture, seq);
}

static void expect_done(const struct note *note, const char *text)
{
    cr_assert_eq(note->kind, NOTE_DONE);
    cr_expect_eq(note->size, strlen(text));
    cr_expect_arr_eq(note->data, text, strlen(text));
}

Test(plugin_extents, come_after_the_header_and_before_the_input)
{
    struct program_fixture *fixture = opened(1, ECHO_PLUGIN);
    int fd = make("0123456789");
    expect_done(run(fixture, 1, extent_of(fd, 1, 3, 4)), "head 3456 tail");
    expect_done(run(fixture, 2, extent_of(fd, 1, 0, 1)), "head 0 tail");
    fixture_close(&fixture);
    close(fd);
}

Test(plugin_extents, of_another_file_by_the_same_descriptor_are_its_own)
{
    struct program_fixture *fixture = opened(1, ECHO_PLUGIN);
    int fd = make("0123456789"), other = make("abcdefghij");
    expect_done(run(fixture, 1, extent_of(fd, 1, 3, 4)), "head 3456 tail");
    cr_assert_eq(dup2(other, fd), fd);
    expect_done(run(fixture, 2, extent_of(fd, 2, 3, 4)), "head defg tail");
    fixture_close(&fixture);
    close(fd);
    close(other);
}

Test(plugin_extents, that_end_early_or_cannot_be_opened_fail_and_the_slot_goes_on)
{
    struct program_fixture *fixture = opened(1, ECHO_PLUGIN);
    int fd = make("0123456789");
    struct note *note = run(fixture, 1, extent_of(fd, 1, 8, 4));
    cr_assert_eq(note->kind, NOTE_FAILED);
    cr_expect_eq(note->cause, FAILURE_REFERENCE);
    note = run(fixture, 2, extent_of(1 << 20, 2, 0, 4));
    cr_assert_eq(note->kind, NOTE_FAILED);
    cr_expect_eq(note->cause, FAILURE_REFERENCE);
    struct file_extent another = extent_of(fd, 3, 0, 2);
    another.inode++; /* the slot sees other processes under these numbers */
    note = run(fixture, 3, another);
    cr_assert_eq(note->kind, NOTE_FAILED);
    cr_expect_eq(note->cause, FAILURE_REFERENCE);
    expect_done(run(fixture, 4, extent_of(fd, 4, 0, 2)), "head 01 tail");
    fixture_close(&fixture);
    close(fd);
}
