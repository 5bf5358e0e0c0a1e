/* SPDX-License-Identifier: MIT */
/* The directory of a run and its locks, under an XDG_RUNTIME_DIR of the test's own. */
#include "common/process/runtime_dir.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char runtime[64], base[96], error[512];

static void set_up(void)
{
    strcpy(runtime, "/tmp/fanfold-test-XXXXXX");
    cr_assert_not_null(mkdtemp(runtime));
    snprintf(base, sizeof base, "%s/fanfold", runtime);
    setenv("XDG_RUNTIME_DIR", runtime, 1);
}

/* rmdir: a test that leaves something behind fails. */
static void tear_down(void)
{
    cr_assert_eq(rmdir(runtime), 0, "%s: %s", runtime, strerror(errno));
}

TestSuite(runtime_dir, .init = set_up, .fini = tear_down, .timeout = 60);

static struct runtime_dir *open_dir(const char *name)
{
    struct runtime_dir *dir = NULL;
    cr_assert_eq(runtime_dir_open(name, &dir, error, sizeof error), 0, "%s", error);
    return dir;
}

static void lock_dir(struct runtime_dir *dir, const char *role)
{
    cr_assert_eq(runtime_dir_lock(dir, role, error, sizeof error), 0, "%s", error);
}

static bool exists(const char *name)
{
    char path[256];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", base, name);
    return lstat(path, &status) == 0;
}

