/* SPDX-License-Identifier: MIT */
/* sink/heading.h, with parcels in each of their places. */
#include "sink/heading.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONG = 100000 };

static struct store *store;
static struct heading heading;

static void begin(void)
{
    store = store_new("/tmp");
    heading = (struct heading){.there = false};
}

static struct parcel *parcel_of(const char *text)
{
    zmq_msg_t payload;
    size_t size = strlen(text);
    cr_assert_eq(zmq_msg_init_size(&payload, size), 0);
    memcpy(zmq_msg_data(&payload), text, size);
    struct parcel *parcel = parcel_new(store, 0, &payload, 0, size);
    zmq_msg_close(&payload);
    return parcel;
}

static void expect_bytes(struct parcel **parcel_p, const char *text)
{
    struct parcel *parcel = *parcel_p;
    size_t size = strlen(text);
    cr_assert_eq(parcel_size(parcel), size, "%zu bytes", (size_t)parcel_size(parcel));
    uint8_t *bytes = malloc(size + 1);
    if (parcel_spilled(parcel))
        cr_assert_eq(parcel_read(parcel, 0, bytes, size), 0);
    else
        memcpy(bytes, parcel_bytes(parcel).data, size);
    cr_assert_eq(memcmp(bytes, text, size), 0);
    free(bytes);
    parcel_destroy(parcel_p);
    cr_assert_eq(store_memory_bytes(store), 0);
}

static void expect_cut(uint32_t lines, const char *result, const char *rest)
{
    struct parcel *parcel = parcel_of(result);
    cr_assert_eq(heading_cut(&heading, lines, parcel), 0);
    expect_bytes(&parcel, rest);
}

Test(heading, of_the_first_result_stays_and_that_of_all_others_goes)
{
    begin();
    expect_cut(2, "a\nb\n1\n", "a\nb\n1\n");
    expect_cut(2, "a\nb\n2\n", "2\n");
    expect_cut(2, "a\nb\n", "");
    expect_cut(2, "a\nb\n3", "3");
    store_destroy(&store);
}

Test(heading, is_that_of_the_first_result_with_a_byte_in_it)
{
    begin();
    expect_cut(1, "", "");
    expect_cut(1, "", "");
    expect_cut(1, "a\n1\n", "a\n1\n");
    expect_cut(1, "", "");
    expect_cut(1, "a\n2\n", "2\n");
    store_destroy(&store);
}

Test(heading, is_what_there_is_where_a_result_has_fewer_lines)
{
    begin();
    expect_cut(3, "a\nb", "a\nb");
    expect_cut(3, "a\nb", "");
    expect_cut(3, "a\n", "");
    expect_cut(3, "a\nb\nc\nd\n", "d\n");
    store_destroy(&store);
}

Test(heading, that_an_earlier_sink_wrote_counts)
{
    begin();
    heading.there = true;
    expect_cut(1, "a\n1\n", "1\n");
    store_destroy(&store);
}

Test(heading, of_no_lines_cuts_nothing)
{
    begin();
    expect_cut(0, "1\n", "1\n");
    expect_cut(0, "2\n", "2\n");
    store_destroy(&store);
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

Test(heading, of_a_large_result_is_cut_without_a_copy)
{
    const char *rest;
    char *text = long_result(2, &rest);
    begin();
    heading.there = true;
    struct parcel *parcel = parcel_of(text);
    const uint8_t *data = parcel_bytes(parcel).data;
    cr_assert_eq(heading_cut(&heading, 2, parcel), 0);
    cr_assert_eq(parcel_bytes(parcel).data, data + (rest - text));
    expect_bytes(&parcel, rest);
    store_destroy(&store);
    free(text);
}

/* 600 lines are more than one piece of the file. */
Test(heading, of_a_spilled_result_is_read_from_the_file)
{
    static const unsigned lines[] = {1, 600};
    for (int i = 0; i < 2; i++) {
        const char *rest;
        char *text = long_result(lines[i], &rest);
        begin();
        heading.there = true;
        struct parcel *parcel = parcel_of(text);
        cr_assert_eq(parcel_spill(parcel), 0);
        cr_assert_eq(heading_cut(&heading, lines[i], parcel), 0);
        cr_assert(parcel_spilled(parcel));
        expect_bytes(&parcel, rest);
        store_destroy(&store);
        free(text);
    }
}

Test(heading, is_cut_before_a_result_is_spilled)
{
    const char *rest;
    char *text = long_result(3, &rest);
    begin();
    heading.there = true;
    struct parcel *parcel = parcel_of(text);
    cr_assert_eq(heading_cut(&heading, 3, parcel), 0);
    cr_assert_eq(parcel_spill(parcel), 0);
    expect_bytes(&parcel, rest);
    store_destroy(&store);
    free(text);
}

Test(heading, leaves_the_bytes_of_dead_letters_alone)
{
    static const char bytes[] = "a\n1\nBAD RECORD\n";
    begin();
    heading.there = true;
    for (int spilled = 0; spilled < 2; spilled++) {
        const char *rest;
        char *text = long_result(1, &rest);
        zmq_msg_t payload;
        size_t size = strlen(text) + strlen(bytes);
        zmq_msg_init_size(&payload, size);
        memcpy(zmq_msg_data(&payload), text, strlen(text));
        memcpy((char *)zmq_msg_data(&payload) + strlen(text), bytes, strlen(bytes));
        struct letter letter = {.length = strlen(bytes)};
        struct parcel *parcel =
            parcel_new_with_letters(store, 0, &payload, 0, size, &letter, 1);
        zmq_msg_close(&payload);
        cr_assert_eq(heading_cut(&heading, 1, parcel), 0);
        if (spilled)
            cr_assert_eq(parcel_spill(parcel), 0);
        char got[sizeof bytes] = "";
        cr_assert_eq(parcel_read_letters(parcel, 0, got, strlen(bytes)), 0);
        cr_assert_str_eq(got, bytes);
        expect_bytes(&parcel, rest);
        free(text);
    }
    store_destroy(&store);
}
