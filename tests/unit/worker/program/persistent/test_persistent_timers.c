/* SPDX-License-Identifier: MIT */
/* Time limits and silence. */
#include "tests/unit/worker/program/persistent/persistent_fixture.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

Test(persistent_timers, ends_a_program_that_is_at_a_chunk_for_too_long)
{
    struct program_fixture *fixture =
        lines(SHELL("trap '' TERM; while read -r l; do [ $l != slow ] || sleep 1000; "
                    "echo $l; done"));
    expect_done(run_limited(fixture, "a\n", 60000), "a\n");
    expect_failed(run_limited(fixture, "slow\n", 200), FAILURE_TIMEOUT,
                  "longer than 0.2 s");
    expect_done(run_limited(fixture, "b\n", 60000), "b\n");
    fixture_close(&fixture);
    fixture = frames("");
    expect_failed(run_limited(fixture, "!hang", 200), FAILURE_TIMEOUT,
                  "longer than 0.2 s");
    expect_done(run_limited(fixture, "b\n", 60000), "B\n");
    fixture_close(&fixture);
}

/* In a process that leads a group, as one that a shell starts: reports what its program
 * says first, and whether the program's answer came in time. */
static pid_t fork_job(int said, int go, uint32_t limit_ms)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    char script[128];
    setpgid(0, 0);
    snprintf(script, sizeof script,
             "while read -r l; do echo $$ >/dev/fd/%d; read -r on </dev/fd/%d; "
             "echo $on; done",
             said, go);
    struct program_fixture *fixture = lines(SHELL(script));
    fixture_start_limited(fixture, 0, 0, "x\n", limit_ms);
    bool right = fixture_await(fixture, 1) && fixture->notes[0].kind == NOTE_DONE;
    fixture_close(&fixture);
    _exit(!right);
}

Test(persistent_timers, does_not_count_the_time_for_which_it_was_stopped)
{
    int said[2], go[2], status;
    char text[16] = "";
    cr_assert_eq(pipe(said) + pipe(go), 0);
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
}

Test(persistent_timers, does_not_count_preparation_towards_a_time_limit)
{
    struct program_fixture *fixture = lines(SHELL("sleep 1; exec cat"));
    expect_done(run_limited(fixture, "a\n", 300), "a\n");
    fixture_close(&fixture);
}

Test(persistent_timers, says_that_a_silence_is_for_good_where_nothing_was_ever_written)
{
    struct program_fixture *fixture =
        opened(PROGRAM_LINES, 1, 300000, SHELL("read -r line; echo $line; sleep 100"));
    struct note *note = run(fixture, "a\nb\n");
    expect_failed(note, FAILURE_PROTOCOL, "answered 1 of 2 lines");
    cr_assert_eq(note->code, 0);
    fixture_close(&fixture);
    fixture = opened(PROGRAM_LINES, 1, 300000, WORDS("sleep", "100"));
    note = run(fixture, "a\n");
    expect_failed(note, FAILURE_PROTOCOL, "answered 0 of 1 line");
    cr_assert_eq(note->code, FAILURE_PROTOCOL_MUTE);
    fixture_close(&fixture);
}
