/* SPDX-License-Identifier: MIT */
#include "common/dealer/dealer_format.h"

#include <criterion/criterion.h>
#include <string.h>

static struct dealer_message written_and_read(const struct dealer_message *message)
{
    static uint8_t scratch[12];
    static struct slice frames[DEALER_FRAMES];
    struct dealer_message read;
    size_t count = dealer_write(message, scratch, frames);
    cr_assert(dealer_read(frames, count, &read));
    cr_assert_eq(read.verb, message->verb);
    cr_assert_eq(read.id.size, message->id.size);
    cr_assert_eq(memcmp(read.id.data, message->id.data, read.id.size), 0);
    return read;
}

Test(dealer_format, each_message_comes_back_as_it_was_written)
{
    struct dealer_message message = {
        .verb = DEALER_HAVE, .id = slice_of_text("a"), .number = 258, .credit = 7};
    struct dealer_message read = written_and_read(&message);
    cr_assert_eq(read.number, 258);
    cr_assert_eq(read.credit, 7);
    message.verb = DEALER_AGAIN;
    cr_assert_eq(written_and_read(&message).number, 258);
    message.verb = DEALER_HELLO;
    cr_assert(written_and_read(&message).same_version);
    message.verb = DEALER_REJECT;
    message.reason = slice_of_text("no");
    cr_assert_eq(written_and_read(&message).reason.size, 2);
}

Test(dealer_format, data_is_the_bytes_that_the_text_says)
{
    const struct dealer_message data = {
        .verb = DEALER_DATA, .id = slice_of_text("cam"), .number = 0x0102};
    struct slice frames[DEALER_FRAMES + 2];
    uint8_t scratch[12];
    cr_assert_eq(dealer_write(&data, scratch, frames), 3);
    cr_assert_eq(memcmp(frames[0].data, "DATA", 4), 0);
    cr_assert_eq(memcmp(frames[1].data, "cam", 3), 0);
    cr_assert_eq(frames[2].size, 8);
    cr_assert_eq(memcmp(frames[2].data, "\0\0\0\0\0\0\1\2", 8), 0);
    frames[3] = slice_of_text("one");
    frames[4] = slice_of_text("two");
    struct dealer_message read;
    cr_assert(dealer_read(frames, 5, &read));
    cr_assert_eq(read.payload_count, 2);
    cr_assert_eq(memcmp(read.payload[1].data, "two", 3), 0);
}

static bool reads(size_t count, const char *word, const char *id, size_t id_size,
                  const char *rest, size_t rest_size)
{
    const struct slice frames[] = {
        slice_of_text(word),
        {(const uint8_t *)id, id_size},
        {(const uint8_t *)rest, rest_size},
        slice_of_text("payload"),
    };
    struct dealer_message message;
    return dealer_read(frames, count, &message);
}

Test(dealer_format, what_is_malformed_is_no_message)
{
    char id[DEALER_ID_MAX + 1] = {0};
    const char one[8] = {0, 0, 0, 0, 0, 0, 0, 1}, zero[8] = {0};
    cr_assert(reads(4, "DATA", id, DEALER_ID_MAX, one, 8));
    cr_assert_not(reads(0, "DATA", id, 1, one, 8));
    cr_assert_not(reads(3, "DATA", id, 1, one, 8), "no payload");
    cr_assert_not(reads(4, "DATA", id, 0, one, 8), "no id");
    cr_assert_not(reads(4, "DATA", id, sizeof id, one, 8), "a long id");
    cr_assert_not(reads(4, "DATA", id, 1, one, 7), "a short number");
    cr_assert_not(reads(4, "DATA", id, 1, zero, 8), "numbers begin at 1");
    cr_assert_not(reads(4, "DATUM", id, 1, one, 8), "an unknown word");
    cr_assert_not(reads(4, "HAVE", id, 1, one, 8), "a credit of 7 bytes");
    cr_assert_not(reads(2, "HELLO", "DEALER/1", 8, "a", 1));
}

Test(dealer_format, a_hello_of_another_version_is_told_from_ours)
{
    const struct slice frames[] = {slice_of_text("HELLO"), slice_of_text("DEALER/2"),
                                   slice_of_text("a")};
    struct dealer_message message;
    cr_assert(dealer_read(frames, 3, &message));
    cr_assert_not(message.same_version);
}
