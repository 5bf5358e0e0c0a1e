/* SPDX-License-Identifier: MIT */
/* worker/program.h in exec mode, with real programs. */
#include "common/clock.h"
#include "stand.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS(...)  ((const char *const[]){__VA_ARGS__, NULL})
#define SHELL(text) WORDS("sh", "-c", text)

static struct stand *opened(uint32_t slots, const char *const *words)
{
    struct stand *stand = stand_open_exec(slots, words);
    cr_assert_eq(stand->status, 0, "%s", stand->error);
    return stand;
}

static uint8_t *noise(size_t size)
{
    uint8_t *data = malloc(size + 1);
    uint32_t state = 1;
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)((state = state * 1664525 + 1013904223) >> 24);
    return data;
}

/* The other end of a pipe that whoever it is holds open is closed within 20 s. */
static bool dies(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    char byte;
    return poll(&polled, 1, 20000) == 1 && read(fd, &byte, 1) == 0;
}

Test(exec, gives_back_what_cat_gives_for_any_size)
{
    static const size_t sizes[] = {0, 1, 4096, (64 << 10) + 1, (1 << 20) + 1, 5 << 20};
    struct stand *stand = opened(1, WORDS("cat"));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *data = noise(sizes[i]);
        struct note *note = stand_run(stand, data, sizes[i]);
        cr_assert(note && note->kind == NOTE_DONE);
        cr_assert_eq(note->size, sizes[i]);
        cr_assert_eq(memcmp(note->data, data, sizes[i]), 0);
        free(data);
    }
    stand_close(&stand);
}

Test(exec, gives_the_header_before_each_chunk)
{
    static const size_t sizes[] = {0, 1, 65530, (1 << 20) + 1};
    struct stand *stand = opened(1, WORDS("cat"));
    uint8_t *header = noise(60000);
    stand->header = (struct slice){header, 60000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *data = noise(sizes[i]);
        struct note *note = stand_run(stand, data, sizes[i]);
        cr_assert(note && note->kind == NOTE_DONE);
        cr_assert_eq(note->size, 60000 + sizes[i]);
        cr_assert_eq(memcmp(note->data, header, 60000), 0);
        cr_assert_eq(memcmp(note->data + 60000, data, sizes[i]), 0);
        free(data);
    }
    stand_close(&stand);
    free(header);
}

Test(exec, runs_every_slot_by_itself)
{
    struct stand *stand = opened(4, SHELL("cat; echo $FANFOLD_SLOT $FANFOLD_SEQ "
                                          "$FANFOLD_ATTEMPT $FANFOLD_WORKER"));
    for (uint32_t slot = 0; slot < 4; slot++)
        stand_start(stand, slot, 10 + slot, "x ", 2);
    cr_assert(stand_await(stand, 4));
    for (uint32_t i = 0; i < 4; i++) {
        char wanted[64];
        snprintf(wanted, sizeof wanted, "x %u %u 1 0123456789abcdef\n",
                 stand->notes[i].slot + 1, stand->notes[i].slot + 10);
        cr_assert_str_eq((char *)stand->notes[i].data, wanted);
    }
    stand_close(&stand);
}

Test(exec, reports_an_exit_status_with_the_tail_of_stderr)
{
    struct stand *stand = opened(1, SHELL("echo out; echo first >&2; printf last >&2; "
                                          "exit 3"));
    struct note *note = stand_run(stand, "x", 1);
    cr_assert_eq(note->kind, NOTE_FAILED);
    cr_assert_eq(note->how, FAILURE_EXIT);
    cr_assert_eq(note->code, 3);
    cr_assert_str_eq(note->text, "first\nlast");
    stand_close(&stand);
}

Test(exec, keeps_only_the_last_4_KiB_of_stderr)
{
    struct stand *stand = opened(1, SHELL("seq 100000 >&2; exit 1"));
    struct note *note = stand_run(stand, "x", 1);
    cr_assert_eq(note->text_size, TEXT_MAX_BYTES);
    cr_assert_str_eq(note->text + TEXT_MAX_BYTES - 14, "\n99999\n100000\n");
    stand_close(&stand);
}

