/* SPDX-License-Identifier: MIT */
/* worker/task/part_run.h with programs that are functions, and worker/task/task.h
 * around it. */
#include "common/protocol/protocol.h"
#include "worker/task/part_run.h"
#include "worker/task/task.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { OUTPUT_MAX = 1 << 20 };

static struct message isolate(uint64_t records)
{
    return (struct message){.type = MESSAGE_ISOLATE,
                            .isolate = {.session = 1,
                                        .records = records,
                                        .offset = 1000,
                                        .record = 50,
                                        .tries = 1}};
}

static bool contains(struct slice input, const char *word)
{
    return memmem(input.data, input.size, word, strlen(word)) != NULL;
}

static unsigned runs;

/* Runs `sed`, which cannot stand a "bad", to the end. */
static enum part_run_state run(struct part_run *part_run)
{
    struct slice input;
    uint64_t records;
    enum part_run_state state;
    for (runs = 0; (state = part_run_next(part_run, &input, &records)) == PART_RUN_RUNS;
         runs++)
        if (contains(input, "bad"))
            part_run_on_failed(part_run, FAILURE_EXIT, 3, slice_of_text("it was bad"));
        else
            part_run_on_done(part_run, input.data, input.size);
    return state;
}

static struct part_run *begin(const struct message *message, const char *text,
                              const char *format, uint64_t max_result)
{
    struct part_run_config config = {.format = slice_of_text(format),
                                     .max_result = max_result};
    return part_run_new(message, slice_of_text(text), &config);
}

/* What a part of three lines a record looks like in the result. */
static void expect(struct part_run *part_run, const char *result, const char *bytes,
                   uint32_t count)
{
    zmq_msg_t message;
    uint64_t length;
    const struct bad_record *bad;
    uint32_t bad_count;
    char whole[4096];
    part_run_take(part_run, &message, &length, &bad, &bad_count);
    snprintf(whole, sizeof whole, "%s%s", result, bytes);
    cr_assert_eq(length, strlen(result));
    cr_assert_eq(zmq_msg_size(&message), strlen(whole));
    cr_assert_eq(memcmp(zmq_msg_data(&message), whole, strlen(whole)), 0);
    cr_assert_eq(bad_count, count);
    zmq_msg_close(&message);
}

Test(part_run, joins_the_results_and_names_the_bad_records_in_the_input)
{
    struct message message = isolate(6);
    struct part_run *part_run =
        begin(&message, "one\ntwo\nbad 3\nfour\nfive\nbad six", "", OUTPUT_MAX);
    cr_assert_eq(run(part_run), PART_RUN_DONE);
    zmq_msg_t result;
    uint64_t length;
    const struct bad_record *bad;
    uint32_t count;
    part_run_take(part_run, &result, &length, &bad, &count);
    static const char whole[] = "one\ntwo\nfour\nfive\nbad 3\nbad six";
    cr_assert_eq(length, 18);
    cr_assert_eq(zmq_msg_size(&result), sizeof whole - 1);
    cr_assert_eq(memcmp(zmq_msg_data(&result), whole, sizeof whole - 1), 0);
    cr_assert_eq(count, 2);
    cr_assert(bad[0].record == 52 && bad[0].offset == 1008 && bad[0].length == 6);
    cr_assert(bad[1].record == 55 && bad[1].offset == 1024 && bad[1].length == 7);
    cr_assert(bad[0].cause == FAILURE_EXIT && bad[0].code == 3);
    cr_assert_eq(bad[0].text.size, 10);
    zmq_msg_close(&result);
    part_run_destroy(&part_run);
}

Test(part_run, cuts_between_the_records_of_the_format)
{
    struct message message = isolate(3);
    struct part_run *part_run =
        begin(&message, "a;b;c;bad;e;f;g;", "lines=2 end=3b", OUTPUT_MAX);
    cr_assert_eq(part_run_next(part_run, &(struct slice){0}, &(uint64_t){0}),
                 PART_RUN_FAILED);
    part_run_destroy(&part_run);
    message.isolate.records = 4;
    part_run = begin(&message, "a;b;c;bad;e;f;g;", "lines=2 end=3b", OUTPUT_MAX);
    cr_assert_eq(run(part_run), PART_RUN_DONE);
    expect(part_run, "a;b;e;f;g;", "c;bad;", 1);
    part_run_destroy(&part_run);
}

