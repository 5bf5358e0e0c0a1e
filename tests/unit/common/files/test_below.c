/* SPDX-License-Identifier: MIT */
#include "common/files/below.h"

#include "common/memory.h"
#include "common/process/fds.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * top/outside            a file
 * top/root/in            a file
 * top/root/dir/deep      a file
 * top/root/near          -> dir/deep
 * top/root/aside         -> dir
 * top/root/out           -> ../outside
 * top/root/away          -> top/outside, by its whole path
 * top/root/fifo
 */
static char top[] = "/dev/shm/below-XXXXXX";
static int root;

static char *at(const char *name)
{
    return allocate_text("%s/%s", top, name);
}

static void make_file(const char *name)
{
    char *path = at(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_eq(write(fd, name, strlen(name)), (ssize_t)strlen(name));
    close(fd);
    free(path);
}

static void make_link(const char *target, const char *name)
{
    char *path = at(name);
    cr_assert_eq(symlink(target, path), 0);
    free(path);
}

static void make_directory(const char *name)
{
    char *path = at(name);
    cr_assert_eq(mkdir(path, 0700), 0);
    free(path);
}

static void set_up(void)
{
    cr_assert(mkdtemp(top));
    make_directory("root");
    make_directory("root/dir");
    make_file("outside");
    make_file("root/in");
    make_file("root/dir/deep");
    make_link("dir/deep", "root/near");
    make_link("dir", "root/aside");
    make_link("../outside", "root/out");
    char *away = at("outside"), *fifo = at("root/fifo"), *path = at("root");
    make_link(away, "root/away");
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    root = below_open_root(path);
    cr_assert_geq(root, 0);
    free(away);
    free(fifo);
    free(path);
}

static void tear_down(void)
{
    static const char *const names[] = {"root/fifo",  "root/away", "root/out",
                                        "root/aside", "root/near", "root/dir/deep",
                                        "root/dir",   "root/in",   "outside",
                                        "root",       ""};
    fd_close(&root);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = at(names[i]);
        cr_assert_eq(remove(path), 0, "%s", path);
        free(path);
    }
}

TestSuite(below, .init = set_up, .fini = tear_down);

typedef int opener(int, const char *, struct stat *);

static void expect(opener *opens, const char *path, int expected)
{
    struct stat status;
    int fd = opens(root, path, &status);
    cr_expect_eq(fd < 0 ? fd : 0, expected, "%s: %s, not %s", path,
                 fd < 0 ? strerror(-fd) : "opened", strerror(-expected));
    if (fd >= 0)
        close(fd);
}

static void expect_both(const char *path, int expected)
{
    expect(below_open, path, expected);
    expect(below_open_by_steps, path, expected);
}

Test(below, opens_files_below_the_root)
{
    struct stat status;
    char bytes[7];
    expect_both("in", 0);
    expect_both("dir/deep", 0);
    expect_both("./dir//deep", 0);
    int fd = below_open(root, "in", &status);
    cr_expect_eq(status.st_size, 7);
    cr_expect_eq(read(fd, bytes, sizeof bytes), 7);
    cr_expect_arr_eq(bytes, "root/in", 7);
    close(fd);
}

Test(below, opens_nothing_that_is_elsewhere)
{
    char *absolute = at("outside");
    expect_both("../outside", -EXDEV);
    expect_both("dir/../../outside", -EXDEV);
    expect_both("..", -EXDEV);
    expect_both(absolute, -EXDEV);
    expect(below_open, "out", -EXDEV);
    expect(below_open, "away", -EXDEV);
    expect(below_open_by_steps, "out", -ELOOP);
    expect(below_open_by_steps, "away", -ELOOP);
    free(absolute);
}

Test(below, follows_links_that_stay_below_where_the_kernel_sees_to_that)
{
    expect(below_open, "near", 0);
    expect(below_open, "aside/deep", 0);
    expect(below_open_by_steps, "near", -ELOOP);
    expect(below_open_by_steps, "aside/deep", -ELOOP);
}

Test(below, opens_nothing_but_regular_files)
{
    expect_both("dir", -EMEDIUMTYPE);
    expect_both(".", -EMEDIUMTYPE);
    expect_both("fifo", -EMEDIUMTYPE);
    expect_both("", -ENOENT);
    expect_both("none", -ENOENT);
    expect_both("none/in", -ENOENT);
    expect_both("in/deep", -ENOTDIR);
}

static char *path_of(const char *name)
{
    char *whole = at(name);
    int fd = open(whole, O_RDONLY | O_CLOEXEC);
    char *path = below_path(root, fd);
    close(fd);
    free(whole);
    return path;
}

static void expect_path(const char *name, const char *expected)
{
    char *path = path_of(name);
    cr_expect_str_eq(path ? path : "none", expected);
    free(path);
}

Test(below, knows_the_path_of_what_is_open)
{
    expect_path("root/in", "in");
    expect_path("root/dir/deep", "dir/deep");
    expect_path("root/near", "dir/deep");
    expect_path("root/aside/../in", "in");
    expect_path("outside", "none");
    expect_path("root/out", "none");
    expect_path("root", "none");
}

Test(below, knows_no_path_of_what_has_no_name_any_more)
{
    char *whole = at("root/gone"), *beside = at("root2");
    make_file("root/gone");
    int fd = open(whole, O_RDONLY | O_CLOEXEC);
    unlink(whole);
    cr_expect_null(below_path(root, fd));
    close(fd);
    make_file("root2");
    expect_path("root2", "none");
    unlink(beside);
    free(whole);
    free(beside);
}

Test(below, begins_at_a_directory)
{
    char *path = at("root/in");
    cr_expect_eq(below_open_root(path), -ENOTDIR);
    cr_expect_eq(below_open_root("/dev/shm/none"), -ENOENT);
    free(path);
}
