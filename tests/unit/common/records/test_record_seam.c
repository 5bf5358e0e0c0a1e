/* SPDX-License-Identifier: MIT */
/* What ends the last record of an input that another follows. */
#include "common/records/record_format_text.h"
#include "common/records/record_seam.h"
#include "common/records/records.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct record_format format_of(const char *text)
{
    struct record_format format;
    cr_assert(record_format_parse(slice_of_text(text), &format), "%s", text);
    return format;
}

static const struct row {
    const char *format, *before, *record, *added; /* NULL: it is broken */
} rows[] = {
    {"", "", "a", "\n"},
    {"", "x\n", "a", "\n"},
    {"", "\r\n", "a", "\r\n"},
    {"", "\r\n", "a\r", "\n"},
    {"", "", "\xef\xbb\xbf", ""},
    {"lines=2 end=0a", "", "a\n", ""}, /* one line of two is whole */
    {"lines=2 end=0a", "", "a\nb", "\n"},
    {"lines=2 end=0a", "", "a\r\nb", "\r\n"},
    {"lines=1 end=7c", "", "a", "|"},
    {"lines=1 end=0d0a", "", "a", "\r\n"},
    {"lines=1 end=0d0a", "", "a\r", "\n"},
    {"lines=1 end=0a0a", "", "a\n", "\n"},
    {"lines=1 end=0a0a", "", "a", "\n\n"},
    {"lines=2 end=0a0a", "", "a\n\nb", "\n\n"},
    {"lines=2 end=0a0a", "", "a\n\n\n", "\n"},
    {"lines=1 end=616261", "", "xab", "a"},
    {"lines=1 end=616261", "", "xa", "ba"},
    {"csv", "", "1,a", "\n"},
    {"csv", "\r\n", "1,a", "\r\n"},
    {"csv", "x\n", "1,\"a\r\nb\"", "\n"}, /* a newline in quotes is the field's */
    {"csv", "", "1,a\r", "\n"},
    {"csv", "", "1,\"a\"", "\n"},
    {"csv", "", "1,\"a", NULL},
    {"csv", "", "1,\"a\"\"", NULL},
    {"csv", "", "1,a\"b", "\n"},
    {"csv", "", "\xef\xbb\xbf\"a", NULL},
    {"csv", "", "\xef\xbb\xbf", ""},
    {"fasta", "", ">a\nAC", "\n"},
    {"fasta", "", ">a\r\nAC", "\r\n"},
    {"fasta", "", ">a\nAC\n", ""},
    {"fastq", "", "@a\nAC\n+\nII", "\n"},
    {"fastq", "", "@a\r\nAC\r\n+\r\nII", "\r\n"},
    {"fastq", "", "@a\n\n+\n", "\n"}, /* an empty quality */
    {"fastq", "", "\n\n", ""},
    {"fixed=4", "", "ab", NULL},
    {"whole", "", "ab", ""},
    {"start=3e", "x\n", ">a", "\n"},
    {"start=3e", "\r\n", ">a", "\r\n"},
    {"start=3e", "xx", ">a", ""}, /* records that follow each other within a line */
    {"start=3e", "", ">a\nb", "\n"},
    {"start=3e", "", ">a\n", ""},
    {"start=0a", "", "\na", ""}, /* a newline would begin another */
    {"start=2d2d0a", "x\n", "--\na--", ""},
    {"start=3c end=3e", "", "<a", ">"},
    {"start=3c end=3e", "", "<a>b>", ""},
    {"regexp start=5e3e", "", ">a", "\n"},
    {"regexp start=5e3e", "x\n", ">a\n", ""},
    {"regexp end=5c6e2b", "", "a", "\n"},
    {"regexp end=5b3b5d5c6e", "", "a;", "\n"},
    {"regexp end=5b3b5d5c6e", "", "a", NULL},
    {"regexp end=454e44", "", "a", NULL},
    {"regexp start=5e3c end=3e5c6e", "", "<a>", "\n"},
    {"regexp start=5e3c end=3e5c6e", "", "<a>\n", ""},
    {"regexp start=5e3c end=3e5c6e", "", "<a", NULL},
};

Test(record_seam, adds_what_the_record_lacks_and_refuses_where_nobody_knows)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct record_format format = format_of(row->format);
        const char *problem = NULL;
        int size = record_seam(&format, slice_of_text(row->record),
                               slice_of_text(row->before), &problem);
        cr_expect_eq(size, row->added ? (int)strlen(row->added) : -1, "%s: '%s': %d",
                     row->format, row->record, size);
        cr_expect_eq(!problem, row->added != NULL, "%s: '%s'", row->format,
                     row->record);
        if (size <= 0 || !row->added)
            continue;
        struct slice added = record_seam_bytes(&format, (size_t)size);
        cr_expect_eq(memcmp(added.data, row->added, added.size), 0, "%s: '%s'",
                     row->format, row->record);
    }
}

Test(record_seam, of_records_without_text_may_lie_anywhere)
{
    struct record_format format = format_of("start=3e");
    const char *problem;
    struct slice binary = {(const uint8_t *)">a\0b", 4}, nothing = {NULL, 0};
    cr_expect_eq(record_seam(&format, binary, nothing, &problem), 0);
}

static size_t first_size(const struct record_format *format, struct slice bytes)
{
    return records_size(format, bytes, 1);
}

/* Once the end is added, the record ends there, whatever follows. */
Test(record_seam, keeps_two_records_two)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct record_format format = format_of(row->format);
        const char *problem;
        char bytes[64];
        int size = record_seam(&format, slice_of_text(row->record),
                               slice_of_text(row->before), &problem);
        if (size <= 0 || format.lines > 1)
            continue;
        struct slice added = record_seam_bytes(&format, (size_t)size);
        size_t whole = strlen(row->record) + added.size;
        memcpy(bytes, row->record, strlen(row->record));
        memcpy(bytes + strlen(row->record), added.data, added.size);
        memcpy(bytes + whole, row->record, strlen(row->record));
        struct slice both = {(uint8_t *)bytes, whole + strlen(row->record)};
        cr_expect_eq(first_size(&format, both), whole, "%s: '%s'", row->format,
                     row->record);
    }
}
