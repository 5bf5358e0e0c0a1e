/* SPDX-License-Identifier: MIT */
#include "sink/sender/sender_position.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t number_in(int fd)
{
    struct sender_position read;
    cr_assert_not(sender_position_read(fd, &read));
    return read.number;
}

Test(sender_position, is_what_was_written_or_nothing_where_it_is_damaged)
{
    char path[] = "/tmp/fanfold-position-XXXXXX", name[64];
    cr_assert_not_null(mkdtemp(path));
    int directory = open(path, O_RDONLY | O_DIRECTORY);
    cr_assert_eq(sender_position_open(directory), -ENOENT);
    cr_assert_eq(sender_position_prepare(path), 0);
    int fd = sender_position_open(directory);
    cr_assert_geq(fd, 0);
    struct sender_position read;
    cr_assert(sender_position_read(fd, &read), "a new one is good");
    cr_assert_eq(read.number, 0);
    const struct sender_position position = {{{7}}, 1000, 30};
    cr_assert_eq(sender_position_write(fd, &position), 0);
    cr_assert_eq(sender_position_prepare(path), 0, "and leaves a good one alone");
    cr_assert(sender_position_read(fd, &read));
    cr_assert(id_equal(&read.run, &position.run));
    cr_assert_eq(read.offset, 1000);
    cr_assert_eq(read.number, 30);
    for (off_t at = 0; at < 40; at++) {
        uint8_t byte;
        cr_assert_eq(pread(fd, &byte, 1, at), 1);
        byte ^= 1;
        cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
        cr_assert_eq(number_in(fd), 0, "byte %d", (int)at);
        byte ^= 1;
        cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    }
    snprintf(name, sizeof name, "%s/position", path);
    unlink(name);
    rmdir(path);
}