Test(exec, reports_a_signal)
{
    struct stand *stand = opened(1, SHELL("kill -SEGV $$"));
    struct note *note = stand_run(stand, "x", 1);
    cr_assert_eq(note->how, FAILURE_SIGNAL);
    cr_assert_eq(note->code, SIGSEGV);
    stand_close(&stand);
}

Test(exec, does_not_mind_a_program_that_wants_only_the_beginning)
{
    struct stand *stand = opened(1, WORDS("head", "-c1"));
    uint8_t *data = noise(5 << 20);
    struct note *note = stand_run(stand, data, 5 << 20);
    cr_assert_eq(note->kind, NOTE_DONE);
    cr_assert_eq(note->size, 1);
    cr_assert_eq(note->data[0], data[0]);
    free(data);
    stand_close(&stand);
}

Test(exec, waits_for_the_output_of_what_the_program_left_behind)
{
    struct stand *stand = opened(1, SHELL("(sleep 0.1; echo late) & exit 0"));
    struct note *note = stand_run(stand, "x", 1);
    cr_assert_eq(note->kind, NOTE_DONE);
    cr_assert_str_eq((char *)note->data, "late\n");
    stand_close(&stand);
}

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

Test(exec, ends_what_is_left_of_the_group_at_the_end_of_a_task)
{
    struct stand *stand = opened(1, SHELL("sleep 1000 >/dev/null 2>&1 & echo $!"));
    struct note *note = stand_run(stand, "x", 1);
    cr_assert_eq(note->kind, NOTE_DONE);
    int pid = atoi((char *)note->data);
    cr_assert_gt(pid, 1);
    cr_assert(is_gone(pid));
    stand_close(&stand);
}

Test(exec, does_not_wait_for_output_after_a_bad_exit)
{
    struct stand *stand = opened(1, SHELL("sleep 1000 & exit 5"));
    struct note *note = stand_run(stand, "x", 1);
    cr_assert(note && note->kind == NOTE_FAILED);
    cr_assert_eq(note->code, 5);
    stand_close(&stand);
}

Test(exec, refuses_a_result_above_the_limit)
{
    struct stand *stand = opened(1, WORDS("yes"));
    program_set_max_result(stand->program, 100000);
    struct note *note = stand_run(stand, "x", 1);
    cr_assert_eq(note->how, FAILURE_TOO_LARGE);
    stand_close(&stand);
}

Test(exec, takes_a_result_of_just_the_limit)
{
    struct stand *stand = opened(1, WORDS("head", "-c100000", "/dev/zero"));
    program_set_max_result(stand->program, 100000);
    cr_assert_eq(stand_run(stand, "x", 1)->kind, NOTE_DONE);
    program_set_max_result(stand->program, 99999);
    cr_assert_eq(stand_run(stand, "x", 1)->how, FAILURE_TOO_LARGE);
    stand_close(&stand);
}

Test(exec, says_nothing_of_a_task_that_was_killed_but_that_the_slot_is_ready)
{
    struct stand *stand = opened(1, WORDS("sleep", "1000"));
    stand_start(stand, 0, 7, "x", 1);
    program_kill(stand->program, 0, 7, 1);
    cr_assert(stand_await_ready(stand, 1));
    cr_assert_eq(stand->count, 0);
    stand_start(stand, 0, 8, "x", 1);
    program_kill(stand->program, 0, 8, 1);
    cr_assert(stand_await_ready(stand, 2));
    cr_assert_eq(stand->count, 0);
    stand_close(&stand);
}

Test(exec, kills_a_program_that_went_to_another_process_group)
{
    struct stand *stand =
        opened(1, WORDS("python3", "-c",
                        "import os, signal; os.setpgid(0, os.getpgid(os.getppid())); "
                        "print(1, flush=True); signal.pause()"));
    stand_start(stand, 0, 7, "", 0);
    cr_assert(stand_turn(stand, 20000)); /* "1" */
    program_kill(stand->program, 0, 7, 1);
    cr_assert(stand_await_ready(stand, 1));
    cr_assert_eq(stand->count, 0);
    stand_close(&stand);
}

