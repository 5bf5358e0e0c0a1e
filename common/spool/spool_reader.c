/* SPDX-License-Identifier: MIT */
/*
 * Looks ahead in the bytes that it has read for a "synced", and gives out the entries
 * in front of it. A segment that another one follows is synced whole. The writer syncs
 * at least once in so many bytes, so the look ahead is bounded.
 */
#include "common/spool/spool_reader.h"

#include "common/memory.h"
#include "common/spool/spool_cursor.h"
#include "common/spool/spool_directory.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct spool_reader {
    char *path;
    struct spool_directory directory;
    uint64_t segment; /* number */
    int fd;           /* of it */
    struct spool_cursor cursor;
    uint64_t scanned; /* place in the file up to which a "synced" was looked for */
    uint64_t synced;  /* entries below this number are */
    int failed;       /* -errno */
};

static int fail_at(struct spool_reader *reader, int error, const char *what,
                   uint64_t place)
{
    char name[SPOOL_NAME_SIZE];
    return spool_directory_fail(
        &reader->directory, error, "%s, byte %" PRIu64 ", behind entry %" PRIu64 ": %s",
        spool_segment_name(reader->segment, name), place, reader->cursor.number, what);
}

/* ---- segments ---- */

static int enter_segment(struct spool_reader *reader, uint64_t number)
{
    struct spool_header header;
    int fd;
    int result =
        spool_segment_open(&reader->directory, number, O_RDONLY, &header, NULL, &fd);
    if (result < 0)
        return result;
    if (reader->fd >= 0)
        close(reader->fd);
    reader->fd = fd;
    reader->segment = number;
    spool_cursor_start(&reader->cursor, fd, &header);
    reader->scanned = header.size;
    reader->synced = header.first;
    return 0;
}

