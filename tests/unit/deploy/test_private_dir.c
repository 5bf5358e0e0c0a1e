/* SPDX-License-Identifier: MIT */
#include "deploy/local/private_dir.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char parent[64];

static void enter(void)
{
    strcpy(parent, "/tmp/fanfold-private-XXXXXX");
    cr_assert_not_null(mkdtemp(parent));
    cr_assert_eq(chdir(parent), 0);
    setenv("XDG_RUNTIME_DIR", parent, 1);
}

static void leave(void)
{
    char command[200];
    snprintf(command, sizeof command, "rm -r %s", parent);
    cr_assert_eq(system(command), 0);
}

TestSuite(private_dir, .init = enter, .fini = leave);

static bool is_there(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static void make_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(address.sun_path, path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static void make_dead_run(const char *name)
{
    char path[100];
    cr_assert_eq(mkdir(name, 0700), 0);
    snprintf(path, sizeof path, "%s/tasks", name);
    make_socket(path);
    snprintf(path, sizeof path, "%s/results", name);
    make_socket(path);
}

Test(private_dir, is_made_locked_and_private)
{
    char path[PRIVATE_DIR_PATH_MAX];
    struct stat status;
    int lock = private_dir_make(path);
    cr_assert_geq(lock, 0);
    cr_assert_eq(strncmp(path, parent, strlen(parent)), 0);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0700);
    private_dir_sweep(parent);
    cr_assert(is_there(path), "it is locked");
    int second = private_dir_lock(path);
    cr_assert_geq(second, 0);
    close(lock);
    private_dir_sweep(parent);
    cr_assert(is_there(path), "it is locked once more");
    close(second);
    private_dir_sweep(parent);
    cr_assert_not(is_there(path));
}

Test(private_dir, of_a_dead_run_is_removed_by_the_next)
{
    char path[PRIVATE_DIR_PATH_MAX];
    make_dead_run("fanfold-run-abcdef");
    make_dead_run("fanfold-run-ABC123");
    int lock = private_dir_make(path);
    cr_assert_not(is_there("fanfold-run-abcdef") || is_there("fanfold-run-ABC123"));
    private_dir_remove(path);
    close(lock);
    cr_assert_not(is_there(path));
}

Test(private_dir, of_others_is_left_alone)
{
    static const char *const others[] = {"fanfold-run-short", "fanfold-run-toolong",
                                         "fanfold-abcdef", "fanfold-run-public"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_assert_eq(mkdir(others[i], 0700), 0);
    cr_assert_eq(chmod("fanfold-run-public", 0755), 0);
    make_dead_run("fanfold-run-filled");
    close(open("fanfold-run-filled/precious", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    cr_assert_eq(mkdir("fanfold-run-owners", 0700), 0);
    close(open("fanfold-run-owners/tasks", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    cr_assert_eq(symlink("fanfold-abcdef", "fanfold-run-linked"), 0);
    private_dir_sweep(parent);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_assert(is_there(others[i]), "%s", others[i]);
    cr_assert(is_there("fanfold-run-filled/precious"));
    cr_assert(is_there("fanfold-run-owners/tasks"), "it is no socket");
    cr_assert(is_there("fanfold-run-linked"));
}

Test(private_dir, that_cannot_be_made_names_the_last_place)
{
    char path[PRIVATE_DIR_PATH_MAX] = "";
    setenv("XDG_RUNTIME_DIR", "relative", 1);
    setenv("TMPDIR", "/proc/none", 1);
    int lock = private_dir_make(path);
    cr_assert_geq(lock, 0, "/tmp is left");
    cr_assert_eq(strncmp(path, "/tmp/", 5), 0);
    private_dir_remove(path);
    close(lock);
}
