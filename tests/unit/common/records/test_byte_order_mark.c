/* SPDX-License-Identifier: MIT */
/* Records that begin with a byte order mark, in bytes that come in pieces. */
#include "common/records/byte_order_mark.h"
#include "common/records/record_format_text.h"
#include "common/records/record_scanner.h"
#include "common/records/records.h"

#include <criterion/criterion.h>
#include <string.h>

#define MARK "\xef\xbb\xbf"

enum { RECORDS_MAX = 4 };

static const struct row {
    const char *format;
    const char *records[RECORDS_MAX]; /* the last one may lack its end */
} rows[] = {
    {"csv", {MARK "\"a\nb\",1\n", "c,2\n", "d"}},
    {"csv", {MARK "a\n", MARK "\"b\nc\"\n"}}, /* as cat puts two files together */
    {"csv", {MARK "\"a\n"}},
    {"csv", {MARK}},
    {"fasta", {MARK ">a\nAC\n", ">b\nGT\n"}},
    {"fasta", {">a\nAC\n", MARK ">b\nGT\n"}},
    {"fasta", {MARK ";a\n>b\nGT\n", ">c"}},
    {"fasta", {MARK}},
    {"fastq", {MARK "@a\nAC\n+\nII\n", "@b\nA\n+\nI\n"}},
    {"fastq", {"@a\nAC\n+\nII\n", MARK "@b\nA\n+\nI"}},
    {"fastq", {MARK}},
    {"start=3e", {MARK ">a\n", ">b\n"}},
    {"start=3e", {MARK "x", ">b\n"}},
    {"start=3e", {MARK}},
    {"start=3c end=3e", {MARK "<a>", "<b>"}},
    {"regexp start=5e3e", {MARK ">a\n", ">b\n"}},
    {"regexp start=5e5b612d7a5d", {MARK "a\n", "b\n", "c\n"}},
    {"regexp start=5e3c end=3e5c6e", {MARK "<a>\n", "<b>\n"}},
    {"regexp start=5e3e", {MARK}},
    {"", {MARK "a\n", "b\n"}},
};

/* The size of the record, as it becomes known of ever more bytes. */
static size_t find(const struct record_format *format, struct slice bytes)
{
    struct record_scanner *scanner = record_scanner_new(format);
    size_t size = 0, found;
    enum record_outcome outcome = RECORD_OPEN;
    while (outcome == RECORD_OPEN && size < bytes.size) {
        size++;
        outcome = record_scanner_next(scanner, (struct slice){bytes.data, size},
                                      size == bytes.size, &found);
    }
    cr_assert_neq(outcome, RECORD_BROKEN, "%s", record_scanner_problem(scanner));
    record_scanner_destroy(&scanner);
    return outcome == RECORD_WHOLE ? found : bytes.size;
}

Test(byte_order_mark, neither_parts_nor_merges_records)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct record_format format;
        char text[128] = "";
        size_t at = 0, count = 0;
        cr_assert(record_format_parse(slice_of_text(row->format), &format));
        for (; count < RECORDS_MAX && row->records[count]; count++)
            strcat(text, row->records[count]);
        for (size_t n = 0; n < count; n++) {
            struct slice rest = slice_of_text(text + at);
            size_t size = strlen(row->records[n]);
            cr_expect_eq(find(&format, rest), size, "%zu: %s, record %zu", i,
                         row->format, n);
            cr_expect_eq(records_size(&format, rest, 1), size, "%zu: %s, record %zu", i,
                         row->format, n);
            at += size;
        }
        cr_expect_eq(records_count(&format, slice_of_text(text)), count, "%zu: %s", i,
                     row->format);
    }
}

Test(byte_order_mark, is_three_bytes_at_the_beginning)
{
    cr_expect_eq(byte_order_mark_size(slice_of_text(MARK "a")), 3);
    cr_expect_eq(byte_order_mark_size(slice_of_text("a" MARK)), 0);
    cr_expect_eq(byte_order_mark_size(slice_of_text("\xef\xbb")), 0);
    cr_expect(byte_order_mark_is_open(slice_of_text("\xef\xbb")));
    cr_expect(byte_order_mark_is_open(slice_of_text("")));
    cr_expect_not(byte_order_mark_is_open(slice_of_text(MARK)));
    cr_expect_not(byte_order_mark_is_open(slice_of_text("a")));
}
