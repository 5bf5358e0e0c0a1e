/* SPDX-License-Identifier: MIT */
/* With real processes, which fill memory and then wait. */
#include "common/clock.h"
#include "worker/supervisor/memory_watch.h"

#include <criterion/criterion.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)

static char *memory(uint64_t bytes)
{
    char *data = malloc(bytes);
    memset(data, 1, bytes);
    return data;
}

/* What a child does; it sends one byte when it has done so. */
struct order {
    char *shared; /* it writes to this; NULL: to nothing */
    uint64_t shared_bytes;
    uint64_t own_bytes;
    bool leaves; /* its group */
    int said;
};

__attribute__((noreturn)) static void obey(const struct order *order)
{
    setpgid(0, 0);
    if (order->leaves) {
        pid_t child = fork();
        if (child > 0)
            for (;;)
                pause();
        setsid();
    }
    char *own = memory(order->own_bytes);
    if (order->shared)
        memset(order->shared, 2, order->shared_bytes);
    if (write(order->said, own, 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static pid_t begin(struct order order)
{
    int ends[2];
    char byte;
    cr_assert_eq(pipe(ends), 0);
    order.said = ends[1];
    pid_t pid = fork();
    if (pid == 0)
        obey(&order);
    close(ends[1]);
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return pid;
}

static void end(pid_t pid)
{
    kill(-pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* The two looks that find a slot over the limit, and a third. */
static bool takes(struct memory_watch *watch, uint32_t *ret_slot, uint64_t *ret_used)
{
    for (int look = 0; look < 3; look++)
        memory_watch_tick(watch, clock_now_us() + 3600 * SECOND_US);
    return memory_watch_take(watch, ret_slot, ret_used);
}

Test(memory_watch, has_nothing_to_do_where_it_follows_nothing)
{
    struct memory_watch *watch = memory_watch_new(1, 2);
    cr_assert_eq(memory_watch_tick(watch, 1), NEVER_US);
    memory_watch_follow(watch, 1, getpgrp(), getpgrp());
    cr_assert_lt(memory_watch_tick(watch, 1), clock_now_us() + SECOND_US);
    memory_watch_follow(watch, 1, 0, 0);
    cr_assert_eq(memory_watch_tick(watch, 1), NEVER_US);
    memory_watch_destroy(&watch);
    cr_assert_null(watch);
}

Test(memory_watch, finds_the_slot_that_uses_more_than_it_may)
{
    struct memory_watch *watch = memory_watch_new(60 * MIB, 3);
    pid_t small = begin((struct order){.own_bytes = 20 * MIB});
    pid_t large = begin((struct order){.own_bytes = 90 * MIB});
    uint32_t slot;
    uint64_t used;
    memory_watch_follow(watch, 0, small, small);
    memory_watch_follow(watch, 2, large, large);
    cr_assert(takes(watch, &slot, &used));
    cr_assert_eq(slot, 2);
    cr_assert(used >= 90 * MIB && used < 140 * MIB, "%u KiB", (unsigned)(used >> 10));
    cr_assert_not(takes(watch, &slot, &used), "not followed any more");
    end(small);
    end(large);
    memory_watch_destroy(&watch);
}

Test(memory_watch, needs_two_looks_to_believe_it)
{
    struct memory_watch *watch = memory_watch_new(30 * MIB, 1);
    pid_t large = begin((struct order){.own_bytes = 60 * MIB});
    uint32_t slot;
    uint64_t used;
    memory_watch_follow(watch, 0, large, large);
    int64_t due_us = memory_watch_tick(watch, clock_now_us() + 3600 * SECOND_US);
    cr_assert_lt(due_us, clock_now_us() + SECOND_US / 10, "soon");
    cr_assert_not(memory_watch_take(watch, &slot, &used));
    memory_watch_tick(watch, clock_now_us() + 3600 * SECOND_US);
    cr_assert(memory_watch_take(watch, &slot, &used));
    end(large);
    memory_watch_destroy(&watch);
}

Test(memory_watch, adds_up_the_processes_of_a_group)
{
    struct memory_watch *watch = memory_watch_new(60 * MIB, 2);
    pid_t first = begin((struct order){.own_bytes = 40 * MIB});
    pid_t second = begin((struct order){.own_bytes = 40 * MIB});
    uint32_t slot;
    uint64_t used;
    memory_watch_follow(watch, 0, first, first);
    memory_watch_follow(watch, 1, second, second);
    cr_assert_not(takes(watch, &slot, &used));
    cr_assert_eq(setpgid(second, first), 0);
    memory_watch_follow(watch, 1, 0, 0);
    cr_assert(takes(watch, &slot, &used));
    cr_assert_eq(slot, 0);
    cr_assert_geq(used, 80 * MIB);
    end(first);
    waitpid(second, NULL, 0);
    memory_watch_destroy(&watch);
}

Test(memory_watch, sees_new_processes_in_every_look)
{
    struct memory_watch *watch = memory_watch_new(60 * MIB, 2);
    pid_t first = begin((struct order){.own_bytes = MIB});
    uint32_t slot;
    uint64_t used;
    memory_watch_follow(watch, 0, first, first);
    for (int round = 0; round < 5; round++) {
        cr_assert_not(takes(watch, &slot, &used));
        pid_t second = begin((struct order){.own_bytes = 90 * MIB});
        memory_watch_follow(watch, 1, second, second);
        cr_assert(takes(watch, &slot, &used));
        cr_assert_eq(slot, 1);
        end(second);
    }
    end(first);
    memory_watch_destroy(&watch);
}

Test(memory_watch, charges_a_slot_for_its_share_of_common_memory)
{
    struct memory_watch *watch = memory_watch_new(60 * MIB, 4);
    uint64_t bytes = 100 * MIB, used;
    char *shared = memory(bytes);
    pid_t pids[4];
    uint32_t slot;
    for (uint32_t i = 0; i < 4; i++) {
        pids[i] = begin((struct order){.own_bytes = MIB});
        memory_watch_follow(watch, i, pids[i], pids[i]);
    }
    cr_assert_not(takes(watch, &slot, &used));
    /* One that makes all of it its own, without being larger than before. */
    end(pids[3]);
    pids[3] = begin(
        (struct order){.own_bytes = MIB, .shared = shared, .shared_bytes = bytes});
    memory_watch_follow(watch, 3, pids[3], pids[3]);
    cr_assert(takes(watch, &slot, &used));
    cr_assert_eq(slot, 3);
    cr_assert_geq(used, bytes);
    for (uint32_t i = 0; i < 4; i++)
        end(pids[i]);
    free(shared);
    memory_watch_destroy(&watch);
}

Test(memory_watch, sees_that_memory_is_no_longer_shared)
{
    struct memory_watch *watch = memory_watch_new(60 * MIB, 1);
    uint64_t bytes = 72 * MIB, used;
    char *shared = memory(bytes);
    uint32_t slot;
    pid_t pid = begin((struct order){.own_bytes = MIB});
    memory_watch_follow(watch, 0, pid, pid);
    cr_assert_not(takes(watch, &slot, &used));
    memset(shared, 3, bytes); /* the slot's copies are its own now */
    cr_assert(takes(watch, &slot, &used));
    cr_assert_geq(used, bytes);
    end(pid);
    free(shared);
    memory_watch_destroy(&watch);
}

Test(memory_watch, follows_a_process_that_has_left_the_group_and_kills_it)
{
    struct memory_watch *watch = memory_watch_new(60 * MIB, 1);
    int ends[2];
    char byte;
    uint32_t slot;
    uint64_t used;
    cr_assert_eq(pipe(ends), 0);
    pid_t pid = begin((struct order){.own_bytes = 90 * MIB, .leaves = true});
    close(ends[1]); /* it has the other, and nobody else */
    memory_watch_follow(watch, 0, pid, pid);
    cr_assert(takes(watch, &slot, &used));
    end(pid);
    cr_assert_eq(read(ends[0], &byte, 1), 0);
    memory_watch_destroy(&watch);
}

/* The stack of a vfork's child is its parent's. */
__attribute__((noinline)) static pid_t vfork_and_wait(int said)
{
    pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
    if (pid == 0) {
        (void)!write(said, "v", 1);
        syscall(SYS_pause);
        _exit(0);
    }
    return pid;
}

Test(memory_watch, counts_the_memory_of_a_process_in_vfork_once)
{
    struct memory_watch *watch = memory_watch_new(60 * MIB, 1);
    int ends[2];
    char byte;
    uint32_t slot;
    uint64_t used;
    if (syscall(SYS_kcmp, getpid(), getpid(), KCMP_VM, 0, 0) != 0)
        cr_skip_test("the kernel does not compare processes for us");
    cr_assert_eq(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        char *own = memory(40 * MIB);
        _exit(vfork_and_wait(ends[1]) > 0 ? own[0] : 1);
    }
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    memory_watch_follow(watch, 0, pid, pid);
    cr_assert_not(takes(watch, &slot, &used));
    end(pid);
    memory_watch_destroy(&watch);
}
