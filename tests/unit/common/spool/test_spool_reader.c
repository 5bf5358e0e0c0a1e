/* SPDX-License-Identifier: MIT */
#include "spool_fixture.h"

TestSuite(spool_reader, .init = prepare, .fini = clean);

Test(spool_reader, gives_nothing_that_is_not_synced)
{
    struct spool_writer *writer = open_writer();
    struct spool_reader *reader = open_reader(0);
    expect_none(reader);
    append(writer, 3);
    expect_none(reader);
    cr_assert_eq(spool_writer_sync(writer), 0);
    expect(reader, 0, 3);
    expect_none(reader);
    spool_reader_close(&reader);
    spool_writer_close(&writer);
}

Test(spool_reader, follows_the_writer_through_segments_while_they_are_cut)
{
    struct spool_writer *writer = open_writer_of(1 << 20, 300);
    struct spool_reader *reader = open_reader(0);
    uint64_t read = 0;
    for (unsigned round = 0; round < 200; round++) {
        append_synced(writer, round % 7 + 1);
        if (round % 3 != 0)
            continue;
        expect(reader, read, spool_writer_next(writer));
        expect_none(reader);
        read = spool_writer_next(writer);
        cr_assert_eq(spool_writer_cut(writer, read), 0);
    }
    spool_reader_close(&reader);
    spool_writer_close(&writer);
}

Test(spool_reader, begins_at_any_entry_that_is_there)
{
    struct spool_writer *writer = open_writer_of(1 << 20, 300);
    for (int i = 0; i < 10; i++)
        append_synced(writer, 3);
    for (uint64_t number = 0; number <= 30; number++) {
        struct spool_reader *reader = open_reader(number);
        expect(reader, number, 30);
        expect_none(reader);
        spool_reader_close(&reader);
    }
    struct spool_reader *reader;
    cr_assert_eq(spool_reader_open(spool, 31, false, &reader, error, sizeof error),
                 -ENODATA);
    cr_assert(strstr(error, "it ends before entry 31"), "%s", error);
    cr_assert_eq(spool_writer_cut(writer, 20), 0);
    cr_assert_eq(spool_reader_open(spool, 0, false, &reader, error, sizeof error),
                 -ENODATA);
    cr_assert(strstr(error, "entry 0 is not there any more"), "%s", error);
    spool_writer_close(&writer);
}

/* Every byte of every segment: an error or the same entries, never others. */
Test(spool_reader, passes_over_no_damage)
{
    struct spool_writer *writer = open_writer_of(1 << 20, 200);
    for (int i = 0; i < 4; i++)
        append_synced(writer, 2);
    for (unsigned number = 1; size_of(segment(number)) > 0; number++)
        for (off_t offset = 0; offset < size_of(segment(number)); offset++) {
            struct spool_reader *reader;
            struct spool_entry entry;
            uint64_t read = 0;
            flip(segment(number), offset);
            int result =
                spool_reader_open(spool, 0, false, &reader, error, sizeof error);
            while (result == 0 && spool_reader_next(reader, &entry) == 1)
                cr_assert_eq(entry.number, read++);
            if (result == 0) {
                cr_assert_eq(spool_reader_next(reader, &entry), -EBADMSG,
                             "segment %u, byte %lld", number, (long long)offset);
                spool_reader_close(&reader);
            }
            cr_assert_lt(read, 8);
            flip(segment(number), offset);
        }
    spool_writer_close(&writer);
}

Test(spool_reader, says_that_a_segment_is_cut_short)
{
    struct spool_writer *writer = open_writer_of(1 << 20, 100);
    for (int i = 0; i < 3; i++)
        append_synced(writer, 2);
    off_t size = size_of(segment(1));
    struct spool_entry entry;
    for (off_t cut = 1; cut < 100; cut++) {
        cr_assert_eq(truncate(segment(1), size - cut), 0);
        struct spool_reader *reader = open_reader(0);
        int result;
        uint64_t read = 0;
        while ((result = spool_reader_next(reader, &entry)) == 1)
            read++;
        if (cut <= 40)
            cr_assert(result == -EBADMSG || read == 6);
        else
            cr_assert_eq(result, -EBADMSG, "%lld", (long long)cut);
        spool_reader_close(&reader);
    }
    spool_writer_close(&writer);
}

Test(spool_reader, looks_ahead_over_groups_larger_than_a_read)
{
    struct spool_writer *writer = open_writer();
    struct spool_reader *reader = open_reader(0);
    struct spool_entry entry;
    uint8_t *large = calloc(1, 3 << 20);
    for (uint8_t i = 0; i < 4; i++) {
        large[0] = i;
        spool_writer_append(writer, (struct slice){large, 3 << 20});
    }
    expect_none(reader);
    cr_assert_eq(spool_writer_sync(writer), 0);
    for (uint8_t i = 0; i < 4; i++) {
        cr_assert_eq(spool_reader_next(reader, &entry), 1);
        cr_assert_eq(entry.payload.data[0], i);
    }
    expect_none(reader);
    free(large);
    spool_reader_close(&reader);
    spool_writer_close(&writer);
}
