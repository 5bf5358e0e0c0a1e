/* SPDX-License-Identifier: MIT */
#include "deploy/slurm/time_limit.h"

#include <criterion/criterion.h>

static uint64_t s;

Test(time_limit, has_the_forms_of_sbatch)
{
    static const struct {
        const char *text;
        uint64_t s;
    } cases[] = {
        {"60", 3600},        {"5:30", 330},    {"1:00:00", 3600},     {"1-12", 129600},
        {"1-12:30", 131400}, {"00:01:00", 60}, {"1-00:00:07", 86407},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect(time_limit_read(cases[i].text, &s), "%s", cases[i].text);
        cr_expect_eq(s, cases[i].s, "%s", cases[i].text);
    }
}

Test(time_limit, may_be_none_or_not_known)
{
    static const char *const texts[] = {"",        "0",  "UNLIMITED", "$T",
                                        "1:2:3:4", "-1", "1-"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_expect_not(time_limit_read(texts[i], &s), "%s", texts[i]);
}

Test(time_limit, is_what_the_options_say_last)
{
    static const char *const texts[] = {
        "--time 1", "--time=1",         "-t1",        "-t 00:01:00",
        "-c2 -t 1", "--time 5 -t1 -c2", "--time '1'", "--mem=2 --time=\"1\"",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        s = 0;
        cr_expect(time_limit_of_options(texts[i], &s), "%s", texts[i]);
        cr_expect_eq(s, 60, "%s", texts[i]);
    }
    cr_assert_not(time_limit_of_options(NULL, &s));
    cr_assert_not(time_limit_of_options("--time-min 1 --mem 4 --time", &s));
    cr_assert_not(time_limit_of_options("--time 1 --time $T", &s));
}

Test(time_limit, is_short_if_no_worker_could_begin)
{
    cr_assert(time_limit_is_short(60, 60));
    cr_assert(time_limit_is_short(75, 60));
    cr_assert_not(time_limit_is_short(120, 60));
}
