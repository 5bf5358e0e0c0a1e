/* SPDX-License-Identifier: MIT */
/* How many workers there are to be, by the load and by how jobs end. */
#include "deploy/slurm/scaler.h"

#include "common/clock.h"
#include <criterion/criterion.h>
#include <stdlib.h>

static struct scaler scaler;
static int64_t now_us = 1000 * SECOND_US;

static void begin(uint32_t least, uint32_t most)
{
    scaler_init(&scaler, &(struct scaler_config){least, most,
                                                 .idle_release_us = 60 * SECOND_US});
}

static void reset(void)
{
    scaler_deinit(&scaler);
}

TestSuite(scaler, .fini = reset);

static void load(uint64_t chunks, uint32_t workers, uint32_t slots,
                 enum scaler_input input)
{
    scaler_on_load(&scaler, &(struct scaler_load){chunks, workers, slots, input});
}

static void have(uint32_t running, uint32_t pending, uint32_t leaving)
{
    struct slurm_jobs jobs = {
        .running = running, .pending = pending, .leaving = leaving};
    scaler_on_jobs(&scaler, &jobs);
}

/* Asks as the loop does, and gives what is asked for to Slurm. */
static uint32_t ask_after(int64_t seconds)
{
    now_us += seconds * SECOND_US;
    uint32_t count = scaler_ask(&scaler, now_us);
    if (count)
        scaler_on_taken(&scaler, now_us);
    return count;
}

static bool leaves(enum slurm_end end, bool early, const char *node)
{
    struct slurm_departure departure = {.end = end, .early = early};
    strcpy(departure.node, node);
    return scaler_on_departure(&scaler, &departure, now_us);
}

static void expect_excluded(const char *before, const char *expected)
{
    char *nodes = scaler_excluded(&scaler, before);
    if (expected)
        cr_assert_str_eq(nodes, expected);
    else
        cr_assert_null(nodes);
    free(nodes);
}

/* ---- a fixed number ---- */

Test(scaler, a_fixed_number_is_asked_for_at_once_and_once)
{
    begin(8, 8);
    cr_assert_eq(ask_after(0), 8);
    have(0, 8, 0);
    cr_assert_eq(ask_after(100), 0);
    have(8, 0, 0);
    load(1, 8, 8, SCALER_INPUT_OPEN);
    cr_assert_eq(ask_after(100), 0);
}

Test(scaler, those_whose_time_is_over_are_replaced_by_one_array_after_a_pause)
{
    begin(8, 8);
    ask_after(0);
    load(100, 8, 8, SCALER_INPUT_FULL);
    have(7, 0, 0);
    leaves(SLURM_TIMEOUT, false, "n1");
    cr_assert_eq(ask_after(0), 0);
    have(5, 0, 0);
    cr_assert_eq(ask_after(1), 0);
    cr_assert_eq(ask_after(9), 3);
    have(5, 3, 0);
    cr_assert_eq(ask_after(100), 0);
}

Test(scaler, a_command_that_cannot_be_run_is_not_tried_for_ever)
{
    begin(0, 100);
    load(100, 0, 0, SCALER_INPUT_FULL);
    cr_assert_eq(ask_after(0), 100);
    have(1, 0, 0);
    leaves(SLURM_REFUSED, true, "n1");
    cr_assert_not(scaler_is_over(&scaler));
    have(0, 0, 0);
    cr_assert(scaler_is_over(&scaler));
}

Test(scaler, a_node_that_lacks_the_command_does_not_end_a_run_that_has_workers)
{
    begin(0, 4);
    ask_after(0);
    load(100, 1, 2, SCALER_INPUT_FULL);
    ask_after(0);
    leaves(SLURM_REFUSED, true, "n1");
    have(0, 0, 0);
    cr_assert_not(scaler_is_over(&scaler));
    cr_assert_gt(ask_after(100) + ask_after(100), 0);
}

Test(scaler, what_has_no_time_to_work_in_is_not_replaced)
{
    begin(1, 1);
    ask_after(0);
    leaves(SLURM_SHORT, true, "n1");
    have(0, 0, 0);
    cr_assert(scaler_is_over(&scaler));
}

Test(scaler, what_is_cancelled_or_needs_too_much_memory_is_not_replaced)
{
    begin(4, 4);
    ask_after(0);
    have(2, 0, 0);
    leaves(SLURM_CANCELLED, false, "n1");
    leaves(SLURM_MEMORY, true, "n2");
    cr_assert_eq(ask_after(100), 0);
    have(0, 0, 0);
    cr_assert_not(scaler_is_over(&scaler));
    scaler_on_withdrawn(&scaler, 2);
    cr_assert(scaler_is_over(&scaler));
}

