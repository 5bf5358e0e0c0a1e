/* SPDX-License-Identifier: MIT */
#include "ventilator/task_payload.h"

#include <criterion/criterion.h>

static const struct dispatch_action action = {.kind = DISPATCH_TASK,
                                              .by_reference = REFERENCE_OPENED};
static const struct chunk large = {.length = 64 << 10},
                          small = {.length = (64 << 10) - 1};

Test(task_payload, goes_by_reference_where_it_is_worth_it_and_the_worker_takes_it)
{
    struct dispatch_action other = action;
    other.by_reference = REFERENCE_NONE;
    cr_expect(task_payload_is_referable(&action, false, &large));
    cr_expect_not(task_payload_is_referable(&action, false, &small));
    cr_expect_not(task_payload_is_referable(&other, false, &large));
}

Test(task_payload, goes_by_value_where_a_person_says_so)
{
    cr_expect_not(task_payload_is_referable(&action, true, &large));
}

Test(task_payload, of_isolate_is_always_the_chunk)
{
    struct dispatch_action isolate = action;
    isolate.kind = DISPATCH_ISOLATE;
    cr_expect_not(task_payload_is_referable(&isolate, false, &large));
}
