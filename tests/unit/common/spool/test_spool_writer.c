/* SPDX-License-Identifier: MIT */
#include "spool_fixture.h"

TestSuite(spool_writer, .init = prepare, .fini = clean);

Test(spool_writer, drops_what_a_producer_sends_again_and_refuses_a_gap)
{
    struct spool_writer *writer = open_writer();
    struct slice id = slice_of_text("a"), payload = slice_of_text("x");
    cr_assert_eq(spool_writer_append_of(writer, id, 2, payload), SPOOL_GAP);
    cr_assert_eq(spool_writer_append_of(writer, id, 1, payload), SPOOL_APPENDED);
    cr_assert_eq(spool_writer_append_of(writer, id, 1, payload), SPOOL_HAD);
    cr_assert_eq(spool_writer_append_of(writer, id, 2, payload), SPOOL_APPENDED);
    cr_assert_eq(spool_writer_append_of(writer, slice_of_text("b"), 1, payload),
                 SPOOL_APPENDED);
    cr_assert_eq(spool_writer_next(writer), 3);
    cr_assert_eq(spool_writer_had(writer, id), 0, "nothing is synced");
    cr_assert_eq(spool_writer_sync(writer), 0);
    cr_assert_eq(spool_writer_had(writer, id), 2);
    cr_assert_eq(spool_writer_synced(writer), 3);
    spool_writer_close(&writer);
}

Test(spool_writer, remembers_a_producer_when_its_segments_are_gone)
{
    struct spool_writer *writer = open_writer_of(1 << 20, 200);
    append_synced(writer, 5);
    append_synced(writer, 5);
    for (int i = 0; i < 10; i++) {
        spool_writer_append(writer, slice_of_text("from nobody"));
        cr_assert_eq(spool_writer_sync(writer), 0);
    }
    cr_assert_eq(spool_writer_cut(writer, 20), 0);
    cr_assert_lt(size_of(segment(2)), 0);
    spool_writer_close(&writer);
    writer = open_writer();
    cr_assert_eq(spool_writer_had(writer, slice_of_text("p")), 10);
    cr_assert_eq(spool_writer_next(writer), 20);
    spool_writer_close(&writer);
}

Test(spool_writer, has_one_owner_at_a_time)
{
    struct spool_writer *writer = open_writer();
    cr_assert_eq(refused_writer(), -EAGAIN);
    cr_assert(strstr(error, "another program writes this spool"), "%s", error);
    spool_writer_close(&writer);
    writer = open_writer();
    spool_writer_close(&writer);
}

Test(spool_writer, takes_no_directory_that_is_something_elses)
{
    char path[120];
    mkdir(spool, 0700);
    snprintf(path, sizeof path, "%s/thesis.txt", spool);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    cr_assert_eq(refused_writer(), -ENOTEMPTY);
}

/* All that was synced is there, and what follows is a whole entry or nothing. */
Test(spool_writer, cuts_off_a_tail_that_is_torn_at_any_length)
{
    struct spool_writer *writer = open_writer();
    append_synced(writer, 3);
    off_t synced = size_of(segment(1));
    append_synced(writer, 2);
    spool_writer_close(&writer);
    for (off_t size = size_of(segment(1)); size >= synced; size--) {
        cr_assert_eq(truncate(segment(1), size), 0);
        writer = open_writer();
        uint64_t next = spool_writer_next(writer);
        cr_assert(next >= 3 && next <= 5);
        cr_assert_eq(spool_writer_had(writer, slice_of_text("p")), next);
        struct spool_reader *reader = open_reader(0);
        expect(reader, 0, next);
        expect_none(reader);
        append_synced(writer, 1);
        expect(reader, next, next + 1);
        spool_reader_close(&reader);
        spool_writer_close(&writer);
        /* Again as it was, for the next length. */
        remove_spool();
        writer = open_writer();
        append_synced(writer, 3);
        append_synced(writer, 2);
        spool_writer_close(&writer);
    }
}

Test(spool_writer, cuts_off_what_was_written_and_is_garbage)
{
    struct spool_writer *writer = open_writer();
    append_synced(writer, 3);
    spool_writer_close(&writer);
    int fd = open(segment(1), O_WRONLY | O_APPEND);
    char garbage[5000] = {1, 2, 3};
    cr_assert_eq(write(fd, garbage, sizeof garbage), (ssize_t)sizeof garbage);
    close(fd);
    writer = open_writer();
    cr_assert_eq(spool_writer_next(writer), 3);
    append_synced(writer, 1);
    spool_writer_close(&writer);
    struct spool_reader *reader = open_reader(0);
    expect(reader, 0, 4);
    spool_reader_close(&reader);
}

Test(spool_writer, never_cuts_off_what_was_acknowledged)
{
    struct spool_writer *writer = open_writer();
    off_t header = size_of(segment(1));
    append_synced(writer, 3);
    append_synced(writer, 1); /* whose "synced" says that the first three were */
    spool_writer_close(&writer);
    off_t end = size_of(segment(1));
    for (off_t offset = header; offset < end - 40; offset++) {
        flip(segment(1), offset);
        cr_assert_eq(refused_writer(), -EBADMSG, "byte %lld", (long long)offset);
        cr_assert(strstr(error, "00000001.spool is damaged at byte"), "%s", error);
        cr_assert_eq(size_of(segment(1)), end, "it is left alone");
        flip(segment(1), offset);
    }
    flip(segment(1), header - 1);
    cr_assert_eq(refused_writer(), -EBADMSG);
    cr_assert(strstr(error, "the header of 00000001.spool is damaged"), "%s", error);
}

