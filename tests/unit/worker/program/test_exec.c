/* SPDX-License-Identifier: MIT */
/* worker/program/program.h in exec mode, with real programs. */
#include "tests/unit/worker/program/exec_fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static uint8_t *noise(size_t size)
{
    uint8_t *data = malloc(size + 1);
    uint32_t state = 1;
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)((state = state * 1664525 + 1013904223) >> 24);
    return data;
}

Test(exec, gives_back_what_cat_gives_for_any_size)
{
    static const size_t sizes[] = {0, 1, 4096, (64 << 10) + 1, (1 << 20) + 1, 5 << 20};
    struct program_fixture *fixture = opened(1, WORDS("cat"));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *data = noise(sizes[i]);
        struct note *note = fixture_run(fixture, data, sizes[i]);
        cr_assert(note && note->kind == NOTE_DONE);
        cr_assert_eq(note->size, sizes[i]);
        cr_assert_eq(memcmp(note->data, data, sizes[i]), 0);
        free(data);
    }
    fixture_close(&fixture);
}

Test(exec, gives_the_header_before_each_chunk)
{
    static const size_t sizes[] = {0, 1, 65530, (1 << 20) + 1};
    struct program_fixture *fixture = opened(1, WORDS("cat"));
    uint8_t *header = noise(60000);
    fixture->header = (struct slice){header, 60000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *data = noise(sizes[i]);
        struct note *note = fixture_run(fixture, data, sizes[i]);
        cr_assert(note && note->kind == NOTE_DONE);
        cr_assert_eq(note->size, 60000 + sizes[i]);
        cr_assert_eq(memcmp(note->data, header, 60000), 0);
        cr_assert_eq(memcmp(note->data + 60000, data, sizes[i]), 0);
        free(data);
    }
    fixture_close(&fixture);
    free(header);
}

Test(exec, runs_every_slot_by_itself)
{
    struct program_fixture *fixture =
        opened(4, SHELL("cat; echo $FANFOLD_SLOT $FANFOLD_SEQ "
                        "$FANFOLD_ATTEMPT $FANFOLD_WORKER"));
    for (uint32_t slot = 0; slot < 4; slot++)
        fixture_start(fixture, slot, 10 + slot, "x ", 2);
    cr_assert(fixture_await(fixture, 4));
    for (uint32_t i = 0; i < 4; i++) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "x %u %u 1 0123456789abcdef\n",
                 fixture->notes[i].slot + 1, fixture->notes[i].slot + 10);
        cr_assert_str_eq((char *)fixture->notes[i].data, wanted);
    }
    fixture_close(&fixture);
}

Test(exec, reports_an_exit_status_with_the_tail_of_stderr)
{
    struct program_fixture *fixture =
        opened(1, SHELL("echo out; echo first >&2; printf last >&2; "
                        "exit 3"));
    struct note *note = fixture_run(fixture, "x", 1);
    cr_assert_eq(note->kind, NOTE_FAILED);
    cr_assert_eq(note->cause, FAILURE_EXIT);
    cr_assert_eq(note->code, 3);
    cr_assert_str_eq(note->text, "first\nlast");
    fixture_close(&fixture);
}

Test(exec, keeps_only_the_last_4_KiB_of_stderr)
{
    struct program_fixture *fixture = opened(1, SHELL("seq 100000 >&2; exit 1"));
    struct note *note = fixture_run(fixture, "x", 1);
    cr_assert_eq(note->text_size, TEXT_MAX_BYTES);
    cr_assert_str_eq(note->text + TEXT_MAX_BYTES - 14, "\n99999\n100000\n");
    fixture_close(&fixture);
}

Test(exec, reports_a_signal)
{
    struct program_fixture *fixture = opened(1, SHELL("kill -SEGV $$"));
    struct note *note = fixture_run(fixture, "x", 1);
    cr_assert_eq(note->cause, FAILURE_SIGNAL);
    cr_assert_eq(note->code, SIGSEGV);
    fixture_close(&fixture);
}

Test(exec, does_not_mind_a_program_that_wants_only_the_beginning)
{
    struct program_fixture *fixture = opened(1, WORDS("head", "-c1"));
    uint8_t *data = noise(5 << 20);
    struct note *note = fixture_run(fixture, data, 5 << 20);
    cr_assert_eq(note->kind, NOTE_DONE);
    cr_assert_eq(note->size, 1);
    cr_assert_eq(note->data[0], data[0]);
    free(data);
    fixture_close(&fixture);
}

Test(exec, waits_for_the_output_of_what_the_program_left_behind)
{
    struct program_fixture *fixture =
        opened(1, SHELL("(sleep 0.1; echo late) & exit 0"));
    struct note *note = fixture_run(fixture, "x", 1);
    cr_assert_eq(note->kind, NOTE_DONE);
    cr_assert_str_eq((char *)note->data, "late\n");
    fixture_close(&fixture);
}

