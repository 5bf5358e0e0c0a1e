/* SPDX-License-Identifier: MIT */
#include "sink/journal/journal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

static struct journal sample(void)
{
    struct journal journal = {
        .position = {.run = {{1, 2, 3}},
                     .uid = {{4, 5, 6}},
                     .epoch = 3,
                     .next = UINT64_MAX,
                     .dead_letters = 12,
                     .failed = 7,
                     .mark_size = MARK_MAX,
                     .input_size = INPUT_MAX_BYTES,
                     .finished = true},
        .offset = INT64_MAX,
        .fingerprint = UINT64_MAX,
        .dead_letters_name = UINT64_MAX,
        .command = UINT64_MAX,
    };
    for (int i = 0; i < 255; i++)
        journal.position.mark[i] = journal.position.input[254 - i] = (uint8_t)i;
    return journal;
}

static void expect_same(const struct journal *a, const struct journal *b)
{
    const struct position *left = &a->position, *right = &b->position;
    cr_assert(id_equal(&left->run, &right->run));
    cr_assert(id_equal(&left->uid, &right->uid));
    cr_assert_eq(left->epoch, right->epoch);
    cr_assert_eq(left->next, right->next);
    cr_assert_eq(left->dead_letters, right->dead_letters);
    cr_assert_eq(left->failed, right->failed);
    cr_assert_eq(left->mark_size, right->mark_size);
    cr_assert_eq(memcmp(left->mark, right->mark, left->mark_size), 0);
    cr_assert_eq(left->input_size, right->input_size);
    cr_assert_eq(memcmp(left->input, right->input, left->input_size), 0);
    cr_assert_eq(left->finished, right->finished);
    cr_assert_eq(a->offset, b->offset);
    cr_assert_eq(a->fingerprint, b->fingerprint);
    cr_assert_eq(a->dead_letters_name, b->dead_letters_name);
    cr_assert_eq(a->command, b->command);
    cr_assert_eq(a->framing, b->framing);
    cr_assert_eq(a->part, b->part);
    cr_assert_eq(a->closing, b->closing);
    cr_assert_eq(a->headed, b->headed);
    cr_assert_eq(a->earlier, b->earlier);
}

Test(journal, says_what_was_written_into_it)
{
    struct journal full = sample(), empty = {.offset = 0}, read;
    uint8_t bytes[JOURNAL_BYTES_MAX];
    size_t size = journal_encode(&full, bytes);
    cr_assert_null(journal_decode((struct slice){bytes, size}, &read));
    expect_same(&full, &read);
    size = journal_encode(&empty, bytes);
    cr_assert_null(journal_decode((struct slice){bytes, size}, &read));
    expect_same(&empty, &read);
}

Test(journal, of_a_framed_output_says_so_with_and_without_a_command)
{
    struct journal framed = sample(), read;
    uint8_t bytes[JOURNAL_BYTES_MAX];
    framed.framing = 3;
    for (int i = 0; i < 2; i++, framed.command = 0) {
        size_t size = journal_encode(&framed, bytes);
        cr_assert_null(journal_decode((struct slice){bytes, size}, &read));
        expect_same(&framed, &read);
    }
}

Test(journal, of_an_output_in_parts_knows_the_part_and_begins_the_next)
{
    struct journal closing = sample(), read;
    uint8_t bytes[JOURNAL_BYTES_MAX];
    closing.offset = 30;
    closing.part = 7;
    closing.closing = 1;
    closing.earlier = 400;
    size_t size = journal_encode(&closing, bytes);
    cr_assert_null(journal_decode((struct slice){bytes, size}, &read));
    expect_same(&closing, &read);
    journal_begin_part(&read);
    cr_assert_eq(read.part, 8);
    cr_assert_eq(read.offset, 0);
    cr_assert_eq(read.closing, 0);
    cr_assert_eq(read.earlier, 430);
    closing.headed = 1;
    size = journal_encode(&closing, bytes);
    cr_assert_null(journal_decode((struct slice){bytes, size}, &read));
    expect_same(&closing, &read);
    journal_begin_part(&read);
    cr_assert_eq(read.headed, 1);
}

/* That of an earlier sink, which knew no command, can be resumed. */
Test(journal, without_a_command_is_as_it_always_was)
{
    struct journal full = sample(), read;
    uint8_t bytes[JOURNAL_BYTES_MAX];
    cr_assert_neq(journal_encode(&full, bytes), 0);
    cr_assert_eq(bytes[0], 0x9f);
    full.command = 0;
    size_t size = journal_encode(&full, bytes);
    cr_assert_eq(bytes[0], 0x9e);
    cr_assert_null(journal_decode((struct slice){bytes, size}, &read));
    expect_same(&full, &read);
}