Test(exec, kills_a_task_whose_process_is_gone_but_not_its_output)
{
    struct stand *stand = opened(1, SHELL("sleep 1000 & exit 0"));
    stand_start(stand, 0, 7, "x", 1);
    /* Until the keeper says that the shell is gone; the sleep holds stdout. */
    cr_assert(stand_turn(stand, 20000));
    program_kill(stand->program, 0, 7, 1);
    cr_assert(stand_await_ready(stand, 1));
    cr_assert_eq(stand->count, 0);
    stand_close(&stand);
}

/* ---- limits ---- */

static pid_t keeper_of(pid_t parent)
{
    char line[64];
    snprintf(line, sizeof line, "pgrep -P %d fanfold-keeper", (int)parent);
    FILE *file = popen(line, "r");
    int pid = 0;
    cr_assert_eq(fscanf(file, "%d", &pid), 1);
    pclose(file);
    return pid;
}

static bool has_children(pid_t parent)
{
    char line[64];
    snprintf(line, sizeof line, "pgrep -P %d >/dev/null", (int)parent);
    return system(line) == 0;
}

static struct note *run_limited(struct stand *stand, uint32_t limit_ms)
{
    stand_start_limited(stand, 0, 0, "x", limit_ms);
    cr_assert(stand_await(stand, stand->count + 1));
    return &stand->notes[stand->count - 1];
}

static void expect_timeout(const struct note *note, const char *text)
{
    cr_assert_eq(note->kind, NOTE_FAILED);
    cr_assert_eq(note->how, FAILURE_TIMEOUT);
    cr_assert_eq(note->code, 0);
    cr_assert_str_eq(note->text, text);
}

Test(exec, ends_a_program_that_runs_for_too_long_and_says_so)
{
    struct stand *stand = opened(1, SHELL("exec sleep 1000"));
    int64_t from_us = clock_now_us();
    struct note *note = run_limited(stand, 150);
    int64_t took_us = clock_now_us() - from_us;
    expect_timeout(note, "ran longer than 0.15 s");
    cr_assert_geq(took_us, 150000);
    cr_assert_geq(note->run_us, 150000);
    stand_close(&stand);
}

Test(exec, tells_of_a_timeout_with_the_tail_of_stderr)
{
    struct stand *stand =
        opened(1, SHELL("echo waiting for godot >&2; exec sleep 1000"));
    expect_timeout(run_limited(stand, 300), "waiting for godot\n");
    stand_close(&stand);
}

Test(exec, kills_after_a_while_what_does_not_end_when_it_is_told_to)
{
    struct stand *stand = opened(1, SHELL("trap '' TERM; sleep 1000 & sleep 1000"));
    struct note *note = run_limited(stand, 100);
    expect_timeout(note, "ran longer than 0.1 s");
    cr_assert_geq(note->run_us, 1100000);
    stand_close(&stand);
}

Test(exec, calls_it_a_timeout_where_a_program_ends_well_when_it_is_told_to_end)
{
    struct stand *stand =
        opened(1, SHELL("exec 2>/dev/null; trap 'exit 0' TERM; echo half a result; "
                        "while :; do sleep 0.01; done"));
    struct note *note = run_limited(stand, 300);
    expect_timeout(note, "ran longer than 0.3 s");
    stand_close(&stand);
}

Test(exec, ends_all_of_the_group_of_a_program_that_ran_for_too_long)
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
        struct stand *stand = opened(1, SHELL(script));
        close(ends[1]); /* the keeper and its programs have it */
        expect_timeout(run_limited(stand, 200), "ran longer than 0.2 s");
        /* Only the keeper itself is left of them. */
        pid_t keeper = keeper_of(getpid());
        int64_t end_us = clock_now_us() + 60 * SECOND_US;
        while (has_children(keeper) && clock_now_us() < end_us)
            poll(NULL, 0, 1);
        cr_assert_not(has_children(keeper), "%s", script);
        cr_assert_eq(stand->broken, 0);
        stand_close(&stand);
        cr_assert(dies(ends[0]));
        close(ends[0]);
    }
}

Test(exec, does_not_mind_a_limit_that_is_kept)
{
    struct stand *stand = opened(2, WORDS("cat"));
    for (uint32_t i = 0; i < 20; i++) {
        struct note *note = run_limited(stand, 60000);
        cr_assert_eq(note->kind, NOTE_DONE);
        cr_assert_str_eq((char *)note->data, "x");
    }
    stand_close(&stand);
}

