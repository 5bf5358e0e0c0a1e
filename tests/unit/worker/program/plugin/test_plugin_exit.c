/* SPDX-License-Identifier: MIT */
/* The end of a slot's process, of the zygote and of the worker. */
#include "tests/unit/worker/program/plugin/plugin_fixture.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

Test(plugin_exit, fails_the_task_that_crashed_and_no_other)
{
    int fd = catch_stderr();
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    for (int round = 0; round < 3; round++) {
        uint64_t base = (uint64_t)round * 10;
        start_text(fixture, 0, base, "before");
        start_text(fixture, 0, base + 1, "segv");
        start_text(fixture, 0, base + 2, "after");
        cr_assert(fixture_await_ready(fixture, (uint32_t)round + 1));
        cr_assert_eq(note_of(fixture, base)->kind, NOTE_DONE);
        cr_assert_eq(note_of(fixture, base + 1)->kind, NOTE_FAILED);
        cr_assert_eq(note_of(fixture, base + 1)->cause, FAILURE_SIGNAL);
        cr_assert_eq(note_of(fixture, base + 1)->code, SIGSEGV);
        cr_assert_eq(note_of(fixture, base + 2)->kind, NOTE_UNSTARTED);
    }
    cr_assert_eq(fixture_run(fixture, "still", 5)->kind, NOTE_DONE);
    fixture_close(&fixture);
    cr_assert_eq(occurrences(caught(fd), "misbehaving: prepared"), 1);
}

Test(plugin_exit, reports_exit_and_abort_with_what_was_said)
{
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    struct note *note = fixture_run(fixture, "exit 9", 6);
    cr_assert_eq(note->cause, FAILURE_EXIT);
    cr_assert_eq(note->code, 9);
    cr_assert_str_eq(note->text, "the plugin called exit (9)");
    note = fixture_run(fixture, "exit 0", 6);
    cr_assert_eq(note->cause, FAILURE_EXIT);
    note = fixture_run(fixture, "abort here", 10);
    cr_assert_eq(note->cause, FAILURE_SIGNAL);
    cr_assert_eq(note->code, SIGABRT);
    cr_assert_str_eq(note->text, "assertion failed: here\n");
    fixture_close(&fixture);
}

Test(plugin_exit, replaces_a_slot_that_is_killed_while_it_has_nothing_to_do)
{
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    struct note *note = fixture_run(fixture, "pid", 3);
    int pid = atoi((char *)note->data);
    kill(pid, SIGKILL);
    cr_assert_eq(fixture_await_ready(fixture, 1), true);
    cr_assert_eq(fixture->count, 1);
    note = fixture_run(fixture, "pid", 3);
    cr_assert_neq(atoi((char *)note->data), pid);
    fixture_close(&fixture);
}

/* ---- slots that cannot be replaced ---- */

static pid_t find_zygote(void)
{
    pid_t pid = fixture_find(
        getpid(), "for k in $(pgrep -P $(pgrep -P $1 fanfold-keeper) fanfold-super); "
                  "do pgrep -P $k fanfold-zygote; done");
    cr_assert(pid);
    return pid;
}

static void set_descriptors(pid_t pid, rlim_t limit, struct rlimit *ret_had)
{
    cr_assert_eq(prlimit(pid, RLIMIT_NOFILE, NULL, ret_had), 0);
    struct rlimit few = {.rlim_cur = limit, .rlim_max = ret_had->rlim_max};
    cr_assert_eq(prlimit(pid, RLIMIT_NOFILE, &few, NULL), 0);
}

