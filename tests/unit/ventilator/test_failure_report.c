/* SPDX-License-Identifier: MIT */
/* What a person is told of a chunk that failed for good. */
#include "ventilator/failure_report.h"

#include <criterion/criterion.h>
#include <string.h>

static char text[4096];
static struct dispatch_failure failure = {
    .seq = 17, .attempts = 3, .how = FAILURE_EXIT, .code = 3};
static const struct chunk one = {
    .offset = 100, .length = 10, .first_record = 4, .records = 1};
static const struct chunk two = {
    .offset = 100, .length = 100, .first_record = 4, .records = 2};

Test(failure_report, names_what_can_be_found_again_in_the_input)
{
    cr_assert_str_eq(failure_report(text, sizeof text, &failure, &two, NULL),
                     "chunk 17 (bytes 100-199, records 5-6) failed for good after 3 "
                     "attempts: exit status 3");
    cr_assert_str_eq(failure_report(text, sizeof text, &failure, &one, NULL),
                     "chunk 17 (bytes 100-109, record 5) failed for good after 3 "
                     "attempts: exit status 3");
    cr_assert_str_eq(failure_report(text, sizeof text, &failure, NULL, NULL),
                     "chunk 17 failed for good after 3 attempts: exit status 3");
    cr_assert_str_eq(failure_report(text, sizeof text, &failure, &one, "b.txt"),
                     "chunk 17 (b.txt: bytes 100-109, record 5) failed for good after "
                     "3 attempts: exit status 3");
    const struct chunk none = {.records = 1};
    cr_assert_str_eq(failure_report(text, sizeof text, &failure, &none, "c.txt"),
                     "chunk 17 (c.txt: empty, record 1) failed for good after 3 "
                     "attempts: exit status 3");
    const struct chunk header = {.offset = 8};
    cr_assert_str_eq(failure_report(text, sizeof text, &failure, &header, NULL),
                     "chunk 17 (no records) failed for good after 3 attempts: exit "
                     "status 3");
}

Test(failure_report, names_the_remedy_where_a_silent_1_may_say_that_nothing_was_found)
{
    failure.code = 1;
    cr_assert_str_eq(
        failure_report(text, sizeof text, &failure, NULL, NULL),
        "chunk 17 failed for good after 3 attempts: exit status 1; if that "
        "is how it says that it found nothing, as grep does: --shell 'grep "
        "... || [ $? = 1 ]'");
    failure.text_size = 4;
    memcpy(failure.text, "oops", 4);
    cr_assert_str_eq(failure_report(text, sizeof text, &failure, NULL, NULL),
                     "chunk 17 failed for good after 3 attempts: exit status 1; it "
                     "said: \"oops\"");
}

Test(failure_report, names_the_mode_of_a_program_that_misses_the_module)
{
    static const char *const said[] = {
        "ModuleNotFoundError: No module named 'fanfold'\n",
        "cannot open file '/fanfold.R': No such file or directory\n",
    };
    failure.code = 1;
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        failure.text_size = (uint32_t)strlen(said[i]);
        memcpy(failure.text, said[i], failure.text_size);
        failure_report(text, sizeof text, &failure, NULL, NULL);
        cr_assert(strstr(text, "is for --mode frames"), "%s", text);
    }
}

Test(failure_report, quotes_what_the_program_said_and_names_the_option_of_a_limit)
{
    failure.attempts = 1;
    failure.how = FAILURE_TIMEOUT;
    failure.text_size = 12;
    memcpy(failure.text, "asks\nnobody\n", 12);
    cr_assert_str_eq(failure_report(text, sizeof text, &failure, &one, NULL),
                     "chunk 17 (bytes 100-109, record 5) failed for good after 1 "
                     "attempt: it ran longer than --timeout allows; it said: "
                     "\"asks\\nnobody\"");
}

Test(failure_report, tells_a_limit_of_memory_from_the_want_of_it)
{
    failure.how = FAILURE_MEMORY;
    failure.code = 0;
    cr_assert_str_eq(failure_report(text, sizeof text, &failure, NULL, NULL),
                     "chunk 17 failed for good after 3 attempts: killed, probably for "
                     "want of memory");
    failure.code = FAILURE_MEMORY_LIMIT;
    failure.text_size = 12;
    memcpy(failure.text, "used so much", 12);
    cr_assert_str_eq(failure_report(text, sizeof text, &failure, NULL, NULL),
                     "chunk 17 failed for good after 3 attempts: killed for its use of "
                     "memory: \"used so much\"");
}