Test(exec, runs_the_next_task_after_a_timeout)
{
    struct stand *stand = opened(1, SHELL("read x; eval $x"));
    stand_start_limited(stand, 0, 0, "exec sleep 1000\n", 50);
    cr_assert(stand_await(stand, 1));
    expect_timeout(&stand->notes[0], "ran longer than 0.05 s");
    stand_start_limited(stand, 0, 1, "echo fine\n", 60000);
    cr_assert(stand_await(stand, 2));
    cr_assert_eq(stand->notes[1].kind, NOTE_DONE);
    stand_close(&stand);
}

Test(exec, says_nothing_of_a_task_that_is_killed_after_its_time_is_over)
{
    struct stand *stand = opened(1, SHELL("trap '' TERM; echo x; sleep 1000"));
    stand_start_limited(stand, 0, 0, "", 50);
    int64_t end_us = clock_now_us() + 300000;
    while (clock_now_us() < end_us)
        stand_turn(stand, 10);
    program_kill(stand->program, 0, 0, 1);
    cr_assert(stand_await_ready(stand, 1));
    cr_assert_eq(stand->count, 0);
    stand_close(&stand);
}

Test(exec, starts_programs_with_clean_signals_in_a_group_of_their_own)
{
    signal(SIGTERM, SIG_IGN);
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct stand *stand =
        opened(1, SHELL("[ $(ps -o pgid= -p $$) = $$ ] || exit 1; kill -TERM $$"));
    struct note *note = stand_run(stand, "x", 1);
    cr_assert_eq(note->how, FAILURE_SIGNAL);
    cr_assert_eq(note->code, SIGTERM);
    stand_close(&stand);
}

static size_t count_descriptors(uint32_t slots)
{
    struct stand *stand = opened(slots, WORDS("ls", "/proc/self/fd"));
    struct note *note = stand_run(stand, "x", 1);
    size_t count = 0;
    for (size_t i = 0; i < note->size; i++)
        count += note->data[i] == '\n';
    stand_close(&stand);
    return count;
}

Test(exec, leaves_no_descriptor_of_the_worker_open_in_a_program)
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

/* A grandchild with a session of its own that holds `fd`, which is taken, and the task
 * that made it. */
static struct stand *open_with_escapee(int fd)
{
    struct stand *stand = opened(2, SHELL("setsid sh -c 'echo made; exec sleep 1000 "
                                          ">/dev/null 2>&1' & exec sleep 1000"));
    close(fd);
    return stand;
}

Test(exec, ends_a_grandchild_with_its_own_session_when_it_closes)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    struct stand *stand = open_with_escapee(ends[1]);
    stand_start(stand, 0, 0, "x", 1);
    cr_assert(stand_turn(stand, 20000)); /* "made" */
    stand_close(&stand);
    cr_assert(dies(ends[0]));
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a child is left");
}

Test(exec, ends_everything_when_the_worker_is_killed)
{
    int ends[2], told[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(pipe(told), 0);
    pid_t worker = fork();
    if (worker == 0) {
        struct stand *stand = open_with_escapee(ends[1]);
        stand_start(stand, 0, 0, "x", 1);
        stand_turn(stand, 20000);
        cr_assert_eq(write(told[1], "y", 1), 1);
        pause();
    }
    close(ends[1]);
    char byte;
    cr_assert_eq(read(told[0], &byte, 1), 1);
    kill(worker, SIGKILL);
    cr_assert(dies(ends[0]));
    waitpid(worker, NULL, 0);
}

Test(exec, says_that_it_is_broken_when_the_keeper_is_killed_and_ends_the_orphans)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    struct stand *stand = open_with_escapee(ends[1]);
    stand_start(stand, 0, 0, "x", 1);
    cr_assert(stand_turn(stand, 20000));
    kill(keeper_of(getpid()), SIGKILL);
    cr_assert(stand_await_broken(stand));
    cr_assert_eq(stand->broken, 5);
    stand_close(&stand);
    cr_assert(dies(ends[0]));
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a child is left");
}

