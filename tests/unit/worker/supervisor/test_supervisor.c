/* SPDX-License-Identifier: MIT */
/* How programs are started, and that none of them outlives the worker. */
#include "tests/unit/worker/program/exec_fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

Test(supervisor, starts_programs_with_clean_signals_in_a_group_that_another_leads)
{
    signal(SIGTERM, SIG_IGN);
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct program_fixture *fixture =
        opened(1, SHELL("set -- $(ps -o pgid=,ppid= -p $$); [ $1 != $$ ] || exit 1; "
                        "[ $(ps -o comm= -p $1) = fanfold-group ] || exit 2; "
                        "[ $(ps -o pgid= -p $2) != $1 ] || exit 3; kill -TERM $$"));
    struct note *note = fixture_run(fixture, "x", 1);
    cr_assert_eq(note->cause, FAILURE_SIGNAL);
    cr_assert_eq(note->code, SIGTERM);
    fixture_close(&fixture);
}

static size_t count_descriptors(uint32_t slots)
{
    struct program_fixture *fixture = opened(slots, WORDS("ls", "/proc/self/fd"));
    struct note *note = fixture_run(fixture, "x", 1);
    size_t count = 0;
    for (size_t i = 0; i < note->size; i++)
        count += note->data[i] == '\n';
    fixture_close(&fixture);
    return count;
}

Test(supervisor, leaves_no_descriptor_of_the_worker_open_in_a_program)
{
    size_t inherited = 0; /* what this test has from whoever started it */
    for (int fd = 3; fd < 1024; fd++) {
        int flags = fcntl(fd, F_GETFD);
        inherited += flags >= 0 && !(flags & FD_CLOEXEC);
    }
    /* 0, 1, 2, and the directory that ls reads. */
    cr_assert_eq(count_descriptors(1), inherited + 4);
    cr_assert_eq(count_descriptors(16), inherited + 4);
}

Test(supervisor, gives_programs_the_descriptor_limit_that_the_worker_was_given)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 500;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct program_fixture *fixture = opened(2, SHELL("ulimit -n"));
    cr_assert_str_eq((char *)fixture_run(fixture, "x", 1)->data, "500\n");
    fixture_close(&fixture);
}

/* ---- the end ---- */

/* A grandchild with a session of its own that holds `fd`, which is taken, and the task
 * that made it. */
static struct program_fixture *open_with_escapee(int fd)
{
    struct program_fixture *fixture =
        opened(2, SHELL("setsid sh -c 'echo made; exec sleep 1000 "
                        ">/dev/null 2>&1' & exec sleep 1000"));
    close(fd);
    return fixture;
}

Test(supervisor, ends_a_grandchild_with_its_own_session_when_it_closes)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    struct program_fixture *fixture = open_with_escapee(ends[1]);
    fixture_start(fixture, 0, 0, "x", 1);
    cr_assert(fixture_turn(fixture, 20000)); /* "made" */
    fixture_close(&fixture);
    cr_assert(dies(ends[0]));
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a child is left");
}

Test(supervisor, ends_everything_when_the_worker_is_killed)
{
    int ends[2], said[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(pipe(said), 0);
    pid_t worker = fork();
    if (worker == 0) {
        struct program_fixture *fixture = open_with_escapee(ends[1]);
        fixture_start(fixture, 0, 0, "x", 1);
        fixture_turn(fixture, 20000);
        cr_assert_eq(write(said[1], "y", 1), 1);
        pause();
    }
    close(ends[1]);
    char byte;
    cr_assert_eq(read(said[0], &byte, 1), 1);
    kill(worker, SIGKILL);
    cr_assert(dies(ends[0]));
    waitpid(worker, NULL, 0);
}

Test(supervisor,
     says_that_it_is_broken_when_the_supervisor_is_killed_and_ends_the_orphans)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    struct program_fixture *fixture = open_with_escapee(ends[1]);
    fixture_start(fixture, 0, 0, "x", 1);
    cr_assert(fixture_turn(fixture, 20000));
    kill(supervisor_of(getpid()), SIGKILL);
    cr_assert(fixture_await_broken(fixture));
    cr_assert_eq(fixture->broken, 5);
    fixture_close(&fixture);
    cr_assert(dies(ends[0]));
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a child is left");
}

/* Stopped before, so that neither sees the other's end. */
Test(supervisor,
     leaves_no_program_when_worker_and_supervisor_are_killed_at_the_same_time)
{
    int ends[2], said[2];
    char text[16] = "";
    cr_assert_eq(pipe(ends) + pipe(said), 0);
    pid_t worker = fork();
    if (worker == 0) {
        dup2(said[1], 8);
        close(ends[0]);
        struct program_fixture *fixture =
            opened(1, SHELL("echo $PPID >&8; exec sleep 1000"));
        close(ends[1]); /* the program has it */
        fixture_run(fixture, "x", 1);
        _exit(1);
    }
    close(ends[1]);
    cr_assert_gt(read(said[0], text, sizeof text - 1), 0);
    pid_t supervisor = atoi(text);
    kill(worker, SIGSTOP);
    kill(supervisor, SIGSTOP);
    kill(worker, SIGKILL);
    kill(supervisor, SIGKILL);
    cr_assert(dies(ends[0]));
}

/* ---- signals of a terminal ---- */

Test(supervisor, is_deaf_to_the_signals_of_a_terminal)
{
    struct program_fixture *fixture = opened(1, WORDS("cat"));
    pid_t supervisor = supervisor_of(getpid());
    kill(supervisor, SIGINT);
    kill(supervisor, SIGTERM);
    kill(supervisor, SIGHUP);
    cr_assert_eq(fixture_run(fixture, "x", 1)->kind, NOTE_DONE);
    fixture_close(&fixture);
}

Test(supervisor, stops_and_continues_with_the_worker)
{
    int said[2], go[2], status;
    char text[16] = "";
    cr_assert_eq(pipe(said) + pipe(go), 0);
    pid_t worker = fork_job(said[1], go[0], 0);
    cr_assert_gt(read(said[0], text, sizeof text - 1), 0);
    for (int round = 0; round < 20; round++)
        cr_assert(fixture_suspend(worker, atoi(text), round % 2), "%d", round);
    cr_assert_eq(write(go[1], "on\n", 3), 3);
    cr_assert_eq(waitpid(worker, &status, 0), worker);
    cr_assert_eq(status, 0);
}

Test(supervisor, does_not_stop_where_no_shell_could_continue_it)
{
    int said[2], go[2], status;
    char byte;
    cr_assert_eq(pipe(said) + pipe(go), 0);
    pid_t worker = fork();
    if (worker == 0) {
        setsid();
        struct program_fixture *fixture = opened(1, WORDS("cat"));
        fixture_run(fixture, "x", 1); /* the supervisor is at work */
        cr_assert_eq(write(said[1], "x", 1) + read(go[0], &byte, 1), 2);
        struct note *note = fixture_run(fixture, "x", 1);
        bool right = note && note->kind == NOTE_DONE;
        fixture_close(&fixture);
        _exit(!right);
    }
    cr_assert_eq(read(said[0], &byte, 1), 1);
    kill(-worker, SIGTSTP);
    cr_assert_eq(write(go[1], "x", 1), 1);
    cr_assert_eq(waitpid(worker, &status, 0), worker);
    cr_assert_eq(status, 0);
}