Test(scaler, at_the_end_of_the_input_nobody_begins_what_nobody_needs)
{
    begin(8, 8);
    ask_after(0);
    load(2, 8, 8, SCALER_INPUT_ENDED);
    have(2, 0, 0);
    cr_assert_eq(ask_after(100), 0);
    have(1, 0, 0);
    cr_assert_eq(ask_after(0), 0);
    cr_assert_eq(ask_after(2), 1);
}

/* ---- as many as there is work for ---- */

Test(scaler, nobody_is_asked_for_before_there_is_work)
{
    begin(0, 8);
    cr_assert_eq(ask_after(0), 0);
    load(0, 0, 0, SCALER_INPUT_OPEN);
    cr_assert_eq(ask_after(100), 0);
    cr_assert_not(scaler_is_over(&scaler));
    load(3, 0, 0, SCALER_INPUT_OPEN);
    cr_assert_eq(ask_after(0), 3);
}

Test(scaler, one_array_brings_the_difference_and_never_more_than_the_most)
{
    begin(1, 8);
    cr_assert_eq(ask_after(0), 1);
    have(1, 0, 0);
    load(9, 1, 2, SCALER_INPUT_OPEN); /* two slots each: five keep busy */
    cr_assert_eq(ask_after(0), 0);
    cr_assert_eq(ask_after(10), 4);
    have(1, 4, 0);
    load(1000, 1, 2, SCALER_INPUT_OPEN);
    cr_assert_eq(ask_after(0), 0);
    cr_assert_eq(ask_after(10), 3);
    have(1, 7, 0);
    cr_assert_eq(ask_after(100), 0);
}

Test(scaler, an_input_of_unknown_length_brings_the_most)
{
    begin(0, 8);
    load(1, 0, 0, SCALER_INPUT_FULL);
    cr_assert_eq(ask_after(0), 8);
}

Test(scaler, a_backlog_that_is_gone_at_once_brings_nobody)
{
    begin(0, 8);
    load(1, 0, 0, SCALER_INPUT_OPEN);
    ask_after(0);
    have(1, 0, 0);
    for (int i = 0; i < 20; i++) {
        load(5, 1, 1, SCALER_INPUT_OPEN);
        cr_assert_eq(ask_after(1), 0);
        load(1, 1, 1, SCALER_INPUT_OPEN);
        cr_assert_eq(ask_after(1), 0);
    }
}

Test(scaler, those_that_were_idle_longest_are_released_down_to_the_least)
{
    begin(1, 8);
    have(4, 0, 0);
    load(0, 4, 4, SCALER_INPUT_OPEN);
    struct scaler_idle idle[] = {{.job = 1, .idle_us = 59 * SECOND_US},
                                 {.job = 2, .idle_us = 61 * SECOND_US},
                                 {.job = 3, .idle_us = 70 * SECOND_US},
                                 {.job = 4, .idle_us = 62 * SECOND_US}};
    cr_assert_eq(scaler_release(&scaler, idle, 2), 1);
    cr_assert_eq(idle[0].job, 2);
    cr_assert_eq(scaler_release(&scaler, idle, 4), 3);
    cr_assert_eq(idle[0].job, 3);
    have(4, 0, 3);
    cr_assert_eq(scaler_release(&scaler, idle, 4), 0);
    cr_assert_eq(ask_after(100), 0);
}

Test(scaler, a_fixed_number_is_never_released)
{
    begin(2, 2);
    have(2, 0, 0);
    load(0, 2, 2, SCALER_INPUT_ENDED);
    struct scaler_idle idle[] = {{.job = 1, .idle_us = 1000 * SECOND_US}};
    cr_assert_eq(scaler_release(&scaler, idle, 1), 0);
}

Test(scaler, those_in_the_queue_that_nobody_needs_for_long_are_withdrawn_first)
{
    begin(0, 8);
    load(5, 0, 0, SCALER_INPUT_OPEN);
    cr_assert_eq(ask_after(0), 5);
    have(2, 3, 0);
    load(1, 2, 2, SCALER_INPUT_OPEN);
    ask_after(0);
    cr_assert_eq(scaler_withdraw(&scaler, now_us), 0);
    struct scaler_idle idle[] = {{.job = 1, .idle_us = 61 * SECOND_US}};
    cr_assert_eq(scaler_release(&scaler, idle, 1), 1, "3 + 1 of 5 are too many");
    ask_after(60);
    cr_assert_leq(scaler_due_us(&scaler), now_us);
    cr_assert_eq(scaler_withdraw(&scaler, now_us), 3);
    cr_assert_eq(scaler_withdraw(&scaler, now_us), 0, "not again at once");
}