/* Stopped before, so that neither sees the other's end. */
Test(exec, leaves_no_program_when_worker_and_keeper_are_killed_at_the_same_time)
{
    int ends[2], said[2];
    char text[16] = "";
    cr_assert_eq(pipe(ends) + pipe(said), 0);
    pid_t worker = fork();
    if (worker == 0) {
        dup2(said[1], 8);
        close(ends[0]);
        struct stand *stand = opened(1, SHELL("echo $PPID >&8; exec sleep 1000"));
        close(ends[1]); /* the program has it */
        stand_run(stand, "x", 1);
        _exit(1);
    }
    close(ends[1]);
    cr_assert_gt(read(said[0], text, sizeof text - 1), 0);
    pid_t keeper = atoi(text);
    kill(worker, SIGSTOP);
    kill(keeper, SIGSTOP);
    kill(worker, SIGKILL);
    kill(keeper, SIGKILL);
    cr_assert(dies(ends[0]));
}

Test(exec, is_deaf_to_the_signals_of_a_terminal)
{
    struct stand *stand = opened(1, WORDS("cat"));
    pid_t keeper = keeper_of(getpid());
    kill(keeper, SIGINT);
    kill(keeper, SIGTERM);
    kill(keeper, SIGHUP);
    cr_assert_eq(stand_run(stand, "x", 1)->kind, NOTE_DONE);
    stand_close(&stand);
}

Test(exec, passes_stderr_on_in_whole_lines_that_say_slot_and_seq)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    struct stand *stand = opened(2, SHELL("printf 'one\\ntw' >&2; printf o >&2"));
    stand_start(stand, 1, 17, "x", 1);
    cr_assert(stand_await(stand, 1));
    stand_close(&stand);
    char text[256] = "";
    cr_assert_gt(read(ends[0], text, sizeof text - 1), 0);
    cr_assert_str_eq(text, "[slot 2 seq 17] one\n[slot 2 seq 17] two\n");
}

Test(exec, does_not_stop_for_a_stderr_that_nobody_reads)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    struct stand *stand = opened(1, SHELL("seq 1000000 >&2; cat"));
    struct note *note = stand_run(stand, "x", 1);
    cr_assert(note && note->kind == NOTE_DONE);
    stand_close(&stand);
}

Test(exec, runs_a_script_without_an_interpreter_line_by_the_shell)
{
    char path[] = "/tmp/fanfold-test-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, "echo script $1\n", 15), 15);
    fchmod(fd, 0700);
    close(fd);
    struct stand *stand = opened(1, WORDS(path, "word"));
    struct note *note = stand_run(stand, "x", 1);
    cr_assert_str_eq((char *)note->data, "script word\n");
    stand_close(&stand);
    unlink(path);
}

Test(exec, fails_a_task_whose_command_has_vanished)
{
    char path[] = "/tmp/fanfold-test-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, "#!/bin/sh\ncat\n", 14), 14);
    fchmod(fd, 0700);
    close(fd);
    struct stand *stand = opened(1, WORDS(path));
    unlink(path);
    struct note *note = stand_run(stand, "x", 1);
    cr_assert_eq(note->how, FAILURE_EXIT);
    cr_assert_eq(note->code, 127);
    stand_close(&stand);
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
    struct stand *stand = opened(2, WORDS("cat"));
    struct rlimit had;
    take_away(RLIMIT_NOFILE, 3, &had);
    for (uint32_t round = 1; round <= 3; round++) {
        struct note *note = stand_run(stand, "x", 1);
        cr_assert_eq(note->kind, NOTE_UNSTARTED);
        cr_assert_eq(stand->unready, round);
        cr_assert(stand_await_ready(stand, round));
    }
    setrlimit(RLIMIT_NOFILE, &had);
    cr_assert_eq(stand_run(stand, "x", 1)->kind, NOTE_DONE);
    cr_assert_eq(stand->broken, 0);
    stand_close(&stand);
}

