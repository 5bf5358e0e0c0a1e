/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/state/run_phases.h"

#include "common/exit_status.h"
#include <criterion/criterion.h>

static struct run_state run;

static void set_up(void)
{
    run = (struct run_state){.phase = RUN_WAITING};
}

TestSuite(run_phases, .init = set_up);

static void interrupt(void)
{
    run_state_drain(&run, OUTCOME_INTERRUPTED, STATUS_INTERRUPTED, "interrupted");
}

Test(run_phases, a_run_ends_when_its_input_has_ended)
{
    run_state_on_begin(&run);
    cr_assert_eq(run.phase, RUN_RUNNING);
    run_state_on_input_end(&run);
    cr_assert_eq(run.phase, RUN_ENDING);
    run_state_set_over(&run, 7);
    cr_assert(run_state_is_over(&run));
    cr_assert_eq(run.over_us, 7);
    run_state_set_gone(&run);
    cr_assert(run_state_is_over(&run));
}

Test(run_phases, the_first_stop_counts)
{
    run_state_on_begin(&run);
    run_state_stop(&run, OUTCOME_STOPPED, STATUS_IO, "one", 5);
    run_state_stop(&run, OUTCOME_STOPPED, STATUS_PEER, "two", 6);
    cr_assert_eq(run.phase, RUN_STOPPING);
    cr_assert_eq(run.verdict.status, STATUS_IO);
    cr_assert_str_eq(run.verdict.text, "one");
    cr_assert_eq(run.stopping_us, 5);
}

Test(run_phases, a_drain_is_no_verdict_and_a_stop_after_it_is)
{
    run_state_on_begin(&run);
    interrupt();
    cr_assert_eq(run.phase, RUN_DRAINING);
    cr_assert_not(run_state_is_stopped(&run));
    cr_assert_eq(run.verdict.status, STATUS_OK);
    run_state_stop(&run, OUTCOME_STOPPED, STATUS_IO, "gone", 5);
    interrupt();
    cr_assert_eq(run.phase, RUN_STOPPING);
    cr_assert_eq(run.verdict.status, STATUS_IO);
}

Test(run_phases, a_begin_does_not_take_a_request_back)
{
    interrupt();
    run_state_on_begin(&run);
    cr_assert_eq(run.phase, RUN_DRAINING);
    run_state_stop(&run, OUTCOME_STOPPED, STATUS_IO, "gone", 5);
    run_state_on_begin(&run);
    cr_assert_eq(run.phase, RUN_STOPPING);
}

Test(run_phases, the_input_ends_once_and_interrupts_no_drain)
{
    run_state_on_begin(&run);
    interrupt();
    run_state_on_input_failure(&run, STATUS_IO, "damaged");
    run_state_on_input_end(&run);
    cr_assert_eq(run.phase, RUN_DRAINING);
    cr_assert_eq(run.input, INPUT_FAILED);
    cr_assert_str_eq(run.input_failed.text, "damaged");
}

Test(run_phases, the_end_is_said_again_after_a_begin_and_after_a_stop)
{
    run_state_on_begin(&run);
    run.end_sent = true;
    run_state_on_begin(&run);
    cr_assert_not(run.end_sent);
    run.end_sent = true;
    run_state_stop(&run, OUTCOME_STOPPED, STATUS_IO, "gone", 5);
    cr_assert_not(run.end_sent);
}
