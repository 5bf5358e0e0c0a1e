/* SPDX-License-Identifier: MIT */
#include "ventilator/source/kinds/message_framing.h"

#include "common/records/record_format_text.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static char reason[256];

static struct message_framing framing_of(const char *format)
{
    struct message_framing framing = {.max_record_bytes = 16};
    framing.format = (struct record_format)RECORD_FORMAT_DEFAULT;
    if (strcmp(format, "frames") == 0)
        cr_assert(record_format_parse(slice_of_text(format), &framing.format));
    else
        framing.format.end[0] = strcmp(format, "nul") == 0 ? '\0' : '\n';
    return framing;
}

static bool frame(const char *format, const char *bytes, size_t size,
                  struct record_frame *ret_frame)
{
    struct message_framing framing = framing_of(format);
    struct slice message = {(const uint8_t *)bytes, size};
    return message_framing_frame(&framing, message, ret_frame, reason, sizeof reason);
}

Test(message_framing, appends_the_newline_that_a_message_lacks)
{
    struct record_frame framed;
    cr_assert(frame("lines", "a", 1, &framed));
    cr_expect_eq(framed.head_size, 0);
    cr_expect_eq(framed.tail_size, 1);
    cr_expect_eq(framed.tail, '\n');
    cr_assert(frame("lines", "a\n", 2, &framed));
    cr_expect_eq(framed.tail_size, 0);
    cr_assert(frame("lines", "", 0, &framed));
    cr_expect_eq(framed.tail_size, 1);
    cr_assert(frame("nul", "a\nb", 3, &framed));
    cr_expect_eq(framed.tail, '\0');
    cr_expect_eq(framed.tail_size, 1);
}

Test(message_framing, refuses_a_message_that_would_be_several_records)
{
    struct record_frame framed;
    cr_assert_not(frame("lines", "a\nb", 3, &framed));
    cr_expect(strstr(reason, "a newline at byte 1"), "%s", reason);
    cr_expect(strstr(reason, "--format frames"), "%s", reason);
    cr_assert_not(frame("lines", "\n\n", 2, &framed));
    cr_assert_not(frame("nul", "\0a", 2, &framed));
    cr_expect(strstr(reason, "NUL byte"), "%s", reason);
}

Test(message_framing, puts_a_length_in_front_of_any_bytes)
{
    struct record_frame framed;
    cr_assert(frame("frames", "a\nb", 3, &framed));
    cr_expect_eq(framed.tail_size, 0);
    cr_expect_arr_eq(framed.head, "\0\0\0\3", 4);
    cr_expect_eq(framed.head_size, 4);
}

Test(message_framing, counts_all_of_a_record_for_its_limit)
{
    struct record_frame framed;
    static const char text[] = "0123456789abcdef";
    cr_assert(frame("lines", text, 15, &framed));
    cr_assert_not(frame("lines", text, 16, &framed));
    cr_expect(strstr(reason, "17 bytes, longer than --max-record allows, 16"), "%s",
              reason);
    cr_assert(frame("frames", text, 12, &framed));
    cr_assert_not(frame("frames", text, 13, &framed));
}

static struct byte_buffer joined;

static void joins(const struct message_framing *framing, const char *expected,
                  size_t size)
{
    const struct slice frames[] = {
        {(const uint8_t *)"a", 1}, {NULL, 0}, {(const uint8_t *)"bcd", 3}};
    cr_assert(message_framing_join(framing, frames, 3, &joined, reason, sizeof reason));
    cr_assert_eq(joined.size, size);
    cr_assert_arr_eq(joined.data, expected, size);
}

Test(message_framing, makes_several_frames_a_msgpack_array_of_binaries)
{
    struct message_framing framing = framing_of("frames");
    joins(&framing, "\x93\xc4\1a\xc4\0\xc4\3bcd", 11);
    byte_buffer_deinit(&joined);
}

Test(message_framing, joins_frames_by_a_separator)
{
    struct message_framing framing = framing_of("lines");
    framing.separator = slice_of_text(", ");
    joins(&framing, "a, , bcd", 8);
    framing.separator = (struct slice){(const uint8_t *)"", 0};
    joins(&framing, "abcd", 4);
    byte_buffer_deinit(&joined);
}

Test(message_framing, picks_a_frame_that_is_there)
{
    struct message_framing framing = framing_of("lines");
    framing.frame = 3;
    joins(&framing, "bcd", 3);
    const struct slice frames[] = {{(const uint8_t *)"a", 1},
                                   {(const uint8_t *)"b", 1}};
    cr_assert_not(
        message_framing_join(&framing, frames, 2, &joined, reason, sizeof reason));
    cr_expect(strstr(reason, "2 frames, and --frame asks for frame 3"), "%s", reason);
    byte_buffer_deinit(&joined);
}

Test(message_framing, writes_the_sizes_of_large_arrays_and_binaries)
{
    enum { FRAMES = 70000 };
    static struct slice frames[FRAMES];
    static uint8_t large[70000];
    struct message_framing framing = framing_of("frames");
    for (size_t i = 0; i < FRAMES; i++)
        frames[i] = (struct slice){large, 0};
    cr_assert(message_framing_join(&framing, frames, 16, &joined, reason, 1));
    cr_expect_arr_eq(joined.data, "\xdc\0\x10\xc4\0", 5);
    cr_assert(message_framing_join(&framing, frames, FRAMES, &joined, reason, 1));
    cr_expect_arr_eq(joined.data, "\xdd\0\1\x11\x70\xc4\0", 7);
    frames[0].size = 256;
    cr_assert(message_framing_join(&framing, frames, 2, &joined, reason, 1));
    cr_expect_arr_eq(joined.data, "\x92\xc5\1\0\0", 5);
    frames[0].size = sizeof large;
    cr_assert(message_framing_join(&framing, frames, 2, &joined, reason, 1));
    cr_expect_arr_eq(joined.data, "\x92\xc6\0\1\x11\x70\0", 7);
    byte_buffer_deinit(&joined);
}

Test(message_framing, takes_lines_nul_and_frames_alone)
{
    struct record_format format = RECORD_FORMAT_DEFAULT;
    cr_expect(message_framing_takes(&format));
    format.lines = 2;
    cr_expect_not(message_framing_takes(&format));
    cr_assert(record_format_parse(slice_of_text("frames"), &format));
    cr_expect(message_framing_takes(&format));
    cr_assert(record_format_parse(slice_of_text("csv"), &format));
    cr_expect_not(message_framing_takes(&format));
}

static void expect_pieces(const char *format, const char *whole, size_t whole_size)
{
    const struct message_framing framing = framing_of(format);
    for (size_t piece = 1; piece <= whole_size; piece++) {
        uint8_t bytes[16];
        struct framed_record record = {.size = 0};
        size_t used = 0;
        cr_expect(framed_record_is_done(&record));
        cr_assert(framed_record_begin(&record, &framing, slice_of_text("word"), reason,
                                      sizeof reason));
        while (!framed_record_is_done(&record)) {
            size_t left = whole_size - used;
            used +=
                framed_record_copy(&record, bytes + used, piece < left ? piece : left);
        }
        cr_expect_eq(used, whole_size);
        cr_expect_arr_eq(bytes, whole, whole_size);
    }
}

Test(message_framing, gives_a_record_out_in_pieces_of_any_size)
{
    expect_pieces("lines", "word\n", 5);
    expect_pieces("frames", "\0\0\0\4word", 8);
}
