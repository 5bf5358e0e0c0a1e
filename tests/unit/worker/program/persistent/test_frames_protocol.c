/* SPDX-License-Identifier: MIT */
/* worker/program/persistent/frames_protocol.h; the bytes are those of
 * worker/FRAMES.md. */
#include "worker/program/persistent/frames_protocol.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define BYTES(text) ((struct slice){(const uint8_t *)(text), sizeof(text) - 1})
/* Of a request, or a length. */
#define NUMBER(byte) "\0\0\0\0\0\0\0" byte
#define READY          \
    "\xf4"             \
    "ff."              \
    "\0\0\0\0\0\0\0\0" \
    "\0\0\0\0\0\0\0\0"
#define OK_HI(number)                 \
    "\xf4"                            \
    "ff+" number "\0\0\0\0\0\0\0\x03" \
    "HI\n"
#define OK_EMPTY(number) \
    "\xf4"               \
    "ff+" number "\0\0\0\0\0\0\0\0"
#define BAD(number)                   \
    "\xf4"                            \
    "ff-" number "\0\0\0\0\0\0\0\x07" \
    "no such"

enum { FIRST = 41 };

/* The program was asked FIRST and those after it. */
static struct frames_event take(struct frames_protocol *protocol, struct slice bytes)
{
    struct frames_event event;
    uint64_t asked = protocol->answered ? protocol->answered + 1 : FIRST;
    frames_protocol_take(protocol, bytes, asked, 1000, &event);
    return event;
}

Test(frames_protocol, puts_number_length_seq_attempt_and_records_before_a_request)
{
    uint8_t head[FRAMES_REQUEST_HEAD];
    struct frames_request request = {FIRST, 9, 70000, 1, 3};
    frames_put_head(head, &request);
    cr_assert_arr_eq(head,
                     "\0\0\0\0\0\0\0\x29"
                     "\0\0\0\0\0\0\0\x09"
                     "\0\0\0\0\0\x01\x11\x70"
                     "\0\0\0\x01"
                     "\0\0\0\x03",
                     sizeof head);
    request = (struct frames_request){UINT64_MAX, 0, UINT64_MAX, UINT32_MAX,
                                      UINT64_C(1) << 40};
    frames_put_head(head, &request);
    cr_assert_arr_eq(head,
                     "\xff\xff\xff\xff\xff\xff\xff\xff"
                     "\0\0\0\0\0\0\0\0"
                     "\xff\xff\xff\xff\xff\xff\xff\xff"
                     "\xff\xff\xff\xff"
                     "\xff\xff\xff\xff",
                     sizeof head);
}

/* Everything that a good program says, in pieces that grow by `step`. */
static void hear_in_steps(size_t first, size_t step)
{
    static const char said[] = READY OK_HI(NUMBER("\x29")) OK_EMPTY(NUMBER("\x2a"))
        BAD(NUMBER("\x2b")) OK_HI(NUMBER("\x2c"));
    static const enum frames_outcome outcomes[] = {
        FRAMES_READY, FRAMES_RESULT, FRAMES_RESULT, FRAMES_ERROR, FRAMES_RESULT};
    static const char *const payloads[] = {"", "HI\n", "", "no such", "HI\n"};
    struct frames_protocol protocol = {0};
    size_t begin = 0, size = sizeof said - 1, heard = 0;
    for (size_t there = first; heard < 5;) {
        struct frames_event event = take(
            &protocol, (struct slice){(const uint8_t *)said + begin, there - begin});
        if (event.outcome == FRAMES_MORE) {
            cr_assert_gt(event.used, there - begin, "nothing more is needed");
            cr_assert_lt(there, size);
            there += step < size - there ? step : size - there;
            continue;
        }
        cr_assert_eq(event.outcome, outcomes[heard], "%zu, %zu: %s", first, step,
                     event.text);
        cr_assert_eq(event.payload.size, strlen(payloads[heard]));
        if (event.payload.size > 0)
            cr_assert_arr_eq(event.payload.data, payloads[heard], event.payload.size);
        begin += event.used;
        heard++;
    }
    cr_assert_eq(begin, size);
}

