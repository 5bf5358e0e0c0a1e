/* SPDX-License-Identifier: MIT */
#include "common/clock.h"
#include "common/log.h"
#include "common/net/ipc_keeper.h"
#include "common/net/transport.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64], endpoint[96], *path;
static zsock_t *pull;
static struct ipc_keeper *keeper;
static int64_t now_us;

static void begin(void)
{
    char error[256];
    cr_redirect_stderr();
    log_init("test", LOG_LEVEL_WARN);
    strcpy(directory, "/tmp/fanfold-keep-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(endpoint, sizeof endpoint, "ipc://%s/results", directory);
    path = endpoint + strlen("ipc://");
    cr_assert_eq(transport_init(error, sizeof error), 0);
    pull = transport_bind_pull(endpoint, -1, NULL);
    cr_assert_not_null(pull);
    keeper = ipc_keeper_new(pull, endpoint, now_us);
    cr_assert_not_null(keeper);
}

static void end(void)
{
    ipc_keeper_destroy(&keeper);
    transport_close_bound(&pull);
    transport_deinit();
    unlink(path);
    rmdir(directory);
}

TestSuite(ipc_keeper, .init = begin, .fini = end);

/* A second later. */
static void tick(void)
{
    now_us += SECOND_US;
    cr_assert_eq(ipc_keeper_tick(keeper, now_us), now_us + SECOND_US);
}

static bool is_there(void)
{
    return access(path, F_OK) == 0;
}

static void expect_message(zsock_t *push, const char *text)
{
    cr_assert_eq(zstr_send(push, text), 0);
    zsock_set_rcvtimeo(pull, 60000);
    char *got = zstr_recv(pull);
    cr_assert_not_null(got, "nothing came");
    cr_assert_str_eq(got, text);
    zstr_free(&got);
}

Test(ipc_keeper, leaves_alone_what_is_there)
{
    struct stat before, after;
    cr_assert_eq(lstat(path, &before), 0);
    tick();
    cr_assert_eq(lstat(path, &after), 0);
    cr_assert_eq(before.st_ino, after.st_ino);
}

Test(ipc_keeper, makes_a_socket_again_and_old_and_new_peers_reach_it)
{
    zsock_t *first = transport_connect_push(endpoint, NULL, NULL);
    expect_message(first, "before");
    cr_assert_eq(unlink(path), 0);
    tick();
    cr_assert(is_there());
    zsock_t *second = transport_connect_push(endpoint, NULL, NULL);
    expect_message(second, "of a new peer");
    expect_message(first, "of the old one");
    zsock_destroy(&first);
    zsock_destroy(&second);
}

Test(ipc_keeper, makes_a_private_directory_again)
{
    struct stat status;
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(unlink(path), 0);
        cr_assert_eq(rmdir(directory), 0);
        tick();
        cr_assert(is_there());
        cr_assert_eq(lstat(directory, &status), 0);
        cr_assert_eq(status.st_mode & 07777, 0700);
    }
}

Test(ipc_keeper, says_once_that_it_cannot)
{
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(directory), 0);
    int fd = open(directory, O_WRONLY | O_CREAT | O_CLOEXEC, 0600); /* in its place */
    for (int i = 0; i < 3; i++)
        tick();
    close(fd);
    unlink(directory);
    fflush(stderr);
    char expected[400];
    snprintf(expected, sizeof expected,
             "test: somebody removed %s, and it cannot be made again: Operation not "
             "permitted: nobody new can join this run\n",
             path);
    cr_assert_stderr_eq_str(expected);
}

Test(ipc_keeper, holds_a_lock_that_cleaners_see)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(flock(fd, LOCK_EX | LOCK_NB), -1);
    ipc_keeper_destroy(&keeper);
    cr_assert_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    close(fd);
}

Test(ipc_keeper, gives_the_socket_a_new_time_every_hour)
{
    const struct timespec old[2] = {{1, 0}, {1, 0}};
    struct stat status;
    cr_assert_eq(utimensat(AT_FDCWD, path, old, 0), 0);
    cr_assert_eq(utimensat(AT_FDCWD, directory, old, 0), 0);
    tick();
    cr_assert_eq(lstat(path, &status), 0);
    cr_assert_eq(status.st_mtime, 1);
    now_us += 3600 * SECOND_US;
    tick();
    cr_assert_eq(lstat(path, &status), 0);
    cr_assert_gt(status.st_mtime, 1);
    cr_assert_eq(lstat(directory, &status), 0);
    cr_assert_gt(status.st_mtime, 1);
}

Test(ipc_keeper, is_not_for_tcp)
{
    cr_assert_null(ipc_keeper_new(pull, "tcp://127.0.0.1:1", 0));
    cr_assert_null(ipc_keeper_new(pull, "ipc://@abstract", 0));
    cr_assert_eq(ipc_keeper_tick(NULL, 0), NEVER_US);
}