static void make_file(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", base, name);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static void expect_refused(const char *name, int code, const char *part)
{
    struct runtime_dir *dir = NULL;
    cr_assert_eq(runtime_dir_open(name, &dir, error, sizeof error), code);
    cr_assert_null(dir);
    cr_assert_not_null(strstr(error, part), "%s", error);
}

Test(runtime_dir, is_a_private_directory_under_the_runtime_directory)
{
    mode_t before = umask(0777);
    struct runtime_dir *dir = open_dir(NULL);
    umask(before);
    struct stat status;
    cr_assert_eq(lstat(base, &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0700u);
    char expected[128];
    snprintf(expected, sizeof expected, "ipc://%s/tasks", base);
    const char *endpoint = runtime_dir_endpoint(dir, "tasks");
    cr_assert_str_eq(endpoint, expected);
    cr_assert_eq(runtime_dir_endpoint(dir, "tasks"), endpoint);
    cr_assert_str_neq(runtime_dir_endpoint(dir, "results"), endpoint);
    cr_assert_str_eq(endpoint, expected);
    runtime_dir_close(&dir);
    cr_assert_null(dir);
    cr_assert_not(exists(""));
}

Test(runtime_dir, falls_back_to_tmp_where_the_runtime_directory_is_no_good)
{
    char expected[64];
    snprintf(expected, sizeof expected, "ipc:///tmp/fanfold-%u/tasks",
             (unsigned)geteuid());
    static const char *const bad[] = {NULL, "", "relative", "/nowhere/at/all",
                                      "/dev/null"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (bad[i])
            setenv("XDG_RUNTIME_DIR", bad[i], 1);
        else
            unsetenv("XDG_RUNTIME_DIR");
        struct runtime_dir *dir = open_dir(NULL);
        cr_assert_str_eq(runtime_dir_endpoint(dir, "tasks"), expected);
        runtime_dir_close(&dir);
    }
}

Test(runtime_dir, with_a_name_is_a_directory_in_the_default_one)
{
    struct runtime_dir *dir = open_dir("my-run_1.a");
    cr_assert(exists("my-run_1.a"));
    char expected[160];
    snprintf(expected, sizeof expected, "ipc://%s/my-run_1.a/results", base);
    cr_assert_str_eq(runtime_dir_endpoint(dir, "results"), expected);
    struct runtime_dir *other = open_dir(NULL);
    runtime_dir_close(&dir);
    cr_assert_not(exists("my-run_1.a"));
    runtime_dir_close(&other);
}

Test(runtime_dir, refuses_a_bad_name)
{
    static const char *const bad[] = {
        "", ".", "..", ".a", "a/b", "a b", "\xc3\xa4", "tasks", "results", "sink.lock"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_refused(bad[i], -EINVAL, "--name");
}

Test(runtime_dir, refuses_a_directory_that_others_may_enter)
{
    cr_assert_eq(mkdir(base, 0700), 0);
    cr_assert_eq(chmod(base, 0710), 0);
    expect_refused(NULL, -EPERM, "does not have mode 0700");
    cr_assert_not_null(strstr(error, base), "%s", error);
    cr_assert_eq(chmod(base, 0707), 0);
    expect_refused(NULL, -EPERM, "does not have mode 0700");
    cr_assert_eq(rmdir(base), 0, "it is not ours to remove");
}

Test(runtime_dir, refuses_a_symbolic_link_even_to_a_private_directory)
{
    char target[128];
    snprintf(target, sizeof target, "%s/target", runtime);
    cr_assert_eq(mkdir(target, 0700), 0);
    cr_assert_eq(symlink(target, base), 0);
    expect_refused(NULL, -EPERM, "symbolic link");
    cr_assert_eq(unlink(base), 0);
    cr_assert_eq(rmdir(target), 0);
}

Test(runtime_dir, refuses_a_file)
{
    close(open(base, O_WRONLY | O_CREAT | O_CLOEXEC, 0700));
    expect_refused(NULL, -EPERM, "is not a directory");
    cr_assert_eq(unlink(base), 0);
}

Test(runtime_dir, refuses_a_directory_of_another_user)
{
    if (geteuid() != 0)
        cr_skip_test("only root can give a directory away");
    cr_assert_eq(mkdir(base, 0700), 0);
    cr_assert_eq(chown(base, 12345, 12345), 0);
    expect_refused(NULL, -EPERM, "another user");
    cr_assert_eq(rmdir(base), 0);
}

Test(runtime_dir, refuses_a_path_that_is_too_long_for_a_socket)
{
    char name[200];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    expect_refused(name, -ENAMETOOLONG, "too long");
    /* The longest name that is allowed fits. */
    size_t room = 107 - strlen(base) - 1 - 1 - 15;
    name[room] = '\0';
    struct runtime_dir *dir = open_dir(name);
    cr_assert_eq(strlen(runtime_dir_endpoint(dir, "123456789012345")),
                 strlen("ipc://") + 107);
    runtime_dir_close(&dir);
    name[room] = 'n';
    name[room + 1] = '\0';
    expect_refused(name, -ENAMETOOLONG, "too long");
}

Test(runtime_dir, has_one_lock_a_role_which_says_who_holds_it)
{
    struct runtime_dir *dir = open_dir(NULL), *second = open_dir(NULL);
    lock_dir(dir, "sink");
    cr_assert_eq(runtime_dir_lock(second, "sink", error, sizeof error), -EBUSY);
    char holder[64];
    snprintf(holder, sizeof holder, "fanfold-sink, pid %ld since 20", (long)getpid());
    cr_assert_not_null(strstr(error, holder), "%s", error);
    cr_assert_not_null(strstr(error, "--name"), "%s", error);
    lock_dir(second, "ventilator");
    struct runtime_dir *named = open_dir("other");
    lock_dir(named, "sink");
    runtime_dir_close(&named);
    runtime_dir_close(&second);
    cr_assert(exists("sink.lock"));
    runtime_dir_close(&dir);
}

Test(runtime_dir, close_removes_its_own_files_and_leaves_the_rest)
{
    struct runtime_dir *dir = open_dir(NULL), *other = open_dir(NULL);
    lock_dir(dir, "sink");
    lock_dir(other, "ventilator");
    make_file("results");
    make_file("tasks");
    runtime_dir_close(&dir);
    cr_assert_not(exists("results"));
    cr_assert_not(exists("sink.lock"));
    cr_assert(exists("tasks"));
    cr_assert(exists("ventilator.lock"));
    runtime_dir_close(&other);
    cr_assert_not(exists(""));
}

Test(runtime_dir, that_was_refused_a_lock_removes_nothing)
{
    struct runtime_dir *dir = open_dir(NULL), *second = open_dir(NULL);
    lock_dir(dir, "ventilator");
    make_file("tasks");
    cr_assert_eq(runtime_dir_lock(second, "ventilator", error, sizeof error), -EBUSY);
    runtime_dir_close(&second);
    cr_assert(exists("tasks"));
    cr_assert(exists("ventilator.lock"));
    runtime_dir_close(&dir);
}

Test(runtime_dir, can_be_locked_after_a_refusal_and_after_its_directory_went_away)
{
    struct runtime_dir *dir = open_dir("x"), *second = open_dir("x");
    lock_dir(dir, "sink");
    cr_assert_eq(runtime_dir_lock(second, "sink", error, sizeof error), -EBUSY);
    runtime_dir_close(&dir);
    cr_assert_not(exists("x"));
    lock_dir(second, "sink");
    cr_assert(exists("x/sink.lock"));
    runtime_dir_close(&second);
}

static pid_t start_holder(void)
{
    int ready[2];
    cr_assert_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct runtime_dir *dir;
        if (runtime_dir_open(NULL, &dir, error, sizeof error) == 0 &&
            runtime_dir_lock(dir, "sink", error, sizeof error) == 0)
            (void)!write(ready[1], "x", 1);
        for (;;)
            pause();
    }
    close(ready[1]);
    char byte;
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

Test(runtime_dir, lock_of_a_killed_process_is_no_lock)
{
    pid_t child = start_holder();
    struct runtime_dir *dir = open_dir(NULL);
    cr_assert_eq(runtime_dir_lock(dir, "sink", error, sizeof error), -EBUSY);
    char holder[32];
    snprintf(holder, sizeof holder, "pid %ld since", (long)child);
    cr_assert_not_null(strstr(error, holder), "%s", error);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    cr_assert(exists("sink.lock"));
    lock_dir(dir, "sink");
    runtime_dir_close(&dir);
}

/* A file that only the holder makes: a second holder would find it there. */
static int contend(int rounds)
{
    char inside[128];
    snprintf(inside, sizeof inside, "%s/inside", runtime);
    int held = 0;
    for (int i = 0; i < rounds || held == 0; i++) {
        struct runtime_dir *dir;
        if (runtime_dir_open("x", &dir, error, sizeof error) != 0)
            return 2;
        int rc = runtime_dir_lock(dir, "sink", error, sizeof error);
        if (rc == 0) {
            held++;
            int fd = open(inside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
            if (fd < 0 || unlink(inside) != 0)
                return 1;
            close(fd);
        } else if (rc != -EBUSY) {
            return 3;
        }
        runtime_dir_close(&dir);
    }
    return 0;
}

Test(runtime_dir, lock_has_one_holder_however_often_files_and_directories_come_and_go)
{
    enum { CONTENDERS = 4, ROUNDS = 500 };
    for (int i = 0; i < CONTENDERS; i++) {
        if (fork() == 0)
            _exit(contend(ROUNDS));
    }
    for (int i = 0; i < CONTENDERS; i++) {
        int status;
        cr_assert_gt(wait(&status), 0);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status);
    }
    cr_assert_not(exists(""));
}

Test(runtime_dir, lock_does_not_pass_through_an_exec)
{
    struct runtime_dir *dir = open_dir(NULL);
    lock_dir(dir, "sink");
    char wanted[128], found[128], link[32];
    snprintf(wanted, sizeof wanted, "%s/sink.lock", base);
    int locks = 0;
    for (int fd = 0; fd < 1024; fd++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t size = readlink(link, found, sizeof found - 1);
        found[size > 0 ? size : 0] = '\0';
        if (strcmp(found, wanted) == 0) {
            locks++;
            cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        }
    }
    cr_assert_eq(locks, 1);
    runtime_dir_close(&dir);
}

/* A cleaner removed the first one's lock, and a second run took the place. */
Test(runtime_dir, that_lost_its_lock_leaves_alone_whoever_came_after)
{
    char path[160];
    struct runtime_dir *first = open_dir(NULL);
    lock_dir(first, "sink");
    snprintf(path, sizeof path, "%s/sink.lock", base);
    cr_assert_eq(unlink(path), 0);
    struct runtime_dir *second = open_dir(NULL);
    lock_dir(second, "sink");
    make_file("results");
    runtime_dir_close(&first);
    cr_assert(exists("sink.lock") && exists("results"));
    runtime_dir_close(&second);
}

/* ---- what dead runs left ---- */

static void make_dead_run(const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%.30s", base, name);
    cr_assert_eq(mkdir(path, 0700), 0);
    static const char *const files[] = {"sink.lock", "results", "ventilator.lock",
                                        "tasks"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%.30s/%s", name, files[i]);
        make_file(path);
    }
}

Test(runtime_dir, of_a_dead_run_is_removed_by_the_next)
{
    struct runtime_dir *dir = open_dir("live");
    lock_dir(dir, "sink");
    make_dead_run("dead");
    struct runtime_dir *other = open_dir("other");
    cr_assert_not(exists("dead"));
    cr_assert(exists("live/sink.lock"));
    runtime_dir_close(&other);
    runtime_dir_close(&dir);
}

Test(runtime_dir, of_a_run_half_of_which_lives_is_kept)
{
    struct runtime_dir *dir = open_dir("half");
    lock_dir(dir, "sink");
    make_file("half/results");
    make_file("half/ventilator.lock");
    make_file("half/tasks");
    struct runtime_dir *other = open_dir(NULL);
    cr_assert(exists("half/results") && exists("half/sink.lock"));
    cr_assert_not(exists("half/tasks"));
    runtime_dir_close(&other);
    runtime_dir_close(&dir);
}

Test(runtime_dir, with_a_file_of_the_users_is_kept)
{
    char path[256];
    struct runtime_dir *dir = open_dir(NULL);
    make_dead_run("dead");
    make_file("dead/precious");
    struct runtime_dir *other = open_dir("other");
    cr_assert(exists("dead/precious"));
    snprintf(path, sizeof path, "%s/dead/precious", base);
    unlink(path);
    runtime_dir_close(&other);
    other = open_dir("other");
    runtime_dir_close(&other);
    runtime_dir_close(&dir);
}

Test(endpoint_check, takes_private_endpoints_and_tcp_only_if_insecure)
{
    cr_assert_eq(endpoint_check("ipc:///tmp/x", 0, error, sizeof error), 0);
    cr_assert_eq(endpoint_check("inproc://x", 0, error, sizeof error), 0);
    cr_assert_eq(endpoint_check("tcp://127.0.0.1:5557", 1, error, sizeof error), 0);
    cr_assert_eq(endpoint_check("tcp://127.0.0.1:5557", 0, error, sizeof error),
                 -EINVAL);
    cr_assert_not_null(strstr(error, "--insecure"), "%s", error);
}

Test(endpoint_check, refuses_a_text_that_is_no_endpoint)
{
    static const char *const bad[] = {"",       "x",    "/tmp/x",        "ipc://",
                                      "tcp://", "tcp:", "pgm://1.2.3.4", "TCP://x:1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(endpoint_check(bad[i], 1, error, sizeof error), -EINVAL, "%s",
                     bad[i]);
    char path[128] = "ipc:///";
    memset(path + 7, 'x', 107);
    cr_assert_eq(endpoint_check(path, 0, error, sizeof error), -EINVAL);
    cr_assert_not_null(strstr(error, "too long"), "%s", error);
    path[6 + 107] = '\0';
    cr_assert_eq(endpoint_check(path, 0, error, sizeof error), 0);
}