Test(exec, does_not_wait_for_output_after_a_bad_exit)
{
    struct program_fixture *fixture = opened(1, SHELL("sleep 1000 & exit 5"));
    struct note *note = fixture_run(fixture, "x", 1);
    cr_assert(note && note->kind == NOTE_FAILED);
    cr_assert_eq(note->code, 5);
    fixture_close(&fixture);
}

Test(exec, refuses_a_result_above_the_limit)
{
    struct program_fixture *fixture = opened(1, WORDS("yes"));
    program_set_results(fixture->program, 100000, false);
    struct note *note = fixture_run(fixture, "x", 1);
    cr_assert_eq(note->cause, FAILURE_TOO_LARGE);
    fixture_close(&fixture);
}

Test(exec, takes_a_result_of_just_the_limit)
{
    struct program_fixture *fixture = opened(1, WORDS("head", "-c100000", "/dev/zero"));
    program_set_results(fixture->program, 100000, false);
    cr_assert_eq(fixture_run(fixture, "x", 1)->kind, NOTE_DONE);
    program_set_results(fixture->program, 99999, false);
    cr_assert_eq(fixture_run(fixture, "x", 1)->cause, FAILURE_TOO_LARGE);
    fixture_close(&fixture);
}

/* Of a long task the result is read into a loan at once; if it is short after all, that
 * is undone. A long result of a short task is copied into one. */
Test(exec, lends_long_results_and_no_others)
{
    static char data[1000000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 31 >> 4);
    struct program_fixture *fixture = opened(1, WORDS("cat"));
    program_set_results(fixture->program, UINT64_MAX, true);
    struct note *note = fixture_run(fixture, data, sizeof data);
    cr_assert_eq(note->size, sizeof data);
    cr_assert_eq(memcmp(note->data, data, sizeof data), 0);
    cr_assert_eq(fixture->lent, 1);
    note = fixture_run(fixture, data, 1000);
    cr_assert_eq(memcmp(note->data, data, 1000), 0);
    cr_assert_eq(fixture->lent, 1);
    fixture_close(&fixture);
    fixture = opened(1, SHELL("head -c 1000; exec cat > /dev/null"));
    program_set_results(fixture->program, UINT64_MAX, true);
    note = fixture_run(fixture, data, sizeof data);
    cr_assert_eq(note->size, 1000);
    cr_assert_eq(memcmp(note->data, data, 1000), 0);
    cr_assert_eq(fixture->lent, 0);
    fixture_close(&fixture);
    fixture = opened(1, WORDS("head", "-c300000", "/dev/zero"));
    program_set_results(fixture->program, UINT64_MAX, true);
    cr_assert_eq(fixture_run(fixture, "x", 1)->size, 300000);
    cr_assert_eq(fixture->lent, 1);
    program_set_results(fixture->program, UINT64_MAX, false);
    cr_assert_eq(fixture_run(fixture, "x", 1)->size, 300000);
    cr_assert_eq(fixture->lent, 1);
    fixture_close(&fixture);
}

Test(exec, passes_stderr_on_in_whole_lines_that_say_slot_and_seq)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    struct program_fixture *fixture =
        opened(2, SHELL("printf 'one\\ntw' >&2; printf o >&2"));
    fixture_start(fixture, 1, 17, "x", 1);
    cr_assert(fixture_await(fixture, 1));
    fixture_close(&fixture);
    char text[256] = "";
    cr_assert_gt(read(ends[0], text, sizeof text - 1), 0);
    cr_assert_str_eq(text, "[slot 2 seq 17] one\n[slot 2 seq 17] two\n");
}

/* Our stderr from here on; the other end. */
static int pipe_as_stderr(void)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    cr_assert_eq(fcntl(ends[1], F_SETFL, 0), 0);
    cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
    return ends[0];
}

static void await_full(struct program_fixture *fixture)
{
    struct pollfd polled = {.fd = STDERR_FILENO, .events = POLLOUT};
    while (poll(&polled, 1, 0) == 1)
        (void)fixture_turn(fixture, 1000);
}

Test(exec, lets_a_program_wait_until_its_lines_are_read, .timeout = 60)
{
    int unread = pipe_as_stderr();
    struct program_fixture *fixture = opened(1, SHELL("seq 200000 >&2; cat"));
    fixture_start(fixture, 0, 0, "x", 1);
    await_full(fixture);
    cr_assert_eq(fixture->count, 0);
    uint64_t lines = 0;
    char data[65536];
    while (lines < 200000) {
        ssize_t got = read(unread, data, sizeof data);
        for (ssize_t i = 0; i < got; i++)
            lines += data[i] == '\n';
        (void)fixture_turn(fixture, 1);
    }
    cr_assert(fixture_await(fixture, 1));
    cr_assert_eq(fixture->notes[0].kind, NOTE_DONE);
    fixture_close(&fixture);
}

