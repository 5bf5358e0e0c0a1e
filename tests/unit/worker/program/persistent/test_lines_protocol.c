/* SPDX-License-Identifier: MIT */
/* worker/program/persistent/lines_protocol.h */
#include "worker/program/persistent/lines_protocol.h"

#include <criterion/criterion.h>
#include <string.h>

static struct slice slice(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static struct lines_question question(const char *header, const char *input)
{
    return lines_question(slice(header), slice(input));
}

Test(lines_protocol, counts_the_lines_of_header_and_chunk)
{
    struct lines_question asked = question("h\n", "a\nb\n");
    cr_assert_eq(asked.lines, 3);
    cr_assert_not(asked.lacks_end);
    asked = question("", "a\n\nb");
    cr_assert_eq(asked.lines, 3);
    cr_assert(asked.lacks_end);
    asked = question("h\n", "");
    cr_assert_eq(asked.lines, 1);
    cr_assert_not(asked.lacks_end);
    asked = question("", "");
    cr_assert_eq(asked.lines, 0);
    cr_assert_not(asked.lacks_end);
}

/* The answers to three chunks, however they come: in every two pieces, byte by byte. */
static void answer_in_steps(size_t first, size_t step)
{
    static const char said[] = "one\ntwo\n\nthree and a half\nlast\n";
    static const size_t sizes[] = {8, 18, 4};
    const struct lines_question asked[] = {question("", "1\n2\n"),
                                           question("", "\n3\n"), question("", "4")};
    struct lines_protocol protocol = {0};
    size_t begin = 0, size = strlen(said), answers = 0;
    for (size_t there = first; answers < 3;) {
        size_t used, result;
        struct slice bytes = {(const uint8_t *)said + begin, there - begin};
        if (lines_protocol_take(&protocol, &asked[answers], bytes, &used, &result)) {
            cr_assert_eq(result, sizes[answers], "answer %zu: %zu", answers, result);
            begin += used;
            answers++;
        } else {
            cr_assert_lt(there, size);
            there += step < size - there ? step : size - there;
        }
    }
    cr_assert_eq(begin, size);
}

Test(lines_protocol, finds_the_answers_wherever_the_bytes_are_split)
{
    for (size_t first = 0; first <= 31; first++)
        answer_in_steps(first, 31);
    for (size_t step = 1; step <= 31; step++)
        answer_in_steps(0, step);
}

Test(lines_protocol, takes_the_end_of_a_line_off_that_the_chunk_did_not_have)
{
    const struct lines_question asked = question("", "a\nb");
    struct lines_protocol protocol = {0};
    size_t used, size;
    cr_assert(lines_protocol_take(&protocol, &asked, slice("A\nB\n"), &used, &size));
    cr_assert_eq(used, 4);
    cr_assert_eq(size, 3);
}

Test(lines_protocol, has_an_answer_without_a_byte_to_a_chunk_without_lines)
{
    const struct lines_question asked = question("", "");
    struct lines_protocol protocol = {0};
    size_t used = 1, size = 1;
    cr_assert(lines_protocol_take(&protocol, &asked, slice(""), &used, &size));
    cr_assert_eq(used, 0);
    cr_assert_eq(size, 0);
}

Test(lines_protocol, leaves_what_follows_an_answer)
{
    const struct lines_question asked = question("", "a\n");
    struct lines_protocol protocol = {0};
    size_t used, size;
    cr_assert(lines_protocol_take(&protocol, &asked, slice("A\nmore"), &used, &size));
    cr_assert_eq(used, 2);
    cr_assert_eq(lines_surplus(slice("more")), 1);
    cr_assert_eq(lines_surplus(slice("")), 0);
}

Test(lines_protocol, knows_how_many_lines_are_answered)
{
    const struct lines_question asked = question("", "a\nb\nc\n");
    struct lines_protocol protocol = {0};
    size_t used, size;
    cr_assert_not(lines_protocol_take(&protocol, &asked, slice("A\nB"), &used, &size));
    cr_assert_eq(protocol.answered, 1);
    cr_assert_not(
        lines_protocol_take(&protocol, &asked, slice("A\nB\nC"), &used, &size));
    cr_assert_eq(protocol.answered, 2);
    cr_assert(lines_protocol_take(&protocol, &asked, slice("A\nB\nC\n"), &used, &size));
    cr_assert_eq(used, 6);
}

Test(lines_protocol, says_what_to_do_about_silence)
{
    char text[512];
    lines_too_few(text, sizeof text, 3, 10, 60);
    cr_assert(strstr(text, "answered 3 of 10 lines"));
    cr_assert(strstr(text, "60 s (--silence)"));
    cr_assert(strstr(text, "sed -u") && strstr(text, "python -u"));
    cr_assert(strstr(text, "leaves lines out, as grep and many an awk filter do, it is "
                           "for --mode exec"),
              "%s", text);
    cr_assert_lt(strlen(text), 450);
    cr_assert_str_eq(lines_too_few(text, sizeof text, 0, 1, 0),
                     "the program answered 0 of 1 line");
}

Test(lines_protocol, says_what_may_be_wrong_with_a_program_without_a_word)
{
    char text[512];
    lines_mute(text, sizeof text, 2.5);
    cr_assert(strstr(text, "read lines and has written nothing for 2.5 s"));
    cr_assert(strstr(text, "stdbuf -oL. If it leaves lines out, as grep"), "%s", text);
    cr_assert(strstr(text, "is for --mode exec"), "%s", text);
}