static bool has_next_segment(const struct spool_reader *reader)
{
    char name[SPOOL_NAME_SIZE];
    spool_segment_name(reader->segment + 1, name);
    return faccessat(reader->directory.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int enter_next(struct spool_reader *reader)
{
    uint64_t number = reader->cursor.number;
    int result = enter_segment(reader, reader->segment + 1);
    if (result == 0 && reader->cursor.number != number)
        return spool_directory_fail(&reader->directory, -EBADMSG,
                                    "entries %" PRIu64 " to %" PRIu64 " are missing",
                                    number, reader->cursor.number - 1);
    return result;
}

/* ---- looking ahead ---- */

/* Damage here would hide every "synced" behind it for ever. 0 or -errno. */
static int scan(struct spool_reader *reader)
{
    const struct spool_cursor *cursor = &reader->cursor;
    struct spool_entry entry;
    size_t size;
    for (;;) {
        size_t at = (size_t)(reader->scanned - cursor->offset);
        struct slice rest = {cursor->bytes.data + at, cursor->bytes.size - at};
        enum spool_entry_outcome outcome =
            spool_entry_read_head(rest, &cursor->spool, &entry, &size);
        if (outcome == SPOOL_ENTRY_DAMAGED)
            return fail_at(reader, -EBADMSG, "is damaged", reader->scanned);
        if (outcome == SPOOL_ENTRY_SHORT || size > rest.size)
            return 0;
        if (entry.kind == SPOOL_SYNCED && entry.number > reader->synced)
            reader->synced = entry.number;
        reader->scanned += size;
    }
}

/* 1: an entry may be taken; 0: none yet; -errno. Looks for the next segment before it
 * looks for this one's end, which is final then. */
static int look_ahead(struct spool_reader *reader)
{
    struct spool_cursor *cursor = &reader->cursor;
    while (cursor->number >= reader->synced) {
        bool sealed = has_next_segment(reader);
        ssize_t got = spool_cursor_fill(cursor);
        int result = got < 0 ? fail_at(reader, (int)got, strerror((int)-got),
                                       spool_cursor_place(cursor))
                             : scan(reader);
        if (result == 0 && got == 0 && sealed && cursor->bytes.size > 0)
            return 1;
        if (result == 0 && got == 0 && sealed)
            result = enter_next(reader);
        else if (got == 0)
            return result;
        if (result < 0)
            return result;
    }
    return 1;
}

/* ---- entries ---- */

/* 1, or -errno. */
static int take(struct spool_reader *reader, struct spool_entry *ret_entry)
{
    uint64_t place = spool_cursor_place(&reader->cursor);
    size_t size;
    int step = spool_cursor_peek(&reader->cursor, ret_entry, &size);
    if (step < 0)
        return fail_at(reader, step, strerror(-step), place);
    if (step == SPOOL_STEP_DAMAGED)
        return fail_at(reader, -EBADMSG, "is damaged", place);
    if (step != SPOOL_STEP_ENTRY)
        return fail_at(reader, -EBADMSG, "is cut short", place);
    spool_cursor_take(&reader->cursor, ret_entry, size);
    return 1;
}

int spool_reader_next(struct spool_reader *reader, struct spool_entry *ret_entry)
{
    while (reader->failed == 0) {
        int result = look_ahead(reader);
        if (result == 1)
            result = take(reader, ret_entry);
        if (result == 0)
            return 0;
        if (result < 0)
            reader->failed = result;
        else if (ret_entry->kind != SPOOL_SYNCED)
            return 1;
    }
    return reader->failed;
}

/* ---- opening ---- */

/* The segment that has the entry, if one does. */
static int find_segment(struct spool_reader *reader, const uint64_t *numbers,
                        size_t count, uint64_t number, bool or_oldest)
{
    for (size_t i = count; i-- > 0;) {
        int result = enter_segment(reader, numbers[i]);
        if (result < 0 || reader->cursor.number <= number || (or_oldest && i == 0))
            return result;
    }
    return spool_directory_fail(&reader->directory, -ENODATA,
                                "entry %" PRIu64 " is not there any more", number);
}

static int skip_to(struct spool_reader *reader, uint64_t number)
{
    struct spool_entry entry;
    int result = 1;
    while (result == 1 && reader->cursor.number < number)
        result = spool_reader_next(reader, &entry);
    if (result != 0)
        return result < 0 ? result : 0;
    return spool_directory_fail(&reader->directory, -ENODATA,
                                "it ends before entry %" PRIu64 ", with %" PRIu64,
                                number, reader->cursor.number);
}

static int open_at(struct spool_reader *reader, uint64_t number, bool or_oldest)
{
    uint64_t *numbers;
    size_t count;
    int result = spool_directory_open(&reader->directory, reader->path, false, false);
    if (result == 0)
        result = spool_directory_list(&reader->directory, &numbers, &count);
    if (result < 0)
        return result;
    result = find_segment(reader, numbers, count, number, or_oldest);
    free(numbers);
    return result < 0 ? result : skip_to(reader, number);
}

int spool_reader_open(const char *path, uint64_t number, bool or_oldest,
                      struct spool_reader **ret_reader, char *error, size_t error_size)
{
    struct spool_reader *reader = allocate_zeroed(1, sizeof *reader);
    reader->path = allocate_text("%s", path);
    reader->fd = -1;
    int result = open_at(reader, number, or_oldest);
    if (result == 0) {
        *ret_reader = reader;
        return 0;
    }
    snprintf(error, error_size, "%s", reader->directory.error);
    spool_reader_close(&reader);
    return result;
}

void spool_reader_close(struct spool_reader **reader_p)
{
    struct spool_reader *reader = *reader_p;
    if (!reader)
        return;
    if (reader->fd >= 0)
        close(reader->fd);
    spool_directory_close(&reader->directory);
    spool_cursor_deinit(&reader->cursor);
    free(reader->path);
    free(reader);
    *reader_p = NULL;
}

uint64_t spool_reader_number(const struct spool_reader *reader)
{
    return reader->cursor.number;
}

const struct id *spool_reader_spool(const struct spool_reader *reader)
{
    return &reader->cursor.spool;
}

const char *spool_reader_error(const struct spool_reader *reader)
{
    return reader->directory.error;
}
