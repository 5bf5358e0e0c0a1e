/* SPDX-License-Identifier: MIT */
/* The end of programs of mode lines, and which results are in doubt. */
#include "tests/unit/worker/program/persistent/persistent_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

/* Nobody can see what its second thread waits for. */
#define UNCLEAR(text)                                                    \
    PYTHON("import os, signal, socket, sys, threading\n"                 \
           "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n" \
           "threading.Thread(target=s.accept, daemon=True).start()\n"    \
           "for l in sys.stdin:\n" text)

Test(persistent_drain, compares_all_answers_with_all_questions_at_the_end)
{
    struct program_fixture *fixture = lines(WORDS("cat"));
    expect_done(run(fixture, "a\n"), "a\n");
    expect_done(run(fixture, "b\nc"), "b\nc");
    cr_assert(fixture_drain(fixture));
    cr_assert_eq(fixture->doubts, 0, "%s", fixture->doubt_text);
    fixture_close(&fixture);
    fixture = lines(SHELL("cat; sleep 0.2; echo bye"));
    expect_done(run(fixture, "a\n"), "a\n");
    expect_done(run(fixture, "b\n"), "b\n");
    cr_assert(fixture_drain(fixture));
    cr_assert_eq(fixture->doubts, 1);
    cr_assert_eq(fixture->doubt_from, 1); /* up to there it was seen to be in step */
    cr_assert(strstr(fixture->doubt_text, "\"bye\""), "%s", fixture->doubt_text);
    fixture_close(&fixture);
}

Test(persistent_drain, starts_a_drained_slot_anew_for_another_task)
{
    struct program_fixture *fixture = lines(WORDS("cat"));
    for (int i = 0; i < 3; i++) {
        expect_done(run(fixture, "a\n"), "a\n");
        cr_assert(fixture_drain(fixture));
    }
    cr_assert_eq(fixture->doubts, 0);
    fixture_close(&fixture);
    fixture = frames("ready");
    cr_assert(fixture_drain(fixture));
    expect_done(run(fixture, "a"), "A");
    fixture_close(&fixture);
}

Test(persistent_drain, doubts_what_a_lost_process_gave_unless_it_was_seen_in_step)
{
    struct program_fixture *fixture = lines(
        UNCLEAR("  os.kill(os.getpid(), 9) if l == 'die\\n' else print(l, end='')"));
    expect_done(run(fixture, "a\n"), "a\n");
    expect_done(run(fixture, "b\n"), "b\n");
    expect_failed(run(fixture, "die\n"), FAILURE_SIGNAL, "answered 0 of 1 line");
    cr_assert_eq(fixture->doubts, 1);
    cr_assert_eq(fixture->doubt_from, 0);
    cr_assert(strstr(fixture->doubt_text, "signal 9"), "%s", fixture->doubt_text);
    expect_done(run(fixture, "a\n"), "a\n");
    cr_assert(fixture_drain(fixture)); /* its end shows what was not seen */
    cr_assert_eq(fixture->doubts, 1, "%s", fixture->doubt_text);
    fixture_close(&fixture);
    fixture = lines(SHELL("while read -r l; do [ $l != die ] || kill -9 $$; echo $l; "
                          "done"));
    expect_done(run(fixture, "a\n"), "a\n");
    expect_failed(run(fixture, "die\n"), FAILURE_SIGNAL, "answered 0 of 1 line");
    cr_assert_eq(fixture->doubts, 0, "%s", fixture->doubt_text);
    fixture_close(&fixture);
}

Test(persistent_drain,
     doubts_what_came_before_a_line_too_many_of_a_process_nobody_sees_into)
{
    struct program_fixture *fixture =
        lines(UNCLEAR("  print(l, end='')\n"
                      "  if l == 'more\\n': os.system('sleep 0.3'); print('more')"));
    expect_done(run(fixture, "a\n"), "a\n");
    run(fixture, "more\n");
    run(fixture, "b\n");
    cr_assert(fixture_drain(fixture));
    cr_assert_eq(fixture->doubts, 1);
    cr_assert_eq(fixture->doubt_from, 0);
    fixture_close(&fixture);
}