Test(exec, does_not_charge_a_task_with_descriptors_that_the_keeper_lacks)
{
    struct stand *stand = opened(1, WORDS("cat"));
    pid_t keeper = keeper_of(getpid());
    struct rlimit had, few = {.rlim_cur = 4, .rlim_max = 4096};
    cr_assert_eq(prlimit(keeper, RLIMIT_NOFILE, NULL, &had), 0);
    few.rlim_max = had.rlim_max;
    cr_assert_eq(prlimit(keeper, RLIMIT_NOFILE, &few, NULL), 0);
    cr_assert_eq(stand_run(stand, "x", 1)->kind, NOTE_UNSTARTED);
    cr_assert(stand_await_ready(stand, 1));
    cr_assert_eq(prlimit(keeper, RLIMIT_NOFILE, &had, NULL), 0);
    cr_assert_eq(stand_run(stand, "x", 1)->kind, NOTE_DONE);
    stand_close(&stand);
}

Test(exec, refuses_more_slots_than_there_are_descriptors_for)
{
    struct rlimit few = {.rlim_cur = 100, .rlim_max = 100};
    setrlimit(RLIMIT_NOFILE, &few);
    struct stand *stand = stand_open_exec(40, WORDS("cat"));
    cr_assert_eq(stand->status, 4);
    cr_assert(strstr(stand->error, "40 slots need up to 152 open files"), "%s",
              stand->error);
    stand_close(&stand);
    stand = opened(16, WORDS("cat"));
    for (uint32_t slot = 0; slot < 16; slot++)
        stand_start(stand, slot, slot, "x", 1);
    cr_assert(stand_await(stand, 16));
    cr_assert_eq(stand->done, 16);
    stand_close(&stand);
}

Test(exec, gives_programs_the_descriptor_limit_that_the_worker_was_given)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 500;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct stand *stand = opened(2, SHELL("ulimit -n"));
    cr_assert_str_eq((char *)stand_run(stand, "x", 1)->data, "500\n");
    stand_close(&stand);
}

/* A worker with a group of its own, as a shell's job; its program says its pid and ends
 * when it may. */
static pid_t fork_job(int said, int go, uint32_t limit_ms)
{
    pid_t worker = fork();
    if (worker != 0)
        return worker;
    setpgid(0, 0);
    dup2(said, 8); /* numbers of one digit, for the shell */
    dup2(go, 9);
    struct stand *stand = opened(1, SHELL("echo $$ >&8; read go <&9; echo $go"));
    struct note *note = run_limited(stand, limit_ms);
    bool right = note && note->kind == NOTE_DONE && !strcmp((char *)note->data, "on\n");
    stand_close(&stand);
    _exit(!right);
}

Test(exec, stops_and_continues_with_the_worker)
{
    int said[2], go[2], status;
    char text[16] = "";
    cr_assert_eq(pipe(said) + pipe(go), 0);
    pid_t worker = fork_job(said[1], go[0], 0);
    cr_assert_gt(read(said[0], text, sizeof text - 1), 0);
    for (int round = 0; round < 20; round++)
        cr_assert(stand_suspend(worker, atoi(text), round % 2), "%d", round);
    cr_assert_eq(write(go[1], "on\n", 3), 3);
    cr_assert_eq(waitpid(worker, &status, 0), worker);
    cr_assert_eq(status, 0);
}

Test(exec, does_not_count_the_time_for_which_it_was_stopped)
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

Test(exec, does_not_stop_where_no_shell_could_continue_it)
{
    int said[2], go[2], status;
    char byte;
    cr_assert_eq(pipe(said) + pipe(go), 0);
    pid_t worker = fork();
    if (worker == 0) {
        setsid();
        struct stand *stand = opened(1, WORDS("cat"));
        stand_run(stand, "x", 1); /* the keeper is at work */
        cr_assert_eq(write(said[1], "x", 1) + read(go[0], &byte, 1), 2);
        struct note *note = stand_run(stand, "x", 1);
        bool right = note && note->kind == NOTE_DONE;
        stand_close(&stand);
        _exit(!right);
    }
    cr_assert_eq(read(said[0], &byte, 1), 1);
    kill(-worker, SIGTSTP);
    cr_assert_eq(write(go[1], "x", 1), 1);
    cr_assert_eq(waitpid(worker, &status, 0), worker);
    cr_assert_eq(status, 0);
}
