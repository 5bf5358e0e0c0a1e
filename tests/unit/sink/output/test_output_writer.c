/* SPDX-License-Identifier: MIT */
#include "sink/output/output_writer.h"

#include "common/exit_status.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct result_memory *memory;
static char directory[64], path[128], error[500];

static void prepare(void)
{
    signal(SIGPIPE, SIG_IGN);
    strcpy(directory, "/tmp/fanfold-writer-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/out", directory);
    memory = result_memory_new(directory);
}

static void clean(void)
{
    cr_assert_eq(result_memory_bytes(memory), 0, "a result was lost");
    result_memory_destroy(&memory);
    unlink(path);
    rmdir(directory);
}

TestSuite(output_writer, .init = prepare, .fini = clean);

static struct output_writer *open_writer(void)
{
    struct output *output;
    cr_assert_eq(output_open(path, 0, &output, error, sizeof error), 0, "%s", error);
    struct output_writer *writer = output_writer_new(&output, memory, true);
    cr_assert_null(output);
    return writer;
}

static int push(struct output_writer *writer, uint64_t seq, const char *text)
{
    zmq_msg_t payload;
    zmq_msg_init_size(&payload, strlen(text));
    memcpy(zmq_msg_data(&payload), text, strlen(text));
    struct result *result = result_new(memory, seq, &payload, 0, strlen(text));
    zmq_msg_close(&payload);
    return output_writer_push(writer, result, 1, error, sizeof error);
}

static int write_some(struct output_writer *writer)
{
    return output_writer_write(writer, 1 << 20, error, sizeof error);
}

static void expect_content(const char *expected)
{
    char content[200];
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    content[fread(content, 1, sizeof content - 1, file)] = '\0';
    fclose(file);
    cr_assert_str_eq(content, expected);
}

Test(output_writer, writes_the_header_once_and_tells_once_what_is_written)
{
    uint64_t seq = 99;
    struct output_writer *writer = open_writer();
    cr_assert_eq(push(writer, 0, "name\na\n"), STATUS_OK);
    cr_assert_eq(push(writer, 1, "name\nb\n"), STATUS_OK);
    cr_assert(output_writer_has_queued(writer));
    cr_assert_eq(write_some(writer), STATUS_OK);
    cr_assert(output_writer_take_written(writer, &seq));
    cr_assert_eq(seq, 1);
    cr_assert_not(output_writer_take_written(writer, &seq));
    expect_content("name\na\nb\n");
    cr_assert_eq(output_writer_close(writer, true, error, sizeof error), STATUS_OK);
    cr_assert_eq(output_writer_bytes(writer), 9);
    output_writer_destroy(&writer);
    cr_assert_null(writer);
}

Test(output_writer, drops_results_once_it_has_ended)
{
    struct output_writer *writer = open_writer();
    output_writer_stop(writer);
    cr_assert_eq(push(writer, 0, "name\na\n"), STATUS_OK);
    cr_assert_eq(result_memory_bytes(memory), 0);
    cr_assert_eq(write_some(writer), STATUS_OK);
    zmq_pollitem_t item = {.fd = -1};
    output_writer_fill_item(writer, &item);
    cr_assert_eq(item.fd, -1);
    output_writer_destroy(&writer);
    expect_content("");
}

Test(output_writer, leaves_no_empty_file_of_a_run_that_did_not_finish)
{
    struct output_writer *writer = open_writer();
    cr_assert_eq(output_writer_close(writer, false, error, sizeof error), STATUS_OK);
    cr_assert_eq(access(path, F_OK), -1);
    output_writer_destroy(&writer);
}

Test(output_writer, of_a_complete_run_says_that_its_file_was_taken_away)
{
    struct output_writer *writer = open_writer();
    unlink(path);
    cr_assert_eq(output_writer_complete(writer, error, sizeof error), STATUS_IO);
    cr_assert_not_null(strstr(error, "it was removed or replaced"));
    cr_assert(output_writer_is_lost(writer));
    cr_assert(output_writer_has_ended(writer));
    output_writer_destroy(&writer);
}

Test(output_writer, has_no_sentence_for_a_reader_that_went_away)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    struct output *output = output_adopt(ends[1], "a pipe");
    struct output_writer *writer = output_writer_new(&output, memory, false);
    close(ends[0]);
    cr_assert_eq(push(writer, 0, "name\na\n"), STATUS_OK);
    cr_assert_eq(write_some(writer), STATUS_OUTPUT_CLOSED);
    cr_assert_str_eq(error, "");
    cr_assert(output_writer_has_ended(writer));
    output_writer_destroy(&writer);
}

Test(output_writer, lets_others_have_a_turn_while_a_large_result_is_above_the_share)
{
    enum { WHOLE = 40 << 20 };
    struct output_writer *writer = open_writer();
    zmq_msg_t payload;
    zmq_msg_init_size(&payload, WHOLE);
    memset(zmq_msg_data(&payload), 'x', WHOLE);
    struct result *result = result_new(memory, 0, &payload, 0, WHOLE);
    zmq_msg_close(&payload);
    cr_assert_eq(output_writer_push(writer, result, 0, error, sizeof error), STATUS_OK);
    for (int turns = 1; turns <= 3; turns++) {
        cr_assert_eq(write_some(writer), STATUS_OK);
        cr_assert_eq(output_writer_is_behind(writer), turns < 3, "turn %d", turns);
    }
    cr_assert_not(output_writer_has_queued(writer));
    cr_assert_eq(output_writer_bytes(writer), WHOLE);
    output_writer_destroy(&writer);
}
