/* SPDX-License-Identifier: MIT */
/* A unit test that passes and leaks. It must fail under the address sanitizer:
 * Criterion says "ok" all the same, and only ASAN_OPTIONS=abort_on_error=1 turns the
 * leak into an exit status. */
#include <criterion/criterion.h>
#include <stdlib.h>

static void *volatile kept;

Test(leak, passes_and_leaks)
{
    kept = malloc(64);
    cr_assert_not_null(kept);
    kept = NULL;
}
