/* SPDX-License-Identifier: MIT */
#include "sink/output/output_alias.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/fanfold-alias-XXXXXX";

static void enter(void)
{
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
}

static void leave(void)
{
    static const char *const names[] = {"file", "link", "second", "folder"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(names[i]);
    rmdir(directory);
}

TestSuite(output_alias, .init = enter, .fini = leave);

static void expect_descriptor(const char *path, int fd)
{
    struct output_alias alias;
    cr_assert(output_alias_find(path, &alias), "%s", path);
    cr_assert_eq(alias.fd, fd, "%s is %d", path, alias.fd);
    cr_assert_eq(alias.pid, getpid(), "%s", path);
}

Test(output_alias, is_known_by_every_spelling)
{
    char own[64], task[64];
    snprintf(own, sizeof own, "/proc/%d/fd/1", getpid());
    snprintf(task, sizeof task, "/proc/self/task/%d/fd/2", getpid());
    cr_assert_eq(symlink("/dev/stdout", "link"), 0);
    cr_assert_eq(symlink("link", "second"), 0);
    cr_assert_eq(symlink("/dev/fd", "folder"), 0);
    expect_descriptor("/dev/stdout", 1);
    expect_descriptor("/dev/stderr", 2);
    expect_descriptor("/dev/../dev/stdout", 1);
    expect_descriptor("/dev/fd/1", 1);
    expect_descriptor("/proc/self/fd/1", 1);
    expect_descriptor("/proc/thread-self/fd/1", 1);
    expect_descriptor(own, 1);
    expect_descriptor(task, 2);
    expect_descriptor("link", 1);
    expect_descriptor("./second", 1);
    expect_descriptor("folder/1", 1);
    expect_descriptor("/dev/fd/999", 999); /* not open: taking it tells */
}

Test(output_alias, is_no_other_file)
{
    struct output_alias alias;
    close(open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    cr_assert_eq(symlink("file", "link"), 0);
    cr_assert_eq(symlink("second", "second"), 0); /* to itself */
    static const char *const others[] = {"file",      "link",   "new", "second",
                                         "/dev/null", "1",      "",    "none/1",
                                         "/dev/fd",   "/proc/1"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_assert_not(output_alias_find(others[i], &alias), "%s", others[i]);
}

Test(output_alias, is_taken_with_its_flags_and_its_place)
{
    struct stat one, other;
    int fd = open("file", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    cr_assert_eq(fstat(fd, &one), 0);
    struct output_alias alias = {getpid(), fd};
    int taken = output_alias_take(&alias);
    cr_assert_gt(taken, 2);
    cr_assert_eq(fstat(taken, &other), 0);
    cr_assert_eq(one.st_ino, other.st_ino);
    cr_assert(fcntl(taken, F_GETFL) & O_APPEND);
    cr_assert_eq(fcntl(fd, F_GETFD), -1, "it was moved, so that a reader sees its end");
    close(taken);
}

Test(output_alias, that_is_not_open_for_writing_is_refused)
{
    close(open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    int fd = open("file", O_RDONLY | O_CLOEXEC);
    struct output_alias alias = {getpid(), fd};
    cr_assert_eq(output_alias_take(&alias), -EBADF);
    alias.fd = 999;
    cr_assert_eq(output_alias_take(&alias), -EBADF);
    close(fd);
}
