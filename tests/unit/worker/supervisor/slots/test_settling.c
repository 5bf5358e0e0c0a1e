/* SPDX-License-Identifier: MIT */
/* How long somebody is waited for who has a program's standard output open. */
#include "common/clock.h"
#include "common/files/pipe_writers.h"
#include "worker/supervisor/slots/process_stat.h"
#include "worker/supervisor/slots/settling.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct settling settling;
static struct settling_log settling_log;
static struct slot_group group;
static uint64_t output;
static int ends[2];
static pid_t holder;

/* A child in a group of its own that has the output open, as nobody else has. */
static void fork_holder(bool works)
{
    struct stat status;
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(fstat(ends[0], &status), 0);
    output = status.st_ino;
    holder = fork();
    if (holder == 0) {
        setpgid(0, 0);
        while (works)
            ;
        for (;;)
            pause();
    }
    setpgid(holder, holder);
    close(ends[1]);
    group = (struct slot_group){.number = holder};
}

static void end_holder(void)
{
    kill(holder, SIGKILL);
    cr_assert_eq(waitpid(holder, NULL, 0), holder);
}

static bool tick(double seconds)
{
    return settling_tick(&settling, &settling_log, 0, &group, true,
                         (int64_t)(seconds * SECOND_US));
}

Test(settling, finds_who_has_the_output_open_and_not_its_reader)
{
    struct children holders;
    fork_holder(false);
    pipe_writers_find(output, &holders);
    cr_assert_eq(holders.count, 1);
    cr_assert_eq(holders.items[0].pid, holder);
    cr_assert_eq(holders.items[0].group, holder);
    children_deinit(&holders);
    end_holder();
    pipe_writers_find(output, &holders);
    cr_assert_eq(holders.count, 0);
}

Test(settling, ends_one_that_does_nothing_for_five_seconds)
{
    fork_holder(false);
    settling_begin(&settling, output, 0);
    cr_assert(settling_awaits_output(&settling));
    cr_assert(tick(2.5) && settling.phase == SETTLING_MEASURES);
    cr_assert(tick(4.9) && settling.phase == SETTLING_MEASURES);
    cr_assert(tick(5) && settling.phase == SETTLING_TERMINATED);
    cr_assert_not(settling_awaits_output(&settling));
    end_holder();
}

Test(settling, waits_for_one_that_computes)
{
    fork_holder(true);
    settling_begin(&settling, output, 0);
    for (int round = 1; round < 4; round++) {
        struct children one = {&(struct child_process){holder, holder}, 1};
        cr_assert(tick(2.5 * round) && settling.phase == SETTLING_MEASURES, "%d",
                  round);
        while (process_ticks(&one) < settling.ticks + 10)
            poll(NULL, 0, 5);
    }
    end_holder();
}

Test(settling, begins_again_with_what_comes_but_not_once_it_has_lost_its_patience)
{
    fork_holder(false);
    settling_begin(&settling, output, 0);
    cr_assert(tick(2.5));
    settling_begin(&settling, output, 4 * SECOND_US);
    cr_assert(tick(5) && settling.phase == SETTLING_WAITS);
    cr_assert(settling.told, "five seconds are over all the same");
    cr_assert(tick(6.5) && tick(9) && settling.phase == SETTLING_TERMINATED);
    settling_begin(&settling, output, 10 * SECOND_US);
    cr_assert_eq(settling.phase, SETTLING_TERMINATED);
    end_holder();
}

Test(settling, gives_five_seconds_to_the_rest_of_a_group_whatever_it_does)
{
    fork_holder(true);
    settling_begin(&settling, 0, 0);
    cr_assert_not(settling_awaits_output(&settling));
    cr_assert(tick(4.9) && settling.phase == SETTLING_WAITS);
    cr_assert(tick(5) && settling.phase == SETTLING_TERMINATED);
    cr_assert_not(settling.told);
    end_holder();
}