Test(scaler, one_that_leaves_makes_no_room_beyond_the_most)
{
    begin(0, 3);
    load(3, 3, 3, SCALER_INPUT_OPEN);
    have(3, 0, 2);
    cr_assert_eq(ask_after(100), 0);
    have(1, 0, 0);
    cr_assert_eq(ask_after(0), 2);
}

/* ---- Slurm refuses ---- */

Test(scaler, pauses_grow_while_slurm_refuses)
{
    begin(2, 2);
    ask_after(0);
    load(9, 2, 2, SCALER_INPUT_FULL);
    have(1, 0, 0);
    int64_t last_us = 0, pause_us = 0;
    ask_after(10);
    for (int i = 0; i < 8; i++) {
        now_us += 1000 * SECOND_US;
        pause_us = scaler_on_refused(&scaler, now_us);
        cr_assert_eq(scaler_ask(&scaler, now_us + pause_us - 1), 0);
        cr_assert_eq(scaler_ask(&scaler, now_us + pause_us), 1);
        cr_assert_geq(pause_us, last_us);
        last_us = pause_us;
    }
    cr_assert_eq(pause_us, 300 * SECOND_US);
}

Test(scaler, a_run_to_which_slurm_gives_no_first_worker_has_no_hope)
{
    begin(2, 2);
    cr_assert_eq(scaler_ask(&scaler, now_us), 2);
    cr_assert_eq(scaler_on_refused(&scaler, now_us), 0);
}

Test(scaler, a_run_that_has_lost_all_its_workers_asks_ten_times)
{
    begin(2, 2);
    ask_after(0);
    load(9, 2, 2, SCALER_INPUT_FULL);
    have(0, 0, 0);
    for (int i = 1; i < SCALER_REFUSALS; i++)
        cr_assert_neq(scaler_on_refused(&scaler, now_us), 0);
    cr_assert_eq(scaler_on_refused(&scaler, now_us), 0);
}

/* ---- nodes ---- */

Test(scaler, a_node_where_three_in_a_row_die_at_once_gets_no_more)
{
    begin(3, 3);
    ask_after(0);
    load(9, 2, 2, SCALER_INPUT_FULL);
    have(2, 0, 0);
    for (int i = 1; i < SCALER_DEATHS; i++) {
        cr_assert_not(leaves(SLURM_FAILED, true, "n2"));
        expect_excluded(NULL, NULL);
        ask_after(0);
        cr_assert_eq(ask_after(i == 1 ? 9 : 19), 0, "pauses grow");
        cr_assert_eq(ask_after(1), 1);
    }
    cr_assert(leaves(SLURM_KILLED, true, "n2"));
    cr_assert_not(leaves(SLURM_FAILED, true, "n2"), "it is said once");
    expect_excluded(NULL, "n2");
    expect_excluded("n[7-9]", "n[7-9],n2");
    cr_assert_not(scaler_is_over(&scaler));
    ask_after(0);
    cr_assert_eq(ask_after(20), 1, "others get the worker");
}

Test(scaler, a_worker_that_lives_for_a_minute_acquits_its_node)
{
    begin(3, 3);
    leaves(SLURM_FAILED, true, "n2");
    leaves(SLURM_FAILED, true, "n2");
    leaves(SLURM_TIMEOUT, false, "n2");
    cr_assert_not(leaves(SLURM_FAILED, true, "n2"));
    cr_assert_not(leaves(SLURM_FAILED, true, "n2"));
    expect_excluded(NULL, NULL);
}

Test(scaler, what_slurm_or_a_person_ends_is_no_nodes_fault)
{
    begin(30, 30);
    for (int i = 0; i < 5; i++) {
        leaves(SLURM_CANCELLED, true, "n2");
        leaves(SLURM_PREEMPTED, true, "n2");
        leaves(SLURM_REQUEUED, true, "n2");
        leaves(SLURM_RELEASED, true, "n2");
        leaves(SLURM_MEMORY, true, "n2");
    }
    expect_excluded(NULL, NULL);
}

Test(scaler, if_no_worker_ever_joins_and_two_nodes_fail_it_is_not_the_nodes_fault)
{
    begin(3, 3);
    ask_after(0);
    have(0, 0, 0);
    leaves(SLURM_FAILED, true, "n1");
    cr_assert_not(scaler_is_over(&scaler));
    leaves(SLURM_FAILED, true, "n2");
    cr_assert(scaler_is_over(&scaler));
}

Test(scaler, but_if_one_has_joined_others_are_tried)
{
    begin(3, 3);
    ask_after(0);
    load(9, 1, 2, SCALER_INPUT_FULL);
    have(0, 0, 0);
    leaves(SLURM_FAILED, true, "n1");
    leaves(SLURM_FAILED, true, "n2");
    cr_assert_not(scaler_is_over(&scaler));
}