/* A slot that crashes, while whoever it is lacks descriptors to replace it. */
static void crash_without_descriptors(pid_t pid, rlim_t limit)
{
    struct program_fixture *fixture = opened(2, MISBEHAVING_PLUGIN);
    struct rlimit had;
    cr_assert_eq(fixture_run(fixture, "x", 1)->kind, NOTE_DONE);
    start_text(fixture, 1, 1, "x");
    cr_assert(fixture_await(fixture, 2)); /* both slots live */
    pid = pid ? pid : find_zygote();
    set_descriptors(pid, limit, &had);
    start_text(fixture, 0, 2, "segv");
    start_text(fixture, 0, 3, "after");
    cr_assert(fixture_await(fixture, 4));
    cr_assert_eq(note_of(fixture, 2)->kind, NOTE_FAILED);
    cr_assert_eq(note_of(fixture, 3)->kind, NOTE_UNSTARTED);
    while (!fixture->unready)
        cr_assert(fixture_turn(fixture, 60000));
    start_text(fixture, 0, 4, "too soon");
    cr_assert(fixture_await(fixture, 5));
    cr_assert_eq(note_of(fixture, 4)->kind, NOTE_UNSTARTED);
    start_text(fixture, 1, 5, "the other slot goes on");
    cr_assert(fixture_await(fixture, 6));
    cr_assert_eq(note_of(fixture, 5)->kind, NOTE_DONE);
    for (uint32_t before = fixture->unready; fixture->unready < before + 2;)
        cr_assert(fixture_turn(fixture, 60000)); /* tries again, and again */
    cr_assert_eq(prlimit(pid, RLIMIT_NOFILE, &had, NULL), 0);
    cr_assert(fixture_await_ready(fixture, fixture->ready + 1));
    start_text(fixture, 0, 6, "pid");
    cr_assert(fixture_await(fixture, 7));
    cr_assert_eq(note_of(fixture, 6)->kind, NOTE_DONE);
    cr_assert_eq(fixture->broken, 0);
    fixture_close(&fixture);
}

Test(plugin_exit,
     backs_off_and_tries_again_where_a_slot_cannot_be_replaced_for_lack_of_something)
{
    crash_without_descriptors(getpid(), 3);
}

Test(plugin_exit, backs_off_and_tries_again_where_the_zygote_lacks_something)
{
    crash_without_descriptors(0, 4);
}

/* A slot that backed off has a process again, which has not said a word, while the
 * other slot settles what is nobody's task. */
Test(plugin_exit, lets_a_slot_start_again_while_another_settles)
{
    struct program_fixture *fixture = opened(2, MISBEHAVING_PLUGIN);
    struct rlimit had;
    cr_assert_eq(fixture_run(fixture, "x", 1)->kind, NOTE_DONE);
    set_descriptors(getpid(), 3, &had);
    start_text(fixture, 0, 1, "segv");
    program_flush(fixture->program);
    while (!fixture->unready)
        cr_assert(fixture_turn(fixture, 60000));
    cr_assert_eq(prlimit(getpid(), RLIMIT_NOFILE, &had, NULL), 0);
    uint32_t before = fixture->ready;
    for (uint32_t asked = 1; fixture->ready < before + asked; asked++) {
        program_kill(fixture->program, 1, 99, 1); /* answered by the event ready */
        cr_assert(fixture_turn(fixture, 60000));
    }
    cr_assert_eq(fixture->broken, 0);
    start_text(fixture, 0, 2, "pid");
    cr_assert(fixture_await(fixture, 3));
    cr_assert_eq(note_of(fixture, 2)->kind, NOTE_DONE);
    fixture_close(&fixture);
}

/* ---- zygote and worker ---- */

Test(plugin_exit, says_that_it_is_broken_when_the_zygote_is_killed)
{
    struct program_fixture *fixture = opened(2, ECHO_PLUGIN);
    kill(find_zygote(), SIGKILL);
    cr_assert(fixture_await_broken(fixture));
    fixture_close(&fixture);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a child is left");
}

/* A worker in a process of its own is killed when the plugin has said something; then
 * everything that inherited a pipe from it has to end. */
static void kill_worker(const char *word, const char *chunk)
{
    int ends[2], said = catch_stderr();
    cr_assert_eq(pipe(ends), 0);
    pid_t worker = fork();
    if (worker == 0) {
        struct program_fixture *fixture =
            fixture_open_plugin(2, MISBEHAVING_PLUGIN, WORDS("x", word));
        start_text(fixture, 0, 0, "pid");
        start_text(fixture, 1, 1, chunk);
        fixture_await(fixture, 2);
        _exit(0);
    }
    close(ends[1]);
    char byte;
    cr_assert_eq(read(said, &byte, 1), 1);
    kill(worker, SIGKILL);
    struct pollfd polled = {.fd = ends[0], .events = POLLIN};
    cr_assert_eq(poll(&polled, 1, 20000), 1);
    cr_assert_eq(read(ends[0], &byte, 1), 0);
    waitpid(worker, NULL, 0);
}

Test(plugin_exit, ends_when_the_worker_is_killed_during_a_prepare_that_hangs)
{
    kill_worker("hang", "");
}

Test(plugin_exit, ends_with_all_its_slots_and_their_children_when_the_worker_is_killed)
{
    kill_worker("quiet", "child");
}
