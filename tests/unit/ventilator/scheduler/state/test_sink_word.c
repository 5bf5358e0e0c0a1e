/* SPDX-License-Identifier: MIT */
/* When the sink was heard, and what follows for what it has not confirmed. */
#include "common/clock.h"
#include "ventilator/scheduler/state/sink_word.h"

#include <criterion/criterion.h>

#define LIVENESS_US (10 * SECOND_US)

Test(sink_word, of_a_process_that_speaks_for_it_ends_its_silence)
{
    struct sink_word word = {.heard_us = 5 * SECOND_US};
    cr_assert_eq(sink_word_silence_us(&word, 20 * SECOND_US), 15 * SECOND_US);
    sink_word_stalled(&word, 19 * SECOND_US);
    cr_assert_eq(sink_word_silence_us(&word, 20 * SECOND_US), SECOND_US);
}

Test(sink_word, of_another_confirms_nothing)
{
    struct sink_word word = {.heard_us = 5 * SECOND_US};
    sink_word_stalled(&word, 19 * SECOND_US);
    cr_assert_eq(
        sink_word_confirms_from_us(&word, SECOND_US, LIVENESS_US, 20 * SECOND_US),
        NEVER_US);
}

Test(sink_word, gives_it_time_to_read_what_came_while_it_was_silent)
{
    struct sink_word word = {.heard_us = 5 * SECOND_US};
    sink_word_heard(&word, LIVENESS_US, 60 * SECOND_US);
    cr_assert_eq(
        sink_word_confirms_from_us(&word, 6 * SECOND_US, LIVENESS_US, 61 * SECOND_US),
        60 * SECOND_US);
    cr_assert_eq(
        sink_word_confirms_from_us(&word, 61 * SECOND_US, LIVENESS_US, 62 * SECOND_US),
        61 * SECOND_US);
}
