/* SPDX-License-Identifier: MIT */
/* sink/result/header_filter.h, with results in each of their places. */
#include "sink/result/header_filter.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONG = 100000 };

static struct result_memory *memory;
static struct header_filter header_filter;

static void begin(void)
{
    memory = result_memory_new("/tmp");
    header_filter = (struct header_filter){.there = false};
}

static struct result *result_of(const char *text)
{
    zmq_msg_t payload;
    size_t size = strlen(text);
    cr_assert_eq(zmq_msg_init_size(&payload, size), 0);
    memcpy(zmq_msg_data(&payload), text, size);
    struct result *result = result_new(memory, 0, &payload, 0, size);
    zmq_msg_close(&payload);
    return result;
}

static void expect_bytes(struct result **result_p, const char *text)
{
    struct result *result = *result_p;
    size_t size = strlen(text);
    cr_assert_eq(result_size(result), size, "%zu bytes", (size_t)result_size(result));
    uint8_t *bytes = malloc(size + 1);
    if (result_spilled(result))
        cr_assert_eq(result_read(result, 0, bytes, size), 0);
    else
        memcpy(bytes, result_bytes(result).data, size);
    cr_assert_eq(memcmp(bytes, text, size), 0);
    free(bytes);
    result_destroy(result_p);
    cr_assert_eq(result_memory_bytes(memory), 0);
}

static void expect_cut(uint32_t lines, const char *text, const char *rest)
{
    struct result *result = result_of(text);
    cr_assert_eq(header_filter_cut(&header_filter, lines, result), 0);
    expect_bytes(&result, rest);
}

Test(header_filter, of_the_first_result_stays_and_that_of_all_others_goes)
{
    begin();
    expect_cut(2, "a\nb\n1\n", "a\nb\n1\n");
    expect_cut(2, "a\nb\n2\n", "2\n");
    expect_cut(2, "a\nb\n", "");
    expect_cut(2, "a\nb\n3", "3");
    result_memory_destroy(&memory);
}

Test(header_filter, is_that_of_the_first_result_with_a_byte_in_it)
{
    begin();
    expect_cut(1, "", "");
    expect_cut(1, "", "");
    expect_cut(1, "a\n1\n", "a\n1\n");
    expect_cut(1, "", "");
    expect_cut(1, "a\n2\n", "2\n");
    result_memory_destroy(&memory);
}

Test(header_filter, is_what_there_is_where_a_result_has_fewer_lines)
{
    begin();
    expect_cut(3, "a\nb", "a\nb");
    expect_cut(3, "a\nb", "");
    expect_cut(3, "a\n", "");
    expect_cut(3, "a\nb\nc\nd\n", "d\n");
    result_memory_destroy(&memory);
}

Test(header_filter, that_an_earlier_sink_wrote_counts)
{
    begin();
    header_filter.there = true;
    expect_cut(1, "a\n1\n", "1\n");
    result_memory_destroy(&memory);
}

Test(header_filter, of_no_lines_cuts_nothing)
{
    begin();
    expect_cut(0, "1\n", "1\n");
    expect_cut(0, "2\n", "2\n");
    result_memory_destroy(&memory);
}

/* "header line i" `lines` times, and a long rest. */
static char *long_result(unsigned lines, const char **ret_rest)
{
    char *text = malloc(LONG + lines * 32);
    size_t size = 0;
    for (unsigned i = 0; i < lines; i++)
        size += (size_t)sprintf(text + size, "header line %u\n", i);
    *ret_rest = text + size;
    memset(text + size, 'x', LONG);
    text[size + LONG - 1] = '\n';
    text[size + LONG] = '\0';
    return text;
}

Test(header_filter, of_a_large_result_is_cut_without_a_copy)
{
    const char *rest;
    char *text = long_result(2, &rest);
    begin();
    header_filter.there = true;
    struct result *result = result_of(text);
    const uint8_t *data = result_bytes(result).data;
    cr_assert_eq(header_filter_cut(&header_filter, 2, result), 0);
    cr_assert_eq(result_bytes(result).data, data + (rest - text));
    expect_bytes(&result, rest);
    result_memory_destroy(&memory);
    free(text);
}

/* 600 lines are more than one piece of the file. */
Test(header_filter, of_a_spilled_result_is_read_from_the_file)
{
    static const unsigned lines[] = {1, 600};
    for (int i = 0; i < 2; i++) {
        const char *rest;
        char *text = long_result(lines[i], &rest);
        begin();
        header_filter.there = true;
        struct result *result = result_of(text);
        cr_assert_eq(result_spill(result), 0);
        cr_assert_eq(header_filter_cut(&header_filter, lines[i], result), 0);
        cr_assert(result_spilled(result));
        expect_bytes(&result, rest);
        result_memory_destroy(&memory);
        free(text);
    }
}

Test(header_filter, is_cut_before_a_result_is_spilled)
{
    const char *rest;
    char *text = long_result(3, &rest);
    begin();
    header_filter.there = true;
    struct result *result = result_of(text);
    cr_assert_eq(header_filter_cut(&header_filter, 3, result), 0);
    cr_assert_eq(result_spill(result), 0);
    expect_bytes(&result, rest);
    result_memory_destroy(&memory);
    free(text);
}

Test(header_filter, leaves_the_bytes_of_dead_letters_alone)
{
    static const char bytes[] = "a\n1\nBAD RECORD\n";
    begin();
    header_filter.there = true;
    for (int spilled = 0; spilled < 2; spilled++) {
        const char *rest;
        char *text = long_result(1, &rest);
        zmq_msg_t payload;
        size_t size = strlen(text) + strlen(bytes);
        zmq_msg_init_size(&payload, size);
        memcpy(zmq_msg_data(&payload), text, strlen(text));
        memcpy((char *)zmq_msg_data(&payload) + strlen(text), bytes, strlen(bytes));
        struct dead_letter dead_letter = {.length = strlen(bytes)};
        struct result *result =
            result_new_with_dead_letters(memory, 0, &payload, 0, size, &dead_letter, 1);
        zmq_msg_close(&payload);
        cr_assert_eq(header_filter_cut(&header_filter, 1, result), 0);
        if (spilled)
            cr_assert_eq(result_spill(result), 0);
        char got[sizeof bytes] = "";
        cr_assert_eq(result_read_dead_letters(result, 0, got, strlen(bytes)), 0);
        cr_assert_str_eq(got, bytes);
        expect_bytes(&result, rest);
        free(text);
    }
    result_memory_destroy(&memory);
}