Test(part_run, cuts_records_of_every_format)
{
    static const struct {
        const char *format, *bytes, *result, *bad;
    } cases[] = {
        {"csv", "1,\"\n\"\n2,\"\nbad\"\n3,\n", "1,\"\n\"\n3,\n", "2,\"\nbad\"\n"},
        {"fasta", "x\n>1\nAC\n>bad\nG\n>3\n", "x\n>1\nAC\n>3\n", ">bad\nG\n"},
        {"fastq", "@1\nA\n+\n@\n@bad\nA\n+\nI\n@3\nA", "@1\nA\n+\n@\n@3\nA",
         "@bad\nA\n+\nI\n"},
        {"fixed=4", "1...bad.3.", "1...3.", "bad."},
        {"start=3e end=0a", ">1\n>bad>\n>3>", ">1\n>3>", ">bad>\n"},
        {"regexp start=5e5c642b", "1\n .\n2 bad\n30\n", "1\n .\n30\n", "2 bad\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct message message = isolate(3);
        struct part_run *part_run =
            begin(&message, cases[i].bytes, cases[i].format, OUTPUT_MAX);
        cr_assert_eq(run(part_run), PART_RUN_DONE, "%s", cases[i].format);
        expect(part_run, cases[i].result, cases[i].bad, 1);
        part_run_destroy(&part_run);
    }
}

Test(part_run, says_how_many_records_of_each_part_there_are)
{
    struct message message = isolate(3);
    struct part_run *part_run = begin(&message, "1\n2\n3\n", "", OUTPUT_MAX);
    struct slice input;
    uint64_t records;
    cr_assert_eq(part_run_next(part_run, &input, &records), PART_RUN_RUNS);
    cr_assert(records == 3 && input.size == 6);
    cr_assert_eq(part_run_next(part_run, &input, &records), PART_RUN_RUNS);
    cr_assert(records == 3 && input.size == 6, "the same until it is told");
    part_run_on_failed(part_run, FAILURE_EXIT, 1, (struct slice){0});
    cr_assert_eq(part_run_next(part_run, &input, &records), PART_RUN_RUNS);
    cr_assert(records == 2 && input.size == 4);
    part_run_destroy(&part_run);
}

Test(part_run, calls_excepted_records_lost_and_gives_their_bytes)
{
    static const struct range except[] = {{0, 1}, {2, 2}};
    struct message message = isolate(5);
    message.isolate.except = except;
    message.isolate.count = 2;
    struct part_run *part_run = begin(&message, "1\n2\n3\nfour\n5", "", OUTPUT_MAX);
    cr_assert_eq(run(part_run), PART_RUN_DONE);
    cr_assert_eq(runs, 2);
    expect(part_run, "2\n5", "1\n3\nfour\n", 3);
    part_run_destroy(&part_run);
}

Test(part_run, of_a_probe_leaves_nothing)
{
    static const struct range except[] = {{0, 1}};
    struct message message = isolate(3);
    message.isolate.except = except;
    message.isolate.count = 1;
    message.isolate.probe = true;
    struct part_run *part_run = begin(&message, "1\nbad\n3\n", "", 1);
    cr_assert_eq(run(part_run), PART_RUN_DONE, "whatever the limit of results");
    cr_assert_eq(runs, 3);
    expect(part_run, "", "", 0);
    part_run_destroy(&part_run);
}

static void expect_failure(struct part_run *part_run, enum failure wanted,
                           const char *word)
{
    enum failure cause;
    uint32_t code;
    cr_assert_eq(run(part_run), PART_RUN_FAILED);
    struct slice text = part_run_failure(part_run, &cause, &code);
    cr_assert_eq(cause, wanted);
    cr_assert(contains(text, word), "%.*s", (int)text.size, (const char *)text.data);
    part_run_destroy(&part_run);
}

/* So that the chunk's dead letter says what the program said. */
Test(part_run, fails_as_the_first_record_does_where_none_goes_well)
{
    struct message message = isolate(20);
    char text[128] = "";
    for (int i = 0; i < 20; i++)
        strcat(text, "bad\n");
    expect_failure(begin(&message, text, "", OUTPUT_MAX), FAILURE_EXIT, "it was bad");
}

/* What comes of a sample is not put in front of its time. */
Test(part_run, joins_the_results_in_order_where_a_sample_went_well)
{
    struct message message = isolate(20);
    char text[128] = "", good[64] = "", bad[64] = "";
    for (int i = 0; i < 20; i++)
        strcat(text, i < 9 ? "bad\n" : "good\n"),
            strcat(i < 9 ? bad : good, i < 9 ? "bad\n" : "good\n");
    struct part_run *part_run = begin(&message, text, "", OUTPUT_MAX);
    cr_assert_eq(run(part_run), PART_RUN_DONE);
    expect(part_run, good, bad, 9);
    part_run_destroy(&part_run);
}

Test(part_run, names_the_first_of_too_many_bad_records)
{
    enum { RECORDS = 2 * (BAD_MAX + 1) };
    struct message message = isolate(RECORDS);
    static char text[8 * RECORDS];
    char *end = text;
    for (int i = 0; i < RECORDS; i++)
        end += sprintf(end, i % 2 ? "bad\n" : "good\n");
    struct part_run *part_run = begin(&message, text, "", OUTPUT_MAX);
    cr_assert_eq(run(part_run), PART_RUN_FAILED);
    enum failure cause;
    uint32_t code;
    struct slice said = part_run_failure(part_run, &cause, &code);
    cr_assert(cause == FAILURE_PROTOCOL && code == FAILURE_PROTOCOL_TOO_MANY);
    cr_assert(contains(said, "the first is record 52 (exit status 3):\nit was bad"),
              "%.*s", (int)said.size, (const char *)said.data);
    part_run_destroy(&part_run);
}

Test(part_run, fails_where_result_and_bad_records_together_are_too_large)
{
    struct message message = isolate(4);
    static const char text[] = "1\n2\nbad\n4\n";
    struct part_run *part_run = begin(&message, text, "", 10);
    cr_assert_eq(run(part_run), PART_RUN_DONE);
    part_run_destroy(&part_run);
    expect_failure(begin(&message, text, "", 9), FAILURE_TOO_LARGE, "9 bytes");
    expect_failure(begin(&message, text, "", 5), FAILURE_TOO_LARGE, "5 bytes");
}

Test(part_run, fails_where_the_chunk_is_not_as_announced)
{
    struct message message = isolate(4);
    expect_failure(begin(&message, "1\n2\n3\n", "", OUTPUT_MAX), FAILURE_PROTOCOL,
                   "3 records where 4");
    expect_failure(begin(&message, "1\n2\n3\n4\n", "verses", OUTPUT_MAX),
                   FAILURE_PROTOCOL, "format");
    expect_failure(begin(&message, "", "", OUTPUT_MAX), FAILURE_PROTOCOL, "0 records");
}

Test(part_run, the_longest_list_of_bad_records_fits_a_header)
{
    static struct bad_record bad[BAD_MAX];
    static uint8_t text[BAD_TEXT_MAX_BYTES], mark[MARK_MAX];
    for (uint32_t i = 0; i < BAD_MAX; i++)
        bad[i] = (struct bad_record){.record = UINT64_MAX - BAD_MAX + i,
                                     .offset = UINT64_MAX,
                                     .length = UINT64_MAX,
                                     .cause = FAILURE_LOST,
                                     .code = UINT32_MAX,
                                     .text = {text, sizeof text}};
    struct result_entry entry = {.seq = UINT64_MAX,
                                 .attempt = UINT32_MAX,
                                 .length = UINT64_MAX,
                                 .run_us = UINT64_MAX,
                                 .mark = {mark, sizeof mark},
                                 .bad = bad,
                                 .bad_count = BAD_MAX};
    struct message message = {
        .type = MESSAGE_RESULT,
        .result = {.epoch = UINT64_MAX, .entries = &entry, .count = 1}};
    struct encoder *encoder = encoder_new();
    cr_assert_leq(encoder_write(encoder, &message).size, HEADER_MAX);
    encoder_destroy(&encoder);
}

/* Runs a program that prints the header "a\nb\n" and then its input, to the end. */
static struct part_run *run_with_header(const struct message *message, const char *text,
                                        uint64_t max_result)
{
    struct part_run_config config = {.header_out = 2, .max_result = max_result};
    struct part_run *part_run = part_run_new(message, slice_of_text(text), &config);
    struct slice input;
    uint64_t records;
    while (part_run_next(part_run, &input, &records) == PART_RUN_RUNS) {
        char output[256];
        int size = contains(input, "silent")
                       ? 0
                       : snprintf(output, sizeof output, "a\nb\n%.*s", (int)input.size,
                                  (const char *)input.data);
        if (contains(input, "bad"))
            part_run_on_failed(part_run, FAILURE_EXIT, 3, slice_of_text("it was bad"));
        else
            part_run_on_done(part_run, output, (size_t)size);
    }
    return part_run;
}

Test(part_run, keeps_the_header_of_the_first_part_alone)
{
    struct message message = isolate(6);
    struct part_run *part_run =
        run_with_header(&message, "one\ntwo\nbad\nfour\nbad\nsix\n", OUTPUT_MAX);
    expect(part_run, "a\nb\none\ntwo\nfour\nsix\n", "bad\nbad\n", 2);
    part_run_destroy(&part_run);
}

Test(part_run, takes_the_header_of_the_first_part_that_has_one)
{
    struct message message = isolate(4);
    struct part_run *part_run =
        run_with_header(&message, "silent\nbad\nthree\nbad\n", OUTPUT_MAX);
    expect(part_run, "a\nb\nthree\n", "bad\nbad\n", 2);
    part_run_destroy(&part_run);
}

Test(part_run, counts_a_header_that_is_cut_off_towards_no_limit)
{
    struct message message = isolate(3);
    struct part_run *part_run = run_with_header(&message, "1\nbad\n2\n", 4 + 2 + 2 + 4);
    expect(part_run, "a\nb\n1\n2\n", "bad\n", 1);
    part_run_destroy(&part_run);
}

static zmq_msg_t message_of(const char *text)
{
    zmq_msg_t message;
    zmq_msg_init_size(&message, strlen(text));
    memcpy(zmq_msg_data(&message), text, strlen(text));
    return message;
}

Test(task, of_an_isolate_runs_until_its_last_part_and_keeps_its_result)
{
    struct message message = isolate(2);
    zmq_msg_t payload = message_of("good\nbad\n");
    message.isolate.length = 9;
    struct part_run_config config = {.max_result = OUTPUT_MAX};
    struct task *task = task_new_isolate(&message, &payload, &config);
    zmq_msg_close(&payload);
    struct slice input;
    uint64_t records;
    cr_assert_eq(task_next(task, &input, &records), TASK_RUNS);
    cr_assert_eq(task_on_failed(task, 5, FAILURE_EXIT, 1, slice_of_text("x")),
                 TASK_RUNS);
    cr_assert_eq(task_next(task, &input, &records), TASK_RUNS);
    cr_assert_eq(input.size, 5);
    zmq_msg_t result = message_of("GOOD\n");
    cr_assert_eq(task_on_done(task, 7, &result, 0), TASK_RUNS);
    zmq_msg_close(&result);
    cr_assert_eq(task_on_failed(task, 11, FAILURE_SIGNAL, 6, slice_of_text("why")),
                 TASK_DONE);
    cr_assert_eq(task->run_us, 23);
    cr_assert_eq(task->length, 5);
    cr_assert_eq(zmq_msg_size(&task->result), 9);
    cr_assert_eq(memcmp(zmq_msg_data(&task->result), "GOOD\nbad\n", 9), 0);
    cr_assert(task->bad_count == 1 && task->bad[0].cause == FAILURE_SIGNAL);
    cr_assert_eq(task->bad[0].record, 51);
    cr_assert_eq(zmq_msg_size(&task->bytes), 0, "the chunk is not kept");
    task_destroy(&task);
}

Test(task, of_an_isolate_that_cannot_be_cut_fails_before_it_runs)
{
    struct message message = isolate(2);
    zmq_msg_t payload = message_of("one\n");
    message.isolate.length = 4;
    struct part_run_config config = {.max_result = OUTPUT_MAX};
    struct task *task = task_new_isolate(&message, &payload, &config);
    zmq_msg_close(&payload);
    struct slice input;
    uint64_t records;
    cr_assert_eq(task_next(task, &input, &records), TASK_FAILED);
    cr_assert_eq(task->cause, FAILURE_PROTOCOL);
    cr_assert_gt(task->text_size, 0);
    task_destroy(&task);
}
