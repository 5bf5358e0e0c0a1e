/* SPDX-License-Identifier: MIT */
#include "tests/unit/worker/program/exec_fixture.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct program_fixture *opened(uint32_t slots, const char *const *words)
{
    struct program_fixture *fixture = fixture_open_exec(slots, words);
    cr_assert_eq(fixture->status, 0, "%s", fixture->error);
    return fixture;
}

struct note *run_limited(struct program_fixture *fixture, uint32_t limit_ms)
{
    fixture_start_limited(fixture, 0, 0, "x", limit_ms);
    cr_assert(fixture_await(fixture, fixture->count + 1));
    return &fixture->notes[fixture->count - 1];
}

pid_t supervisor_of(pid_t parent)
{
    pid_t pid =
        fixture_find(parent, "pgrep -P $(pgrep -P $1 fanfold-keeper) fanfold-super");
    cr_assert(pid);
    return pid;
}

bool dies(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    char byte;
    return poll(&polled, 1, 20000) == 1 && read(fd, &byte, 1) == 0;
}

pid_t fork_job(int said, int go, uint32_t limit_ms)
{
    pid_t worker = fork();
    if (worker != 0)
        return worker;
    setpgid(0, 0);
    dup2(said, 8); /* numbers of one digit, for the shell */
    dup2(go, 9);
    struct program_fixture *fixture =
        opened(1, SHELL("echo $$ >&8; read go <&9; echo $go"));
    struct note *note = run_limited(fixture, limit_ms);
    bool right = note && note->kind == NOTE_DONE && !strcmp((char *)note->data, "on\n");
    fixture_close(&fixture);
    _exit(!right);
}
