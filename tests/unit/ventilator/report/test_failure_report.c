/* SPDX-License-Identifier: MIT */
/* What a person is told of a chunk that failed for good. */
#include "ventilator/report/failure_report.h"

#include <criterion/criterion.h>
#include <string.h>

static char text[4096];
static struct dispatch_failure failure = {
    .seq = 17, .attempts = 3, .cause = FAILURE_EXIT, .code = 3};
static const struct chunk one = {
    .offset = 100, .length = 10, .first_record = 4, .records = 1};
static const struct chunk two = {
    .offset = 100, .length = 100, .first_record = 4, .records = 2};

Test(failure_report, names_the_bytes_and_records_of_the_chunk)
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
        "chunk 17 failed for good after 3 attempts: exit status 1; if status 1 means "
        "that it found nothing, as with grep, use --shell 'grep ... || [ $? = 1 ]'");
    failure.text_size = 4;
    memcpy(failure.text, "oops", 4);
    cr_assert_str_eq(failure_report(text, sizeof text, &failure, NULL, NULL),
                     "chunk 17 failed for good after 3 attempts: exit status 1; it "
                     "said: \"oops\"");
}

Test(failure_report, names_the_mode_of_a_program_that_lacks_the_module)
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
        cr_assert(strstr(text, "needs --mode frames"), "%s", text);
    }
}

Test(failure_report, quotes_what_the_program_said_and_names_the_option_of_a_limit)
{
    failure.attempts = 1;
    failure.cause = FAILURE_TIMEOUT;
    failure.text_size = 12;
    memcpy(failure.text, "asks\nnobody\n", 12);
    cr_assert_str_eq(failure_report(text, sizeof text, &failure, &one, NULL),
                     "chunk 17 (bytes 100-109, record 5) failed for good after 1 "
                     "attempt: it ran longer than --timeout allows; it said: "
                     "\"nobody\"\n    asks\n    nobody");
}

Test(failure_report, shows_a_traceback_line_by_line_below_what_it_comes_to)
{
    static const char said[] = "Traceback (most recent call last):\n"
                               "  File \"p.py\", line 3, in <module>\n"
                               "ValueError: \033[31mno number\n\n";
    failure.cause = FAILURE_EXIT;
    failure.text_size = sizeof said - 1;
    memcpy(failure.text, said, sizeof said - 1);
    cr_assert_str_eq(failure_report(text, sizeof text, &failure, NULL, NULL),
                     "chunk 17 failed for good after 3 attempts: exit status 3; it "
                     "said: \"ValueError: \\x1b[31mno number\"\n"
                     "    Traceback (most recent call last):\n"
                     "      File \"p.py\", line 3, in <module>\n"
                     "    ValueError: \\x1b[31mno number");
}

Test(failure_report, begins_with_a_whole_line_where_the_program_said_too_much)
{
    char *end = (char *)failure.text;
    for (int i = 0; i < 400; i++)
        end += sprintf(end, "line %d\n", i);
    failure.text_size = (uint32_t)(end - (char *)failure.text);
    failure_report(text, sizeof text, &failure, NULL, NULL);
    cr_assert(strstr(text, "it said: \"line 399\"\n    line "), "%s", text);
    cr_assert_str_eq(text + strlen(text) - 13, "\n    line 399");
    cr_assert_lt(strlen(text), 4000);
}

Test(failure_report, tells_a_limit_of_memory_from_a_lack_of_it)
{
    failure.cause = FAILURE_MEMORY;
    failure.code = 0;
    cr_assert_str_eq(failure_report(text, sizeof text, &failure, NULL, NULL),
                     "chunk 17 failed for good after 3 attempts: killed, probably "
                     "because memory ran out");
    failure.code = FAILURE_MEMORY_LIMIT;
    failure.text_size = 12;
    memcpy(failure.text, "used so much", 12);
    cr_assert_str_eq(failure_report(text, sizeof text, &failure, NULL, NULL),
                     "chunk 17 failed for good after 3 attempts: killed for its use of "
                     "memory: \"used so much\"");
}
