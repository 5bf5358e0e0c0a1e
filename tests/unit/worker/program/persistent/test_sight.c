/* SPDX-License-Identifier: MIT */
#include "worker/program/persistent/sight.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOKS_MAX = 3000, LOOK_MS = 10 };

struct child {
    pid_t pid;
    int input; /* our end */
};

static struct child start(const char *script)
{
    int input[2], output[2];
    cr_assert_eq(pipe(input) + pipe(output), 0);
    struct child child = {.pid = fork(), .input = input[1]};
    if (child.pid == 0) {
        setpgid(0, 0);
        dup2(input[0], 0);
        dup2(output[1], 1);
        close(input[0]), close(input[1]), close(output[0]), close(output[1]);
        execlp("sh", "sh", "-c", script, (char *)NULL);
        _exit(127);
    }
    close(input[0]);
    close(output[1]);
    return child;
}

static void end(struct child *child)
{
    kill(-child->pid, SIGKILL);
    kill(child->pid, SIGKILL);
    waitpid(child->pid, NULL, 0);
    close(child->input);
}

/* Waits until it looks so: what a process does first is not of interest. */
static void expect(const char *script, bool reads, bool busy, bool still)
{
    struct child child = start(script);
    struct sight sight = {0};
    int left = LOOKS_MAX;
    do {
        poll(NULL, 0, LOOK_MS);
        sight = sight_look(child.pid, getpid(), child.input);
    } while (--left > 0 && (sight.reads != reads || sight.busy != busy ||
                            sight.still != still || !sight.seen));
    cr_assert_gt(left, 0, "%s: seen %d reads %d busy %d still %d", script, sight.seen,
                 sight.reads, sight.busy, sight.still);
    end(&child);
}

Test(sight, sees_what_waits_for_its_input_alone)
{
    expect("exec cat", true, false, true);
    expect("read -r l", true, false, true);
    expect("cat; true", true, false, true);
    expect("cat | cat | cat; true", true, false, true);
    expect("exec python3 -c 'import threading, sys; e = threading.Event(); "
           "threading.Thread(target=e.wait, daemon=True).start(); sys.stdin.read()'",
           true, false, true);
}

Test(sight, sees_what_is_at_something)
{
    expect("while :; do :; done", false, true, false);
    expect("exec sleep 100", false, true, false);
    expect("sleep 100; true", false, true, false);
    expect("sleep 100 & exec cat", true, true, false);
    expect("cat | sleep 100; true", true, true, false);
    expect("exec python3 -c 'import threading, sys, time; threading.Thread("
           "target=time.sleep, args=[100], daemon=True).start(); sys.stdin.read()'",
           true, true, false);
}

Test(sight, is_not_sure_of_what_waits_for_something_else)
{
    expect("exec python3 -c 'import socket; s = socket.socket(); "
           "s.bind((\"127.0.0.1\", 0)); s.listen(); s.accept()'",
           false, false, false);
    expect("python3 -c 'import socket; s = socket.socket(); "
           "s.bind((\"127.0.0.1\", 0)); s.listen(); s.accept()' & exec cat",
           true, false, false);
}

Test(sight, sees_nothing_of_what_is_not_there)
{
    struct child child = start("exec cat");
    pid_t pid = child.pid;
    end(&child);
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_not(sight_look(pid, getpid(), ends[1]).seen);
    cr_assert_not(sight_look(0, 0, ends[1]).seen);
    cr_assert_not(sight_look(getpid(), 0, -1).seen);
    cr_assert_eq(sight_parent(getpid()), getppid());
    cr_assert_eq(sight_parent(pid), 0);
}