Test(frames_protocol, hears_the_same_wherever_the_bytes_are_split)
{
    for (size_t first = 0; first <= 120; first++)
        hear_in_steps(first, 120);
    for (size_t step = 1; step <= 120; step++)
        hear_in_steps(0, step);
}

static void expect_stray(struct slice bytes, const char *quoted)
{
    struct frames_protocol protocol = {0};
    struct frames_event event = take(&protocol, bytes);
    char wanted[FRAMES_TEXT_MAX];
    snprintf(wanted, sizeof wanted,
             "the program wrote %s to its standard output, which belongs to responses: "
             "print to standard error. If the program does not speak FRAMES/1, as no "
             "common filter does, leave out --mode frames",
             quoted);
    cr_assert_eq(event.outcome, FRAMES_BROKEN);
    cr_assert_str_eq(event.text, wanted);
}

Test(frames_protocol, doubts_no_program_that_has_spoken_frames)
{
    struct frames_protocol protocols[] = {{.ready = true}, {.answered = 3}};
    for (size_t i = 0; i < 2; i++) {
        struct frames_event event = take(&protocols[i], BYTES("hello"));
        cr_assert_str_eq(event.text, "the program wrote \"hello\" to its standard "
                                     "output, which belongs to responses: print to "
                                     "standard error");
    }
}

Test(frames_protocol, names_a_stray_print)
{
    expect_stray(BYTES("hello"), "\"hello\"");
    expect_stray(BYTES("h"), "\"h\"");
    expect_stray(BYTES("a \"b\"\n"), "\"a \\\"b\\\"\\n\"");
    expect_stray(BYTES("\xf4"
                       "fg"),
                 "\"\\xf4fg\"");
    expect_stray(BYTES("\xf4"
                       "ff*"),
                 "\"\\xf4"
                 "ff*\"");
    expect_stray(BYTES("0123456789012345678901234567890123456789xyz"),
                 "\"0123456789012345678901234567890123456789\" ...");
}

Test(frames_protocol, believes_no_byte_that_is_no_kind)
{
    struct frames_protocol protocol = {0};
    char head[] = "\xf4"
                  "ff+";
    for (int kind = 0; kind < 256; kind++) {
        head[3] = (char)kind;
        bool known = kind == '+' || kind == '-' || kind == '.';
        cr_assert_eq(take(&protocol, BYTES(head)).outcome,
                     known ? FRAMES_MORE : FRAMES_BROKEN, "%d", kind);
    }
}

Test(frames_protocol, refuses_a_length_above_the_limit_before_its_bytes_come)
{
    static const struct slice heads[] = {
        {(const uint8_t *)"\xf4"
                          "ff+" NUMBER("\x29") "\x80\0\0\0\0\0\0\0",
         FRAMES_RESPONSE_HEAD},
        {(const uint8_t *)"\xf4"
                          "ff+" NUMBER("\x29") "\xff\xff\xff\xff\xff\xff\xff\xff",
         FRAMES_RESPONSE_HEAD},
        {(const uint8_t *)"\xf4"
                          "ff-" NUMBER("\x29") "\0\0\0\0\0\0\x03\xe9",
         FRAMES_RESPONSE_HEAD},
    };
    for (size_t i = 0; i < 3; i++) {
        struct frames_protocol protocol = {0};
        struct frames_event event = take(&protocol, heads[i]);
        cr_assert_eq(event.outcome, FRAMES_TOO_LARGE);
        cr_assert(strstr(event.text, "at most 1000"), "%s", event.text);
    }
    struct frames_protocol protocol = {0};
    struct frames_event event;
    frames_protocol_take(&protocol, heads[1], FIRST, UINT64_MAX, &event);
    cr_assert_eq(event.outcome, FRAMES_TOO_LARGE);
}

Test(frames_protocol, asks_for_as_many_bytes_as_a_response_has)
{
    struct frames_protocol protocol = {0};
    struct frames_event event =
        take(&protocol, BYTES("\xf4"
                              "ff+" NUMBER("\x29") "\0\0\0\0\0\0\x03\xe8"
                                                   "x"));
    cr_assert_eq(event.outcome, FRAMES_MORE);
    cr_assert_eq(event.used, 1020);
}

