/* SPDX-License-Identifier: MIT */
#include "common/process/fds.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void expect_pipe(enum pipe_end ours)
{
    int our_end = -1, their_end = -1;
    cr_assert_eq(pipe_open(ours, &our_end, &their_end), 0);
    cr_assert(fcntl(our_end, F_GETFL) & O_NONBLOCK);
    cr_assert_not(fcntl(their_end, F_GETFL) & O_NONBLOCK);
    cr_assert_eq(fcntl(our_end, F_GETFD), FD_CLOEXEC);
    cr_assert_eq(fcntl(their_end, F_GETFD), FD_CLOEXEC);
    int from = ours == PIPE_READ ? our_end : their_end;
    int to = ours == PIPE_READ ? their_end : our_end;
    char byte = 0;
    cr_assert_eq(write(to, "x", 1), 1);
    cr_assert_eq(read(from, &byte, 1), 1);
    cr_assert_eq(byte, 'x');
    fd_close(&our_end);
    fd_close(&their_end);
}

Test(fds, a_pipe_has_one_end_that_does_not_block)
{
    expect_pipe(PIPE_READ);
    expect_pipe(PIPE_WRITE);
}

Test(fds, a_descriptor_is_closed_once)
{
    int fd = dup(STDIN_FILENO), number = fd;
    cr_assert_geq(fd, 0);
    fd_close(&fd);
    cr_assert_eq(fd, -1);
    cr_assert_eq(fcntl(number, F_GETFD), -1);
    cr_assert_eq(errno, EBADF);
    fd_close(&fd);
    cr_assert_eq(fd, -1);
}
