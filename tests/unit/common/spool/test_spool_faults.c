/* SPDX-License-Identifier: MIT */
/* What the disk may answer: these functions take the place of libc's here. */
#include "spool_fixture.h"

#include <stdbool.h>
#include <sys/syscall.h>

static int sync_error;     /* of the next fdatasync */
static ssize_t room = -1;  /* bytes that may still be written; -1: enough */
static int write_error;    /* when there is no room */
static bool cannot_create; /* whether a new segment finds no room */

int fdatasync(int fd)
{
    if (sync_error) {
        errno = sync_error;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    if (room == 0) {
        errno = write_error;
        return -1;
    }
    if (room > 0 && size > (size_t)room)
        size = (size_t)room;
    ssize_t put = syscall(SYS_pwrite64, fd, bytes, size, offset);
    if (room > 0)
        room -= put;
    return put;
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    if (cannot_create) {
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(SYS_renameat2, from, old, to, new, flags);
}

TestSuite(spool_faults, .init = prepare, .fini = clean);

/* However many bytes fit: nothing is lost, and nothing was claimed to be safe. */
Test(spool_faults, a_full_disk_keeps_all_until_there_is_room)
{
    for (ssize_t fits = 0; fits < 160; fits++) {
        struct spool_writer *writer = open_writer();
        uint64_t before = spool_writer_next(writer);
        struct spool_reader *reader = open_reader(before);
        append(writer, 2);
        room = fits;
        write_error = ENOSPC;
        int result = spool_writer_sync(writer);
        if (room == 0 && result != 0) {
            cr_assert_eq(result, -ENOSPC);
            cr_assert_eq(spool_writer_sync(writer), -ENOSPC);
            cr_assert(strstr(spool_writer_error(writer), "No space left"));
            append(writer, 1);
        }
        room = -1;
        cr_assert_eq(spool_writer_sync(writer), 0, "%s", spool_writer_error(writer));
        expect(reader, before, spool_writer_next(writer));
        expect_none(reader);
        spool_reader_close(&reader);
        spool_writer_close(&writer);
    }
}

Test(spool_faults, a_killed_writer_on_a_full_disk_leaves_what_was_synced)
{
    struct spool_writer *writer = open_writer();
    append_synced(writer, 4);
    append(writer, 4);
    room = 50;
    write_error = ENOSPC;
    cr_assert_eq(spool_writer_sync(writer), -ENOSPC);
    spool_writer_close(&writer);
    room = -1;
    writer = open_writer();
    cr_assert_eq(spool_writer_next(writer), 4);
    spool_writer_close(&writer);
}

Test(spool_faults, a_new_segment_waits_for_room_and_forgets_no_producer)
{
    struct spool_writer *writer = open_writer_of(1 << 20, 100);
    append_synced(writer, 2);
    append(writer, 2);
    cannot_create = true;
    cr_assert_eq(spool_writer_sync(writer), -ENOSPC);
    cr_assert_eq(spool_writer_had(writer, slice_of_text("p")), 2);
    cannot_create = false;
    cr_assert_eq(spool_writer_sync(writer), 0);
    cr_assert_eq(spool_writer_had(writer, slice_of_text("p")), 4);
    spool_writer_close(&writer);
    writer = open_writer();
    cr_assert_eq(spool_writer_had(writer, slice_of_text("p")), 4);
    spool_writer_close(&writer);
}

Test(spool_faults, a_sync_that_failed_is_never_tried_again)
{
    struct spool_writer *writer = open_writer();
    append_synced(writer, 2);
    append(writer, 2);
    sync_error = EIO;
    cr_assert_eq(spool_writer_sync(writer), -EIO);
    cr_assert(strstr(spool_writer_error(writer), "cannot sync 00000001.spool"), "%s",
              spool_writer_error(writer));
    sync_error = 0;
    cr_assert_eq(spool_writer_sync(writer), -EIO, "the kernel may have dropped pages");
    cr_assert_eq(spool_writer_synced(writer), 2);
    spool_writer_close(&writer);
    writer = open_writer();
    cr_assert_eq(spool_writer_next(writer), 2, "what was not synced is gone");
    spool_writer_close(&writer);
}

Test(spool_faults, a_write_that_fails_otherwise_breaks_the_writer)
{
    struct spool_writer *writer = open_writer();
    append_synced(writer, 2);
    append(writer, 2);
    room = 10;
    write_error = EIO;
    cr_assert_eq(spool_writer_sync(writer), -EIO);
    room = -1;
    cr_assert_eq(spool_writer_sync(writer), -EIO);
    spool_writer_close(&writer);
    writer = open_writer();
    cr_assert_eq(spool_writer_next(writer), 2);
    spool_writer_close(&writer);
}