Test(frames_protocol, lets_a_program_be_ready_once_and_first)
{
    const struct slice wrong[] = {
        BYTES("\xf4"
              "ff." NUMBER("\0") NUMBER("\x01")),
        BYTES("\xf4"
              "ff." NUMBER("\x29") NUMBER("\0")),
    };
    struct frames_protocol protocol = {0};
    cr_assert_eq(take(&protocol, BYTES(READY)).outcome, FRAMES_READY);
    cr_assert_eq(take(&protocol, BYTES(READY)).outcome, FRAMES_BROKEN);
    protocol = (struct frames_protocol){0};
    cr_assert_eq(take(&protocol, BYTES(OK_HI(NUMBER("\x29")))).outcome, FRAMES_RESULT);
    cr_assert_eq(take(&protocol, BYTES(READY)).outcome, FRAMES_BROKEN);
    for (size_t i = 0; i < 2; i++) {
        protocol = (struct frames_protocol){0};
        cr_assert_eq(take(&protocol, wrong[i]).outcome, FRAMES_BROKEN);
    }
}

/* `said` when `asked` is, after a response to `before`. */
static void expect_other(uint64_t before, uint64_t asked, struct slice said,
                         const char *text)
{
    struct frames_protocol protocol = {.ready = true, .answered = before};
    struct frames_event event;
    frames_protocol_take(&protocol, said, asked, 1000, &event);
    cr_assert_eq(event.outcome, FRAMES_BROKEN);
    cr_assert_str_eq(event.text, text);
    cr_assert_eq(protocol.answered, before);
}

Test(frames_protocol, takes_no_second_response_for_that_to_the_next_request)
{
    struct slice said = BYTES(OK_HI(NUMBER("\x29")));
    expect_other(41, 42, said,
                 "the program answered request 41 instead of request 42: it must "
                 "answer each request once");
    expect_other(50, 51, said,
                 "the program answered request 41 instead of request 51: it must "
                 "answer each request once");
    expect_other(41, 0, said,
                 "the program answered request 41, but no request was open: "
                 "it must answer each request once");
}

Test(frames_protocol, takes_no_response_before_its_turn)
{
    expect_other(40, 41, BYTES(BAD(NUMBER("\x2a"))),
                 "the program answered request 42 instead of request 41: it must "
                 "answer requests in their order");
    expect_other(40, 0, BYTES(BAD(NUMBER("\x2a"))),
                 "the program answered request 42, but no request was open");
}

Test(frames_protocol, takes_no_response_that_does_not_say_to_what)
{
    expect_other(0, 41, BYTES(OK_HI(NUMBER("\0"))),
                 "the program answered request 0 instead of request 41: a "
                 "response must carry the number of its request");
}

/* What names another request is no announcement of a length either. */
Test(frames_protocol, names_another_request_before_its_bytes_come)
{
    expect_other(41, 42,
                 BYTES("\xf4"
                       "ff+" NUMBER("\x29") "\xff\xff\xff\xff\xff\xff\xff\xff"),
                 "the program answered request 41 instead of request 42: it must "
                 "answer each request once");
}

Test(frames_protocol, says_what_a_program_without_a_word_is_waited_for)
{
    char text[FRAMES_TEXT_MAX];
    cr_assert(strstr(frames_mute(text, sizeof text, true, 10),
                     "read its first request, and has written nothing for 10 s: "
                     "waiting for its response."));
    cr_assert(strstr(frames_mute(text, sizeof text, false, 10), "to be prepared"));
    cr_assert(strstr(text, "--timeout"), "%s", text);
}

Test(frames_protocol, may_be_ready_while_nothing_is_asked)
{
    struct frames_protocol protocol = {0};
    struct frames_event event;
    frames_protocol_take(&protocol, BYTES(READY), 0, 1000, &event);
    cr_assert_eq(event.outcome, FRAMES_READY);
}
