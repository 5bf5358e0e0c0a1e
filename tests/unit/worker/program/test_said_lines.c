/* SPDX-License-Identifier: MIT */
#include "worker/program/said_lines.h"

#include <criterion/criterion.h>
#include <stdio.h>

static bool add(struct said_lines *said, const char *line)
{
    return said_lines_add(said, slice_of_text(line));
}

Test(said_lines, says_a_line_of_an_earlier_run_once)
{
    struct said_lines *said = said_lines_new();
    cr_assert(add(said, "Traceback"));
    cr_assert(add(said, ""));
    cr_assert(add(said, "Traceback"), "twice in one run");
    said_lines_next_run(said);
    cr_assert_not(add(said, "Traceback"));
    cr_assert_not(add(said, ""));
    cr_assert(add(said, "Traceback:"));
    said_lines_next_run(said);
    cr_assert_not(add(said, "Traceback:"));
    said_lines_destroy(&said);
    cr_assert_null(said);
}

/* Its memory is bounded: beyond, lines are said again rather than lost. */
Test(said_lines, loses_no_line_however_many_there_are)
{
    struct said_lines *said = said_lines_new();
    char line[32];
    for (int run = 0, kept = 0; run < 2; run++, said_lines_next_run(said)) {
        for (int i = 0; i < 10000; i++) {
            snprintf(line, sizeof line, "line %d", i);
            bool new = add(said, line);
            cr_assert(new || run);
            kept += !new;
        }
        cr_assert_eq(kept, run ? 4096 : 0);
    }
    said_lines_destroy(&said);
}
