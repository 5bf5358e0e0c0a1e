/* SPDX-License-Identifier: MIT */
#include "common/records/encoding.h"
#include "common/records/record_format_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define BYTES(text) {(const uint8_t *)(text), sizeof(text) - 1}
/* clang-format on */

static const struct row {
    struct slice bytes;
    enum encoding whole; /* the input has no more; ENCODING_NONE: it is bytes */
    enum encoding begun; /* more may come */
} rows[] = {
    {BYTES(""), ENCODING_NONE, ENCODING_OPEN},
    {BYTES("a"), ENCODING_NONE, ENCODING_NONE},
    {BYTES("\xef"), ENCODING_NONE, ENCODING_OPEN},
    {BYTES("\xef\xbb"), ENCODING_NONE, ENCODING_OPEN},
    {BYTES("\xef\xbb\xbf"), ENCODING_UTF8, ENCODING_UTF8},
    {BYTES("\xef\xbbq"), ENCODING_NONE, ENCODING_NONE},
    {BYTES("\xff"), ENCODING_NONE, ENCODING_OPEN},
    {BYTES("\xff\xfe"), ENCODING_UTF16, ENCODING_OPEN},
    {BYTES("\xff\xfe\x61\0"), ENCODING_UTF16, ENCODING_UTF16},
    {BYTES("\xff\xfe\x0a\0\xe4\x4e"), ENCODING_UTF16, ENCODING_UTF16},
    {BYTES("\xff\xfe\x3d\xd8\x00\xde"), ENCODING_UTF16, ENCODING_UTF16}, /* a pair */
    {BYTES("\xff\xfe\x3d\xd8\x61\0"), ENCODING_NONE, ENCODING_NONE}, /* half of one */
    {BYTES("\xff\xfe\x01\0\x02\0"), ENCODING_NONE, ENCODING_NONE},
    {BYTES("\xfe\xff\0\x61"), ENCODING_UTF16, ENCODING_UTF16},
    {BYTES("\xfe"), ENCODING_NONE, ENCODING_OPEN},
    {BYTES("\xff\xfe\0\0\x61\0\0\0"), ENCODING_UTF32, ENCODING_UTF32},
    {BYTES("\0\0\xfe\xff\0\0\0\x61"), ENCODING_UTF32, ENCODING_UTF32},
    {BYTES("\0\0\xfe\xff\x61\0\0\0"), ENCODING_NONE, ENCODING_NONE},
    {BYTES("\0\0\xfe"), ENCODING_NONE, ENCODING_OPEN},
    {BYTES("\0\0a"), ENCODING_NONE, ENCODING_NONE},
    {BYTES("a\0b\0\n\0"), ENCODING_NONE, ENCODING_NONE}, /* too few to tell */
    {BYTES("a\0,\0b\0\r\0\n\0001\0,\0002\0\r\0\n\0a\0,\0b\0\r\0\n\0x\0"),
     ENCODING_UTF16LE, ENCODING_UTF16LE},
    {BYTES("\0a\0,\0b\0\r\0\n\0001\0,\0002\0\r\0\n\0a\0,\0b\0\r\0\n\0x"),
     ENCODING_UTF16BE, ENCODING_UTF16BE},
    {BYTES("a\0bb\0c\0d\0eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"), ENCODING_NONE,
     ENCODING_NONE},
};

Test(encoding, is_told_by_the_first_bytes_and_what_follows_them)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_expect_eq(encoding_of(rows[i].bytes, true), rows[i].whole, "%zu", i);
        cr_expect_eq(encoding_of(rows[i].bytes, false), rows[i].begun, "%zu", i);
    }
}

/* Random bytes behind the mark of UTF-16 are no text. */
Test(encoding, is_not_told_by_a_mark_that_random_bytes_begin_with)
{
    uint8_t bytes[4096] = {0xff, 0xfe};
    unsigned seed = 1;
    for (int round = 0; round < 200; round++) {
        for (size_t i = 2; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(rand_r(&seed) >> 8);
        cr_expect_eq(encoding_of((struct slice){bytes, sizeof bytes}, false),
                     ENCODING_NONE);
    }
}

Test(encoding, matters_where_records_are_cut_in_text)
{
    static const char *const text[] = {
        "", "csv", "fasta", "fastq", "start=3e", "regexp start=5e3e", "lines=1 end=7c"};
    static const char *const bytes[] = {
        "lines=1 end=00", "lines=1 end=0a00",   "frames", "whole", "fixed=4",
        "start=0900",     "regexp end=5c783061" /* \x0a */};
    struct record_format format;
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        cr_assert(record_format_parse(slice_of_text(text[i]), &format));
        cr_expect(encoding_matters(&format), "%s", text[i]);
    }
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        cr_assert(record_format_parse(slice_of_text(bytes[i]), &format));
        cr_expect_not(encoding_matters(&format), "%s", bytes[i]);
    }
}
