/* SPDX-License-Identifier: MIT */
#include "sink/result/result_records.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct result_memory *memory;

static void prepare(void)
{
    memory = result_memory_new("/tmp");
}

static void clean(void)
{
    cr_assert_eq(result_memory_bytes(memory), 0, "a result was lost");
    result_memory_destroy(&memory);
}

TestSuite(result_records, .init = prepare, .fini = clean);

static const struct record_format lines = RECORD_FORMAT_DEFAULT;

static struct result *result_of(const void *data, size_t size)
{
    zmq_msg_t payload;
    zmq_msg_init_size(&payload, size);
    if (size > 0)
        memcpy(zmq_msg_data(&payload), data, size);
    struct result *result = result_new(memory, 0, &payload, 0, size);
    zmq_msg_close(&payload);
    return result;
}

/* The records, each in brackets, and how it ended. */
static void expect(const struct record_format *format, const char *text,
                   const char *expected, int end)
{
    char found[200] = "";
    struct result *result = result_of(text, strlen(text));
    struct result_records *records = result_records_new(format);
    struct slice record;
    int outcome;
    while ((outcome = result_records_next(records, result, &record)) == 1)
        snprintf(found + strlen(found), sizeof found - strlen(found), "[%.*s]",
                 (int)record.size, (const char *)record.data);
    cr_assert_eq(outcome, end);
    cr_assert_str_eq(found, expected);
    result_records_destroy(&records);
    result_destroy(&result);
}

Test(result_records, lack_what_only_marks_their_border)
{
    const struct record_format semicolon = {
        .kind = RECORDS_LINES, .lines = 2, .end = {';', ';'}, .end_size = 2};
    const struct record_format csv = {.kind = RECORDS_CSV};
    const struct record_format fasta = {.kind = RECORDS_FASTA};
    expect(&lines, "one\n\ntwo", "[one][][two]", 0);
    expect(&lines, "", "", 0);
    expect(&semicolon, "a;;b;;c;;", "[a;;b][c]", 0);
    expect(&csv, "a,\"b\nc\"\r\nd\ne\r", "[a,\"b\nc\"][d][e\r]", 0);
    expect(&fasta, ">a\nAC\n>b\nGT\n", "[>a\nAC\n][>b\nGT\n]", 0);
}

Test(result_records, that_are_none_are_told)
{
    const struct record_format frames = {.kind = RECORDS_FRAMES};
    const struct record_format fastq = {.kind = RECORDS_FASTQ};
    expect(&frames, "no frames", "", -EBADMSG);
    expect(&fastq, "no fastq\n", "", -EBADMSG);
}

/* Records of up to two megabytes. */
Test(result_records, of_a_spilled_result_are_those_of_one_in_memory)
{
    enum { COUNT = 60 };
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    for (int i = 0; i < COUNT; i++)
        fprintf(stream, "%0*d\n", i * i * 500 + 1, i);
    fclose(stream);
    struct result_records *records = result_records_new(&lines);
    struct slice record;
    for (int round = 0; round < 2; round++) {
        struct result *result = result_of(text, size);
        cr_assert_eq(result_spill(result), 0);
        for (int i = 0; i < COUNT; i++) {
            cr_assert_eq(result_records_next(records, result, &record), 1);
            cr_assert_eq(record.size, (size_t)(i * i * 500 + 1));
            cr_assert_eq(record.data[record.size - 1], '0' + i % 10);
        }
        cr_assert_eq(result_records_next(records, result, &record), 0);
        result_records_restart(records);
        result_destroy(&result);
    }
    result_records_destroy(&records);
    free(text);
}