Test(exec, kills_a_task_whose_lines_nobody_reads, .timeout = 9)
{
    int unread = pipe_as_stderr();
    struct program_fixture *fixture = opened(1, SHELL("seq 200000 >&2; cat"));
    fixture_start(fixture, 0, 0, "x", 1);
    await_full(fixture);
    program_kill(fixture->program, 0, 0, 1);
    cr_assert(fixture_await_ready(fixture, 1));
    cr_assert_eq(fixture->count, 0);
    close(unread);
    fixture_close(&fixture);
}

/* ---- what cannot be started ---- */

Test(exec, runs_a_script_without_an_interpreter_line_by_the_shell)
{
    char path[] = "/tmp/fanfold-test-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, "echo script $1\n", 15), 15);
    fchmod(fd, 0700);
    close(fd);
    struct program_fixture *fixture = opened(1, WORDS(path, "word"));
    struct note *note = fixture_run(fixture, "x", 1);
    cr_assert_str_eq((char *)note->data, "script word\n");
    fixture_close(&fixture);
    unlink(path);
}

Test(exec, fails_a_task_whose_command_has_vanished)
{
    char path[] = "/tmp/fanfold-test-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, "#!/bin/sh\ncat\n", 14), 14);
    fchmod(fd, 0700);
    close(fd);
    struct program_fixture *fixture = opened(1, WORDS(path));
    unlink(path);
    struct note *note = fixture_run(fixture, "x", 1);
    cr_assert_eq(note->cause, FAILURE_EXIT);
    cr_assert_eq(note->code, 127);
    fixture_close(&fixture);
}

/* Takes from this process what `limit` says, keeps what it had in `ret_had`. */
static void take_away(int resource, rlim_t limit, struct rlimit *ret_had)
{
    getrlimit(resource, ret_had);
    struct rlimit few = {.rlim_cur = limit, .rlim_max = ret_had->rlim_max};
    cr_assert_eq(setrlimit(resource, &few), 0);
}

Test(exec, does_not_charge_a_task_with_descriptors_that_are_lacking)
{
    struct program_fixture *fixture = opened(2, WORDS("cat"));
    struct rlimit had;
    take_away(RLIMIT_NOFILE, 3, &had);
    for (uint32_t round = 1; round <= 3; round++) {
        struct note *note = fixture_run(fixture, "x", 1);
        cr_assert_eq(note->kind, NOTE_UNSTARTED);
        cr_assert_eq(fixture->unready, round);
        cr_assert(fixture_await_ready(fixture, round));
    }
    setrlimit(RLIMIT_NOFILE, &had);
    cr_assert_eq(fixture_run(fixture, "x", 1)->kind, NOTE_DONE);
    cr_assert_eq(fixture->broken, 0);
    fixture_close(&fixture);
}

Test(exec, does_not_charge_a_task_with_descriptors_that_the_supervisor_lacks)
{
    struct program_fixture *fixture = opened(1, WORDS("cat"));
    pid_t supervisor = supervisor_of(getpid());
    struct rlimit had, few = {.rlim_cur = 4, .rlim_max = 4096};
    cr_assert_eq(prlimit(supervisor, RLIMIT_NOFILE, NULL, &had), 0);
    few.rlim_max = had.rlim_max;
    cr_assert_eq(prlimit(supervisor, RLIMIT_NOFILE, &few, NULL), 0);
    cr_assert_eq(fixture_run(fixture, "x", 1)->kind, NOTE_UNSTARTED);
    cr_assert(fixture_await_ready(fixture, 1));
    cr_assert_eq(prlimit(supervisor, RLIMIT_NOFILE, &had, NULL), 0);
    cr_assert_eq(fixture_run(fixture, "x", 1)->kind, NOTE_DONE);
    fixture_close(&fixture);
}

Test(exec, refuses_more_slots_than_there_are_descriptors_for)
{
    struct rlimit few = {.rlim_cur = 100, .rlim_max = 100};
    setrlimit(RLIMIT_NOFILE, &few);
    struct program_fixture *fixture = fixture_open_exec(40, WORDS("cat"));
    cr_assert_eq(fixture->status, 4);
    cr_assert(strstr(fixture->error, "40 slots need up to 152 open files"), "%s",
              fixture->error);
    fixture_close(&fixture);
    fixture = opened(16, WORDS("cat"));
    for (uint32_t slot = 0; slot < 16; slot++)
        fixture_start(fixture, slot, slot, "x", 1);
    cr_assert(fixture_await(fixture, 16));
    cr_assert_eq(fixture->done, 16);
    fixture_close(&fixture);
}
