/* SPDX-License-Identifier: MIT */
#include "worker/preemption.h"

#include "common/clock.h"
#include <criterion/criterion.h>
#include <signal.h>

static struct preemption preemption;

static void tear_down(void)
{
    preemption_deinit(&preemption);
}

TestSuite(preemption, .fini = tear_down);

static struct failed_run failed(enum failure cause, uint32_t code)
{
    return (struct failed_run){.seq = 7, .attempt = 1, .cause = cause, .code = code};
}

static bool suspects(enum failure cause, uint32_t code)
{
    struct failed_run run = failed(cause, code);
    return preemption_suspects(&run);
}

static bool excuses(enum failure cause, uint32_t code)
{
    struct failed_run run = failed(cause, code);
    return preemption_excuses(&run);
}

Test(preemption, suspects_the_signals_by_which_workers_are_told_to_leave)
{
    static const int told[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        cr_assert(suspects(FAILURE_SIGNAL, (uint32_t)told[i]));
        cr_assert(suspects(FAILURE_EXIT, 128 + (uint32_t)told[i]), "as shells say it");
        cr_assert_not(suspects(FAILURE_EXIT, (uint32_t)told[i]));
        cr_assert_not(suspects(FAILURE_REPORTED, (uint32_t)told[i]));
    }
    cr_assert_not(suspects(FAILURE_SIGNAL, SIGSEGV));
    cr_assert_not(suspects(FAILURE_SIGNAL, SIGKILL));
    cr_assert_not(suspects(FAILURE_EXIT, 1));
}

Test(preemption, excuses_what_the_program_may_do_when_it_is_told_to_end)
{
    cr_assert(excuses(FAILURE_EXIT, 1));
    cr_assert(excuses(FAILURE_SIGNAL, SIGTERM));
    cr_assert(excuses(FAILURE_PROTOCOL, 0));
    cr_assert(excuses(FAILURE_REPORTED, 3));
    cr_assert_not(excuses(FAILURE_TIMEOUT, 0));
    cr_assert_not(excuses(FAILURE_TOO_LARGE, 0));
    cr_assert_not(excuses(FAILURE_MEMORY, FAILURE_MEMORY_LIMIT));
}

Test(preemption, a_failure_waits_for_a_second_with_its_words)
{
    char words[] = "terminated";
    struct failed_run run = failed(FAILURE_SIGNAL, SIGTERM), taken;
    run.text = slice_of_text(words);
    preemption_add(&preemption, &run, 0);
    words[0] = 'x';
    cr_assert_eq(preemption_deadline(&preemption), SECOND_US);
    cr_assert_not(preemption_take(&preemption, false, SECOND_US - 1, &taken));
    cr_assert(preemption_take(&preemption, false, SECOND_US, &taken));
    cr_assert_eq(taken.seq, 7);
    cr_assert_eq(taken.text.size, 10);
    cr_assert_arr_eq(taken.text.data, "terminated", 10);
    cr_assert_not(preemption_take(&preemption, false, NEVER_US, &taken));
    cr_assert_eq(preemption_deadline(&preemption), NEVER_US);
}

Test(preemption, when_the_worker_is_told_all_come_at_once)
{
    struct failed_run run = failed(FAILURE_SIGNAL, SIGTERM), taken;
    for (uint64_t seq = 0; seq < 3; seq++) {
        run.seq = seq;
        preemption_add(&preemption, &run, 0);
    }
    for (uint64_t seq = 0; seq < 3; seq++) {
        cr_assert(preemption_take(&preemption, true, 0, &taken));
        cr_assert_eq(taken.seq, seq);
    }
    cr_assert_not(preemption_take(&preemption, true, 0, &taken));
}
