/* SPDX-License-Identifier: MIT */
/* The phases of the sink's session, and which may follow which. */
#include "sink/session/phase.h"

#include <criterion/criterion.h>
#include <signal.h>

static void go(enum sink_phase from, enum sink_phase to)
{
    enum sink_phase phase = from;
    sink_phase_set(&phase, to);
    cr_assert_eq(phase, to);
}

Test(sink_phase, a_complete_run_is_saved_before_it_is_finished)
{
    go(SINK_PHASE_RUNNING, SINK_PHASE_COMPLETING);
    go(SINK_PHASE_COMPLETING, SINK_PHASE_SAVING);
    go(SINK_PHASE_SAVING, SINK_PHASE_FINISHED);
    go(SINK_PHASE_FINISHED, SINK_PHASE_LEFT);
}

Test(sink_phase, a_complete_run_is_not_finished_unsaved, .signal = SIGABRT)
{
    go(SINK_PHASE_COMPLETING, SINK_PHASE_FINISHED);
}

Test(sink_phase, a_session_that_failed_takes_no_result_again, .signal = SIGABRT)
{
    go(SINK_PHASE_FAILING, SINK_PHASE_RUNNING);
}

Test(sink_phase, a_session_is_left_once, .signal = SIGABRT)
{
    go(SINK_PHASE_LEFT, SINK_PHASE_LEFT);
}

Test(sink_phase, only_a_run_that_nobody_stopped_takes_results)
{
    cr_assert(sink_phase_takes(SINK_PHASE_RUNNING));
    cr_assert(sink_phase_takes(SINK_PHASE_COMPLETING));
    cr_assert_not(sink_phase_takes(SINK_PHASE_STOPPING));
    cr_assert_not(sink_phase_takes(SINK_PHASE_FAILING));
    cr_assert_not(sink_phase_takes(SINK_PHASE_FINISHED));
}

Test(sink_phase, each_has_its_name)
{
    cr_assert_str_eq(sink_phase_name(SINK_PHASE_RUNNING), "RUNNING");
    cr_assert_str_eq(sink_phase_name(SINK_PHASE_LEFT), "LEFT");
}

Test(sink_epoch_phase, an_epoch_opens_again_with_each_welcome)
{
    enum sink_epoch_phase phase = SINK_EPOCH_UNKNOWN;
    sink_epoch_phase_set(&phase, SINK_EPOCH_OPENING);
    sink_epoch_phase_set(&phase, SINK_EPOCH_OPENING);
    sink_epoch_phase_set(&phase, SINK_EPOCH_OPEN);
    sink_epoch_phase_set(&phase, SINK_EPOCH_OPENING);
    cr_assert_eq(phase, SINK_EPOCH_OPENING);
}

Test(sink_epoch_phase, an_epoch_is_not_open_before_a_welcome, .signal = SIGABRT)
{
    enum sink_epoch_phase phase = SINK_EPOCH_UNKNOWN;
    sink_epoch_phase_set(&phase, SINK_EPOCH_OPEN);
}