Test(spool_writer, says_that_a_segment_in_the_middle_is_missing)
{
    struct spool_writer *writer = open_writer_of(1 << 20, 100);
    for (int i = 0; i < 4; i++)
        append_synced(writer, 2);
    spool_writer_close(&writer);
    cr_assert_eq(unlink(segment(2)), 0);
    cr_assert_eq(refused_writer(), -EBADMSG);
    cr_assert(strstr(error, "segment 2 is missing"), "%s", error);
}

Test(spool_writer, is_full_at_its_size_until_segments_are_cut)
{
    struct spool_writer *writer = open_writer_of(4000, 0);
    while (!spool_writer_is_full(writer))
        append_synced(writer, 1);
    uint64_t next = spool_writer_next(writer);
    cr_assert_eq(spool_writer_cut(writer, 1), 0);
    cr_assert(spool_writer_is_full(writer));
    cr_assert_eq(spool_writer_cut(writer, next / 2), 0);
    cr_assert_not(spool_writer_is_full(writer));
    struct spool_reader *reader = open_reader(next / 2);
    expect(reader, next / 2, next);
    spool_reader_close(&reader);
    spool_writer_close(&writer);
}

Test(spool_writer, one_entry_larger_than_the_spool_does_not_fill_it_for_ever)
{
    struct spool_writer *writer = open_writer_of(1000, 0);
    uint8_t large[2000] = {0};
    for (uint64_t i = 0; i < 3; i++) {
        spool_writer_append(writer, (struct slice){large, sizeof large});
        cr_assert_eq(spool_writer_sync(writer), 0);
        cr_assert(spool_writer_is_full(writer));
        cr_assert_eq(spool_writer_cut(writer, i + 1), 0);
        cr_assert_not(spool_writer_is_full(writer));
    }
    spool_writer_close(&writer);
}

Test(spool_writer, an_unfinished_segment_of_a_killed_writer_is_nothing)
{
    struct spool_writer *writer = open_writer();
    append_synced(writer, 2);
    spool_writer_close(&writer);
    char path[120];
    snprintf(path, sizeof path, "%s/next.spool.tmp", spool);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    writer = open_writer();
    cr_assert_eq(spool_writer_next(writer), 2);
    cr_assert_lt(size_of(path), 0);
    spool_writer_close(&writer);
}

/* ---- the position ---- */

static const char *position(void)
{
    static char path[120];
    snprintf(path, sizeof path, "%s/position", spool);
    return path;
}

static const char *directory_file(const char *name)
{
    static char path[120];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void expect_refused(const char *sentence)
{
    cr_assert_eq(refused_writer(), -EBADMSG, "%s", sentence);
    cr_assert(strstr(error, sentence), "%s", error);
}

Test(spool_writer, is_refused_where_nobody_knows_what_was_committed)
{
    struct spool_writer *writer = open_writer();
    append_synced(writer, 3);
    cr_assert_eq(spool_writer_cut(writer, 2), 0);
    spool_writer_close(&writer);
    for (off_t at = 0; at < size_of(position()); at++) {
        flip(position(), at);
        expect_refused("position is damaged");
        flip(position(), at);
    }
    writer = open_writer();
    cr_assert_eq(spool_writer_position(writer)->number, 2);
    spool_writer_close(&writer);
    cr_assert_eq(truncate(position(), 16), 0);
    expect_refused("position is damaged");
    unlink(position());
    expect_refused("position is missing");
}

/* Killed before it had made its position, or with one that has no name yet. */
Test(spool_writer, makes_a_position_where_there_never_was_an_entry)
{
    char temporary[130];
    struct spool_writer *writer = open_writer();
    spool_writer_close(&writer);
    snprintf(temporary, sizeof temporary, "%s.tmp", position());
    cr_assert_eq(rename(position(), temporary), 0);
    cr_assert_eq(truncate(temporary, 7), 0);
    writer = open_writer();
    append_synced(writer, 1);
    spool_writer_close(&writer);
    writer = open_writer();
    cr_assert_eq(spool_writer_next(writer), 1);
    spool_writer_close(&writer);
}

Test(spool_writer,
     is_refused_where_it_ends_before_what_was_committed_or_begins_behind_it)
{
    struct spool_writer *writer = open_writer_of(1 << 20, 100);
    append_synced(writer, 2);
    append_synced(writer, 2);
    cr_assert_eq(spool_writer_cut(writer, 1), 0);
    spool_writer_close(&writer);
    cr_assert_eq(rename(segment(1), directory_file("first")), 0);
    expect_refused(
        "it begins with entry 2, but position says that no run has committed entry 1");
    cr_assert_eq(rename(directory_file("first"), segment(1)), 0);
    writer = open_writer();
    cr_assert_eq(spool_writer_cut(writer, 4), 0);
    spool_writer_close(&writer);
    cr_assert_eq(truncate(segment(2), size_of(segment(2)) - 100), 0);
    expect_refused("but position says that a run has committed all before entry 4");
    unlink(segment(2));
    expect_refused("its segments (*.spool) are missing");
}

Test(spool_writer, is_refused_for_ever_once_it_lacked_what_a_run_has_committed)
{
    struct spool_writer *writer = open_writer();
    append_synced(writer, 3);
    cr_assert_eq(spool_position_lose(spool_writer_position(writer)), 0);
    append_synced(writer, 3);
    spool_writer_close(&writer);
    expect_refused("position says that committed messages were lost");
}
