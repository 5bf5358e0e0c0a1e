/* SPDX-License-Identifier: MIT */
#include "common/spool/spool_format.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct id spool = {
    {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static struct byte_buffer entry_bytes(void)
{
    struct byte_buffer bytes = {.data = NULL};
    const struct spool_entry entry = {
        .kind = SPOOL_RECORD,
        .number = 258,
        .producer = slice_of_text("cam"),
        .producer_number = 7,
        .payload = slice_of_text("hello\n"),
    };
    spool_entry_write(&entry, &spool, &bytes);
    return bytes;
}

static struct byte_buffer header_bytes(void)
{
    struct byte_buffer bytes = {.data = NULL};
    struct producers producers = {.items = NULL};
    producers_add(&producers, slice_of_text("new"))->highest = 5;
    struct producer *known = producers_add(&producers, slice_of_text("cam"));
    known->highest = 9;
    known->synced = 8;
    const struct spool_header header = {.spool = spool, .segment = 3, .first = 258};
    spool_header_write(&header, &producers, &bytes);
    producers_deinit(&producers);
    return bytes;
}

static struct slice all_of(const struct byte_buffer *bytes)
{
    return (struct slice){bytes->data, bytes->size};
}

Test(spool_format, an_entry_comes_back_as_it_was_written)
{
    struct byte_buffer bytes = entry_bytes();
    struct spool_entry entry;
    size_t size;
    cr_assert_eq(spool_entry_read(all_of(&bytes), &spool, &entry, &size),
                 SPOOL_ENTRY_GOOD);
    cr_assert_eq(size, bytes.size);
    cr_assert_eq(entry.kind, SPOOL_RECORD);
    cr_assert_eq(entry.number, 258);
    cr_assert_eq(entry.producer_number, 7);
    cr_assert_eq(entry.producer.size, 3);
    cr_assert_eq(memcmp(entry.producer.data, "cam", 3), 0);
    cr_assert_eq(entry.payload.size, 6);
    cr_assert_eq(memcmp(entry.payload.data, "hello\n", 6), 0);
    byte_buffer_deinit(&bytes);
}

Test(spool_format, an_entry_has_the_bytes_that_the_text_says)
{
    static const uint8_t expected[] = {
        2, 1, 0, 0, 0, 0, 0, 0,   7,   0,   0,   0,   0,   0,   0,   0,   6,
        0, 0, 0, 1, 3, 0, 0, 'c', 'a', 'm', 'h', 'e', 'l', 'l', 'o', '\n'};
    struct byte_buffer bytes = entry_bytes();
    cr_assert_eq(bytes.size, 16 + sizeof expected);
    cr_assert_eq(memcmp(bytes.data + 16, expected, sizeof expected), 0);
    byte_buffer_deinit(&bytes);
}

Test(spool_format, an_entry_that_is_torn_at_any_length_is_short)
{
    struct byte_buffer bytes = entry_bytes();
    struct spool_entry entry;
    size_t wanted;
    for (size_t size = 0; size < bytes.size; size++) {
        struct slice torn = {bytes.data, size};
        cr_assert_eq(spool_entry_read(torn, &spool, &entry, &wanted), SPOOL_ENTRY_SHORT,
                     "%zu", size);
        cr_assert_gt(wanted, size);
    }
    byte_buffer_deinit(&bytes);
}

Test(spool_format, an_entry_with_any_bit_flipped_is_damaged)
{
    struct byte_buffer bytes = entry_bytes();
    struct spool_entry entry;
    size_t size;
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(spool_entry_read(all_of(&bytes), &spool, &entry, &size),
                     SPOOL_ENTRY_DAMAGED, "bit %zu", bit);
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    byte_buffer_deinit(&bytes);
}

Test(spool_format, an_entry_of_another_spool_is_damaged)
{
    struct byte_buffer bytes = entry_bytes();
    struct spool_entry entry;
    const struct id other = {{9}};
    size_t size;
    cr_assert_eq(spool_entry_read(all_of(&bytes), &other, &entry, &size),
                 SPOOL_ENTRY_DAMAGED);
    byte_buffer_deinit(&bytes);
}

Test(spool_format, a_header_keeps_what_is_synced_of_each_producer)
{
    struct byte_buffer bytes = header_bytes();
    struct producers producers = {.items = NULL};
    struct spool_header header;
    cr_assert_eq(spool_header_read(all_of(&bytes), &header, &producers),
                 SPOOL_HEADER_GOOD);
    cr_assert_eq(header.segment, 3);
    cr_assert_eq(header.first, 258);
    cr_assert_eq(header.size, bytes.size);
    cr_assert(id_equal(&header.spool, &spool));
    cr_assert_eq(producers.count, 1, "nothing is synced of the other");
    cr_assert_eq(producers_find(&producers, slice_of_text("cam"))->highest, 8);
    producers_deinit(&producers);
    byte_buffer_deinit(&bytes);
}

Test(spool_format, a_torn_or_damaged_header_is_never_good)
{
    struct byte_buffer bytes = header_bytes();
    struct spool_header header;
    for (size_t size = 0; size < bytes.size; size++)
        cr_assert_eq(spool_header_read((struct slice){bytes.data, size}, &header, NULL),
                     SPOOL_HEADER_SHORT, "%zu", size);
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_neq(spool_header_read(all_of(&bytes), &header, NULL),
                      SPOOL_HEADER_GOOD, "bit %zu", bit);
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    bytes.data[8] = SPOOL_VERSION + 1;
    cr_assert_eq(spool_header_read(all_of(&bytes), &header, NULL),
                 SPOOL_HEADER_VERSION);
    byte_buffer_deinit(&bytes);
}
