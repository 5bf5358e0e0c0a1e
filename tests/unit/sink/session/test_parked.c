/* SPDX-License-Identifier: MIT */
#include "sink/session/parked.h"
#include <criterion/criterion.h>
#include <stdlib.h>

enum { SEQS = 1000 };

static char base[SEQS];

/* xorshift64 */
static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

Test(parked, covers_what_is_in_with_ranges_whatever_lies_at_the_border_of_a_page)
{
    static const uint64_t in[] = {0, 63, 64, 65, 127, 200, 255, 256, 1000};
    uint8_t covered[1001] = {0};
    struct parked parked;
    void *cargo;

    parked_init(&parked);
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        parked_add(&parked, in[i], NULL);
    for (uint64_t seq = 512; seq < 576; seq++)
        parked_add(&parked, seq, NULL);
    struct range *ranges = calloc(parked_ranges_max(&parked), sizeof *ranges);
    size_t count = parked_ranges(&parked, ranges);
    for (size_t i = 0; i < count; i++)
        for (uint64_t seq = 0; seq < ranges[i].count; seq++)
            cr_assert_eq(covered[ranges[i].first + seq]++, 0);
    for (uint64_t seq = 0; seq <= 1000; seq++)
        cr_assert_eq(covered[seq], parked_has(&parked, seq), "%ju", (uintmax_t)seq);
    while (parked_take_any(&parked, &cargo))
        cr_assert_null(cargo);
    cr_assert(parked_is_empty(&parked));
    free(ranges);
    parked_deinit(&parked);
}

Test(parked, takes_the_highest_seq_there_is)
{
    struct parked parked;
    void *cargo = NULL;

    parked_init(&parked);
    parked_add(&parked, UINT64_MAX, base);
    parked_add(&parked, 0, base + 1);
    cr_assert_eq(parked_name_last(&parked), base);
    cr_assert_eq(parked_name_last(&parked), base + 1);
    cr_assert_not(parked_take(&parked, UINT64_MAX - 1, &cargo));
    cr_assert(parked_take(&parked, UINT64_MAX, &cargo));
    cr_assert_eq(cargo, base);
    parked_deinit(&parked);
}

/* Beside a table as simple as can be. */
Test(parked, names_each_once_and_the_highest_first_whatever_comes_and_goes)
{
    enum { IN = 1, NAMED = 2 };
    uint8_t model[SEQS] = {0};
    uint64_t state = 99;
    struct parked parked;

    parked_init(&parked);
    for (int step = 0; step < 50000; step++) {
        uint64_t seq = draw(&state) % SEQS;
        void *cargo = NULL;
        if (draw(&state) % 4 == 0) {
            int last = SEQS - 1;
            while (last >= 0 && model[last] != IN)
                last--;
            cr_assert_eq(parked_name_last(&parked), last < 0 ? NULL : &base[last]);
            if (last >= 0)
                model[last] |= NAMED;
            continue;
        }
        cr_assert_eq(parked_has(&parked, seq), (model[seq] & IN) != 0);
        if (model[seq]) {
            cr_assert(parked_take(&parked, seq, &cargo));
            cr_assert_eq(cargo, &base[seq]);
            model[seq] = 0;
        } else {
            parked_add(&parked, seq, &base[seq]);
            model[seq] = IN;
        }
    }
    parked_deinit(&parked);
}
