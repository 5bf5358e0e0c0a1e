/* SPDX-License-Identifier: MIT */
#include "deploy/lib/config.h"
#include <criterion/criterion.h>
#include <stddef.h>

static struct fanfold_config given = FANFOLD_CONFIG_INIT;
static struct fanfold_config taken;

Test(config, has_the_defaults_for_what_is_not_said)
{
    cr_assert_null(config_take(&given, &taken));
    cr_assert_eq(taken.max_record, UINT32_MAX);
    cr_assert_eq(taken.max_result, 1U << 30);
    cr_assert_eq(taken.stderr_fd, -1);
}

Test(config, of_an_older_caller_lacks_only_its_last_fields)
{
    given.size = offsetof(struct fanfold_config, program);
    given.slots = 3;
    given.stderr_fd = 7; /* behind the end of what it knows */
    cr_assert_null(config_take(&given, &taken));
    cr_assert_eq(taken.slots, 3);
    cr_assert_eq(taken.stderr_fd, -1);
}

Test(config, of_a_newer_caller_or_without_a_size_is_refused)
{
    given.size = sizeof given + 1;
    cr_assert_not_null(config_take(&given, &taken));
    given.size = 0;
    cr_assert_not_null(config_take(&given, &taken));
    cr_assert_not_null(config_take(NULL, &taken));
}

Test(config, does_not_ask_for_records_that_no_frame_holds)
{
    given.max_record = (uint64_t)UINT32_MAX + 1;
    cr_assert_not_null(config_take(&given, &taken));
}
