/* SPDX-License-Identifier: MIT */
#include "common/net/headroom.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void limit_descriptors(rlim_t most)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = most;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int next_descriptor(void)
{
    int fd = dup(STDERR_FILENO);
    close(fd);
    return fd;
}

Test(headroom, is_there_and_leaves_nothing_open)
{
    char error[256] = "";
    int before = next_descriptor();
    cr_assert_eq(headroom_check(error, sizeof error), 0);
    cr_assert_str_eq(error, "");
    cr_assert_eq(next_descriptor(), before);
}

Test(headroom, of_descriptors_that_lacks_is_told_with_the_limit)
{
    char error[256] = "";
    limit_descriptors(12);
    cr_assert_eq(headroom_check(error, sizeof error), -EMFILE);
    cr_assert(strstr(error, "open files") && strstr(error, "12"), "%s", error);
    cr_assert_not(headroom_has_descriptors(12));
}

Test(headroom, is_counted_to_the_last_descriptor)
{
    int free_now = next_descriptor();
    limit_descriptors((rlim_t)free_now + 6);
    /* Criterion may have some open above the first free one. */
    int most = 0;
    while (most < 10 && headroom_has_descriptors(most + 1))
        most++;
    cr_assert_leq(most, 6);
    cr_assert(headroom_has_descriptors(most));
    cr_assert_not(headroom_has_descriptors(most + 1));
}

static int status_of_abort(bool released)
{
    pid_t pid = fork();
    int status;
    if (pid == 0) {
        headroom_guard();
        if (released)
            headroom_release();
        abort();
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Test(headroom, guards_against_aborts_until_it_is_released)
{
    cr_assert_eq(status_of_abort(false), 4);
    cr_assert_eq(status_of_abort(true), 128 + SIGABRT);
}