Test(journal, that_is_cut_or_changed_anywhere_is_none)
{
    struct journal full = sample(), read = {.offset = 77};
    uint8_t bytes[JOURNAL_BYTES_MAX + 1] = {0};
    size_t size = journal_encode(&full, bytes);
    for (size_t cut = 0; cut < size; cut++)
        cr_assert_not_null(journal_decode((struct slice){bytes, cut}, &read));
    cr_assert_not_null(journal_decode((struct slice){bytes, size + 1}, &read));
    for (size_t at = 0; at < size; at++) {
        bytes[at] ^= 0x10;
        cr_assert_not_null(journal_decode((struct slice){bytes, size}, &read));
        bytes[at] ^= 0x10;
    }
    cr_assert_eq(read.offset, 77, "untouched on failure");
    cr_assert_null(journal_decode((struct slice){bytes, size}, &read));
}

/* With a checksum that is right: what is parsed is bounded all the same. */
static const char *decode_body(const uint8_t *body, size_t size)
{
    static uint8_t bytes[JOURNAL_BYTES_MAX];
    struct journal read;
    uint64_t hash = XXH64(body, size, 0);
    memcpy(bytes, body, size);
    for (int i = 0; i < 8; i++)
        bytes[size + i] = (uint8_t)(hash >> (56 - 8 * i));
    return journal_decode((struct slice){bytes, size + 8}, &read);
}

Test(journal, of_any_bytes_whatever_the_checksum_is_none)
{
    struct journal full = sample();
    uint8_t bytes[JOURNAL_BYTES_MAX], body[JOURNAL_BYTES_MAX];
    size_t size = journal_encode(&full, bytes) - 8;
    uint64_t state = 1;
    unsigned refused = 0;
    for (int round = 0; round < 20000; round++) {
        memcpy(body, bytes, size);
        for (int change = 0; change < 1 + round % 4; change++) {
            state = state * UINT64_C(6364136223846793005) +
                    UINT64_C(1442695040888963407);
            body[(state >> 33) % size] = (uint8_t)(state >> 56);
        }
        refused += decode_body(body, size) != NULL;
    }
    cr_assert_gt(refused, 100);
    cr_assert_str_eq(decode_body((const uint8_t *)"\xdd\xff\xff\xff\xff", 5),
                     "it is no journal");
    cr_assert_str_eq(decode_body((const uint8_t *)"\x90", 1), "it is no journal");
}

Test(journal, of_another_version_is_named_as_such)
{
    struct journal full = sample();
    uint8_t bytes[JOURNAL_BYTES_MAX];
    size_t size = journal_encode(&full, bytes) - 8;
    uint8_t *version = bytes + 1 + 1 + strlen("fanfold journal");
    cr_assert_eq(*version, 2);
    *version = 1;
    cr_assert_str_eq(decode_body(bytes, size),
                     "another version of fanfold-sink wrote it");
}

Test(journal, that_is_not_there_is_told_from_one_that_is_wrong)
{
    char path[] = "/tmp/fanfold-journal-XXXXXX", error[200] = "";
    struct journal journal;
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, "something else", 14), 14);
    close(fd);
    cr_assert_eq(journal_read(path, &journal, error, sizeof error), -EINVAL);
    cr_assert_not_null(strstr(error, "is no journal"));
    journal_remove(path);
    cr_assert_eq(access(path, F_OK), 0, "what is no journal is not removed");
    unlink(path);
    cr_assert_eq(journal_read(path, &journal, error, sizeof error), -ENOENT);
}

Test(journal, that_is_spoilt_is_told_from_a_file_of_another_kind)
{
    char path[] = "/tmp/fanfold-journal-XXXXXX", error[200] = "";
    struct journal full = sample(), journal;
    uint8_t bytes[JOURNAL_BYTES_MAX];
    size_t size = journal_encode(&full, bytes);
    bytes[size / 2] ^= 1;
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
    close(fd);
    cr_assert_eq(journal_read(path, &journal, error, sizeof error), -EINVAL);
    cr_assert_not_null(strstr(error, "its checksum is wrong"));
    journal_remove(path);
    cr_assert_eq(access(path, F_OK), -1);
}

Test(journal, begins_as_journals_of_all_versions_do)
{
    struct journal full = sample();
    uint8_t bytes[JOURNAL_BYTES_MAX];
    size_t size = journal_encode(&full, bytes);
    cr_assert_not(journal_begins((struct slice){bytes, 0}));
    for (size_t cut = 1; cut <= size; cut++)
        cr_assert(journal_begins((struct slice){bytes, cut}));
    for (size_t at = 1; at < 17; at++) {
        bytes[at] ^= 1;
        cr_assert_not(journal_begins((struct slice){bytes, size}), "byte %zu", at);
        bytes[at] ^= 1;
    }
}
