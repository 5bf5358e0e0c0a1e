/* SPDX-License-Identifier: MIT */
/* How a task's process is ended: by its time limit, by the session, at its own end. */
#include "common/clock.h"
#include "tests/unit/worker/program/exec_fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Within 20 s. */
static bool is_gone(pid_t pid)
{
    int handle = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd polled = {.fd = handle, .events = POLLIN};
    bool gone = handle < 0 || poll(&polled, 1, 20000) == 1;
    if (handle >= 0)
        close(handle);
    return gone;
}

Test(exec_slot, ends_what_is_left_of_the_group_at_the_end_of_a_task)
{
    struct program_fixture *fixture =
        opened(1, SHELL("sleep 1000 >/dev/null 2>&1 & echo $!"));
    struct note *note = fixture_run(fixture, "x", 1);
    cr_assert_eq(note->kind, NOTE_DONE);
    int pid = atoi((char *)note->data);
    cr_assert_gt(pid, 1);
    cr_assert(is_gone(pid));
    fixture_close(&fixture);
}

Test(exec_slot, says_nothing_of_a_task_that_was_killed_but_that_the_slot_is_ready)
{
    struct program_fixture *fixture = opened(1, WORDS("sleep", "1000"));
    fixture_start(fixture, 0, 7, "x", 1);
    program_kill(fixture->program, 0, 7, 1);
    cr_assert(fixture_await_ready(fixture, 1));
    cr_assert_eq(fixture->count, 0);
    fixture_start(fixture, 0, 8, "x", 1);
    program_kill(fixture->program, 0, 8, 1);
    cr_assert(fixture_await_ready(fixture, 2));
    cr_assert_eq(fixture->count, 0);
    fixture_close(&fixture);
}

Test(exec_slot, kills_a_program_that_went_to_another_process_group)
{
    struct program_fixture *fixture =
        opened(1, WORDS("python3", "-c",
                        "import os, signal; os.setpgid(0, os.getpgid(os.getppid())); "
                        "print(1, flush=True); signal.pause()"));
    fixture_start(fixture, 0, 7, "", 0);
    cr_assert(fixture_turn(fixture, 20000)); /* "1" */
    program_kill(fixture->program, 0, 7, 1);
    cr_assert(fixture_await_ready(fixture, 1));
    cr_assert_eq(fixture->count, 0);
    fixture_close(&fixture);
}

Test(exec_slot, kills_a_task_whose_process_is_gone_but_not_its_output)
{
    struct program_fixture *fixture = opened(1, SHELL("sleep 1000 & exit 0"));
    fixture_start(fixture, 0, 7, "x", 1);
    /* Until the supervisor says that the shell is gone; the sleep holds stdout. */
    cr_assert(fixture_turn(fixture, 20000));
    program_kill(fixture->program, 0, 7, 1);
    cr_assert(fixture_await_ready(fixture, 1));
    cr_assert_eq(fixture->count, 0);
    fixture_close(&fixture);
}

/* ---- time limits ---- */

/* But for the process that leads the slot's group. */
static bool has_children(pid_t parent)
{
    char line[128];
    snprintf(line, sizeof line,
             "pgrep -P %d | grep -qvx \"$(pgrep -P %d fanfold-group || echo -)\"",
             (int)parent, (int)parent);
    return system(line) == 0;
}

static void expect_timeout(const struct note *note, const char *text)
{
    cr_assert_eq(note->kind, NOTE_FAILED);
    cr_assert_eq(note->cause, FAILURE_TIMEOUT);
    cr_assert_eq(note->code, 0);
    cr_assert_str_eq(note->text, text);
}

Test(exec_slot, ends_a_program_that_runs_for_too_long_and_says_so)
{
    struct program_fixture *fixture = opened(1, SHELL("exec sleep 1000"));
    int64_t from_us = clock_now_us();
    struct note *note = run_limited(fixture, 150);
    int64_t took_us = clock_now_us() - from_us;
    expect_timeout(note, "ran longer than 0.15 s");
    cr_assert_geq(took_us, 150000);
    cr_assert_geq(note->run_us, 150000);
    fixture_close(&fixture);
}

Test(exec_slot, reports_a_timeout_with_the_tail_of_stderr)
{
    struct program_fixture *fixture =
        opened(1, SHELL("echo waiting for godot >&2; exec sleep 1000"));
    expect_timeout(run_limited(fixture, 300), "waiting for godot\n");
    fixture_close(&fixture);
}

Test(exec_slot, kills_after_a_while_what_does_not_end_on_sigterm)
{
    struct program_fixture *fixture =
        opened(1, SHELL("trap '' TERM; sleep 1000 & sleep 1000"));
    struct note *note = run_limited(fixture, 100);
    expect_timeout(note, "ran longer than 0.1 s");
    cr_assert_geq(note->run_us, 1100000);
    fixture_close(&fixture);
}

