/* SPDX-License-Identifier: MIT */
#include "worker/task/chunk_extents.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct chunk_files *files;
static int fd;
static uint8_t bytes[REFERENCE_BYTES_MAX];

static void set_up(void)
{
    char path[] = "/dev/shm/chunk-extents-XXXXXX";
    files = chunk_files_new(-1);
    fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    unlink(path);
    cr_assert_eq(write(fd, "0123456789", 10), 10);
}

static void tear_down(void)
{
    chunk_files_destroy(&files);
    close(fd);
}

TestSuite(chunk_extents, .init = set_up, .fini = tear_down);

static const struct reference_piece newline = {.length = 1,
                                               .literal = {(const uint8_t *)"\n", 1}};

static struct chunk_extents *open_pieces(uint32_t count,
                                         const struct reference_piece *pieces)
{
    struct stat status;
    fstat(fd, &status);
    struct reference reference = {
        .file = {.pid = (uint32_t)getpid(),
                 .descriptor = (uint32_t)fd,
                 .device = status.st_dev,
                 .inode = status.st_ino,
                 .size = (uint64_t)status.st_size,
                 .mtime_ns = (uint64_t)status.st_mtim.tv_sec * UINT64_C(1000000000) +
                             (uint64_t)status.st_mtim.tv_nsec},
        .count = count,
    };
    for (uint32_t i = 0; i < count; i++) {
        reference.pieces[i] = pieces[i];
        reference.length += pieces[i].length;
    }
    size_t size = reference_write(&reference, bytes);
    return chunk_extents_open((struct slice){bytes, size}, files);
}

static void expect_read(struct chunk_extents *extents, const char *expected)
{
    zmq_msg_t message;
    cr_assert(extents);
    cr_assert(chunk_extents_read(extents, &message));
    cr_expect_eq(zmq_msg_size(&message), strlen(expected));
    cr_expect_arr_eq(zmq_msg_data(&message), expected, strlen(expected));
    zmq_msg_close(&message);
    chunk_extents_close(&extents);
}

Test(chunk_extents, are_read_piece_by_piece)
{
    const struct reference_piece pieces[] = {
        {.offset = 2, .length = 3}, newline, {.offset = 9, .length = 1}, newline};
    expect_read(open_pieces(1, pieces), "234");
    expect_read(open_pieces(2, pieces), "234\n");
    expect_read(open_pieces(4, pieces), "234\n9\n");
}

Test(chunk_extents, are_plain_with_a_literal_at_the_end_at_most)
{
    const struct reference_piece pieces[] = {
        {.offset = 2, .length = 3}, newline, {.offset = 9, .length = 1}};
    const struct reference_piece two[] = {pieces[0], pieces[2]};
    struct file_extent extent;
    struct slice rest;
    struct chunk_extents *extents = open_pieces(2, pieces);
    cr_assert(chunk_extents_are_plain(extents, &extent, &rest));
    cr_expect_eq(extent.offset, 2);
    cr_expect_eq(extent.size, 3);
    cr_expect_eq(rest.size, 1);
    chunk_extents_close(&extents);
    extents = open_pieces(3, pieces);
    cr_expect_not(chunk_extents_are_plain(extents, &extent, &rest));
    chunk_extents_close(&extents);
    extents = open_pieces(2, two);
    cr_expect_not(chunk_extents_are_plain(extents, &extent, &rest));
    chunk_extents_close(&extents);
    extents = open_pieces(1, &newline);
    cr_expect_not(chunk_extents_are_plain(extents, &extent, &rest));
    chunk_extents_close(&extents);
}

Test(chunk_extents, of_a_file_that_has_changed_are_not_read)
{
    const struct reference_piece piece = {.offset = 0, .length = 10};
    zmq_msg_t message;
    struct chunk_extents *extents = open_pieces(1, &piece);
    cr_assert(chunk_extents_hold(extents));
    cr_assert_eq(ftruncate(fd, 5), 0);
    cr_expect_not(chunk_extents_hold(extents));
    cr_expect_not(chunk_extents_read(extents, &message));
    chunk_extents_close(&extents);
}

Test(chunk_extents, of_what_is_no_reference_are_none)
{
    cr_expect_null(chunk_extents_open((struct slice){(const uint8_t *)"x", 1}, files));
}
