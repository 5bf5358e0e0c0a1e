/* SPDX-License-Identifier: MIT */
#include "sink/sender/spool_out.h"

#include <criterion/criterion.h>

Test(spool_out, is_full_of_what_the_receiver_has_not_stored)
{
    struct sender_child child = {.stored = 1000};
    const struct spool_out spool = {.child = &child, .bytes_max = 100};
    cr_assert_not(spool_out_is_full(&spool, 1099));
    cr_assert(spool_out_is_full(&spool, 1100));
    cr_assert_not(spool_out_is_full(&spool, 1000));
    cr_assert_not(spool_out_is_full(&spool, 0), "more is stored than there is");
}