Test(exec_slot, calls_it_a_timeout_where_a_program_ends_well_on_sigterm)
{
    struct program_fixture *fixture =
        opened(1, SHELL("exec 2>/dev/null; trap 'exit 0' TERM; echo half a result; "
                        "while :; do sleep 0.01; done"));
    struct note *note = run_limited(fixture, 300);
    expect_timeout(note, "ran longer than 0.3 s");
    fixture_close(&fixture);
}

Test(exec_slot, ends_all_of_the_group_of_a_program_that_ran_for_too_long)
{
    static const char *const programs[] = {
        /* the leader dies of SIGTERM, or ends well, or has ended; its child is deaf */
        "sleep 1000",
        "exec 2>/dev/null; trap 'exit 0' TERM; while :; do sleep 0.01; done",
        "exit 0",
    };
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        char script[256];
        int ends[2];
        cr_assert_eq(pipe(ends), 0);
        fcntl(ends[0], F_SETFD, FD_CLOEXEC);
        snprintf(script, sizeof script, "(trap '' TERM; sleep 1000) & %s", programs[i]);
        struct program_fixture *fixture = opened(1, SHELL(script));
        close(ends[1]); /* the supervisor and its programs have it */
        expect_timeout(run_limited(fixture, 200), "ran longer than 0.2 s");
        /* Only the supervisor itself is left of them. */
        pid_t supervisor = supervisor_of(getpid());
        int64_t end_us = clock_now_us() + 60 * SECOND_US;
        while (has_children(supervisor) && clock_now_us() < end_us)
            poll(NULL, 0, 1);
        cr_assert_not(has_children(supervisor), "%s", script);
        cr_assert_eq(fixture->broken, 0);
        fixture_close(&fixture);
        cr_assert(dies(ends[0]));
        close(ends[0]);
    }
}

Test(exec_slot, does_not_mind_a_limit_that_is_kept)
{
    struct program_fixture *fixture = opened(2, WORDS("cat"));
    for (uint32_t i = 0; i < 20; i++) {
        struct note *note = run_limited(fixture, 60000);
        cr_assert_eq(note->kind, NOTE_DONE);
        cr_assert_str_eq((char *)note->data, "x");
    }
    fixture_close(&fixture);
}

Test(exec_slot, runs_the_next_task_after_a_timeout)
{
    struct program_fixture *fixture = opened(1, SHELL("read x; eval $x"));
    fixture_start_limited(fixture, 0, 0, "exec sleep 1000\n", 50);
    cr_assert(fixture_await(fixture, 1));
    expect_timeout(&fixture->notes[0], "ran longer than 0.05 s");
    fixture_start_limited(fixture, 0, 1, "echo fine\n", 60000);
    cr_assert(fixture_await(fixture, 2));
    cr_assert_eq(fixture->notes[1].kind, NOTE_DONE);
    fixture_close(&fixture);
}

Test(exec_slot, says_nothing_of_a_task_that_is_killed_after_its_time_is_over)
{
    struct program_fixture *fixture =
        opened(1, SHELL("trap '' TERM; echo x; sleep 1000"));
    /* Time enough for the shell to become deaf. */
    fixture_start_limited(fixture, 0, 0, "", 500);
    int64_t end_us = clock_now_us() + 800000;
    while (clock_now_us() < end_us)
        fixture_turn(fixture, 10);
    program_kill(fixture->program, 0, 0, 1);
    cr_assert(fixture_await_ready(fixture, 1));
    cr_assert_eq(fixture->count, 0);
    fixture_close(&fixture);
}

Test(exec_slot, does_not_count_the_time_for_which_it_was_stopped_and_says_nothing)
{
    int said[2], go[2], status;
    char text[16] = "";
    cr_assert_eq(pipe(said) + pipe(go), 0);
    int lines = memfd_create("lines", MFD_CLOEXEC);
    dup2(lines, STDERR_FILENO);
    pid_t worker = fork_job(said[1], go[0], 2000);
    cr_assert_gt(read(said[0], text, sizeof text - 1), 0);
    kill(-worker, SIGTSTP);
    cr_assert_eq(waitpid(worker, &status, WUNTRACED), worker);
    cr_assert(WIFSTOPPED(status));
    poll(NULL, 0, 2500); /* its time would be over */
    kill(-worker, SIGCONT);
    poll(NULL, 0, 500); /* it would say so */
    cr_assert_eq(write(go[1], "on\n", 3), 3);
    cr_assert_eq(waitpid(worker, &status, 0), worker);
    cr_assert_eq(status, 0);
    cr_assert_eq(lseek(lines, 0, SEEK_END), 0);
}
