/* SPDX-License-Identifier: MIT */
/*
 * The last segment is written; those before it are whole. `pending` becomes the file's
 * bytes from `written` on. A sync that fails for lack of room leaves the file as it
 * was, and may be repeated. After any other failure nobody knows what the disk has: the
 * file is cut back to what was synced, and the writer does nothing more.
 */
#include "common/spool/spool_writer.h"

#include "common/memory.h"
#include "common/random_id.h"
#include "common/spool/spool_position.h"
#include "common/spool/spool_recovery.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEGMENT_BYTES = 64 << 20, SEGMENTS_LEAST = 8 };

struct segment {
    uint64_t number, first, size;
};

struct spool_writer {
    char *path;
    struct spool_directory directory;
    uint64_t size_max, segment_bytes;
    struct id spool;
    struct segment *segments; /* rising; the last one is written */
    size_t count, capacity;
    int fd; /* of the last one */
    struct spool_position position;
    struct byte_buffer pending; /* entries for it that are not written */
    struct producers producers;
    uint64_t next, synced; /* numbers */
    bool owes_mark; /* all that is in the file is synced, but it does not say so */
    int broken;     /* -errno */
};

static struct segment *last_of(const struct spool_writer *writer)
{
    return &writer->segments[writer->count - 1];
}

static int fail(struct spool_writer *writer, int error, const char *what)
{
    char name[SPOOL_NAME_SIZE];
    return spool_directory_fail(&writer->directory, error, "cannot %s %s: %s", what,
                                spool_segment_name(last_of(writer)->number, name),
                                strerror(-error));
}

static int break_down(struct spool_writer *writer, int error, const char *what)
{
    /* What was not synced must not be taken for it by whoever opens the spool next. */
    if (ftruncate(writer->fd, (off_t)last_of(writer)->size) == 0)
        fsync(writer->fd);
    writer->broken = error;
    return fail(writer, error, what);
}

/* ---- segments ---- */

static void add_segment(struct spool_writer *writer, const struct segment *segment)
{
    writer->segments = room_for_one_more(writer->segments, writer->count,
                                         &writer->capacity, sizeof *segment);
    writer->segments[writer->count++] = *segment;
}

/* Begins a segment when all of the last one is synced. */
static int begin_segment(struct spool_writer *writer)
{
    struct spool_header header = {
        .spool = writer->spool,
        .segment = writer->count ? last_of(writer)->number + 1 : 1,
        .first = writer->synced,
    };
    int fd;
    int result =
        spool_segment_create(&writer->directory, &header, &writer->producers, &fd);
    if (result < 0)
        return result;
    if (writer->fd >= 0)
        close(writer->fd);
    writer->fd = fd;
    add_segment(writer, &(struct segment){header.segment, header.first, header.size});
    return 0;
}

static int put(struct spool_writer *writer, const struct byte_buffer *bytes)
{
    off_t offset = (off_t)last_of(writer)->size;
    for (size_t done = 0; done < bytes->size;) {
        ssize_t put = pwrite(writer->fd, bytes->data + done, bytes->size - done,
                             offset + (off_t)done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return put < 0 ? -errno : -ENOSPC;
        done += (size_t)put;
    }
    return 0;
}

static bool is_lack_of_room(int error)
{
    return error == -ENOSPC || error == -EDQUOT;
}

/* Writes at the end of the segment, all or nothing. */
static int put_whole(struct spool_writer *writer, const struct byte_buffer *bytes)
{
    int result = put(writer, bytes);
    if (result == 0)
        return 0;
    if (!is_lack_of_room(result) ||
        ftruncate(writer->fd, (off_t)last_of(writer)->size) != 0)
        return break_down(writer, result, "write");
    return fail(writer, result, "write");
}

/* ---- syncing ---- */

static int write_mark(struct spool_writer *writer)
{
    struct byte_buffer bytes = {.data = NULL};
    const struct spool_entry mark = {.kind = SPOOL_SYNCED, .number = writer->synced};
    spool_entry_write(&mark, &writer->spool, &bytes);
    int result = put_whole(writer, &bytes);
    if (result == 0)
        last_of(writer)->size += bytes.size;
    writer->owes_mark = result != 0;
    byte_buffer_deinit(&bytes);
    return result;
}

static int write_pending(struct spool_writer *writer)
{
    int result = 0;
    if (last_of(writer)->size >= writer->segment_bytes)
        result = begin_segment(writer);
    if (result == 0)
        result = put_whole(writer, &writer->pending);
    if (result < 0)
        return result;
    if (fdatasync(writer->fd) != 0)
        return break_down(writer, -errno, "sync");
    last_of(writer)->size += writer->pending.size;
    writer->pending.size = 0;
    writer->synced = writer->next;
    writer->owes_mark = true;
    producers_on_synced(&writer->producers);
    return 0;
}

int spool_writer_sync(struct spool_writer *writer)
{
    int result = writer->broken;
    if (result == 0 && writer->owes_mark)
        result = write_mark(writer);
    if (result < 0 || writer->pending.size == 0)
        return result;
    result = write_pending(writer);
    return result < 0 ? result : write_mark(writer);
}

/* ---- opening ---- */

static int recover(struct spool_writer *writer, const struct spool_header *header)
{
    struct spool_recovery recovery;
    int result = spool_recover(&writer->directory, writer->fd, header,
                               &writer->producers, &recovery);
    if (result < 0)
        return result;
    last_of(writer)->size = recovery.size;
    if (recovery.torn && ftruncate(writer->fd, (off_t)recovery.size) != 0)
        return fail(writer, -errno, "cut");
    if (fsync(writer->fd) != 0)
        return fail(writer, -errno, "sync");
    writer->next = writer->synced = recovery.next;
    writer->owes_mark = !recovery.synced;
    return 0;
}

/* The spool is what its last segment says it is. */
static int open_last(struct spool_writer *writer, uint64_t number)
{
    struct spool_header header;
    int result = spool_segment_open(&writer->directory, number, O_RDWR, &header,
                                    &writer->producers, &writer->fd);
    if (result < 0)
        return result;
    writer->spool = header.spool;
    add_segment(writer, &(struct segment){number, header.first, header.size});
    return recover(writer, &header);
}

static int open_earlier(struct spool_writer *writer, uint64_t number)
{
    struct spool_header header;
    struct stat status = {0};
    int fd;
    int result =
        spool_segment_open(&writer->directory, number, O_RDONLY, &header, NULL, &fd);
    if (result < 0)
        return result;
    if (fstat(fd, &status) != 0)
        result = -errno;
    close(fd);
    add_segment(writer,
                &(struct segment){number, header.first, (uint64_t)status.st_size});
    return result < 0 ? fail(writer, result, "read") : 0;
}

static int open_segments(struct spool_writer *writer, const uint64_t *numbers,
                         size_t count)
{
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        if (i > 0 && numbers[i] != numbers[i - 1] + 1)
            return spool_directory_fail(&writer->directory, -EBADMSG,
                                        "segment %" PRIu64 " is missing",
                                        numbers[i - 1] + 1);
        result = i + 1 < count ? open_earlier(writer, numbers[i])
                               : open_last(writer, numbers[i]);
    }
    return result;
}

static int open_all(struct spool_writer *writer)
{
    uint64_t *numbers;
    size_t count;
    int result = spool_directory_open(&writer->directory, writer->path, true, true);
    if (result == 0)
        result = spool_directory_list(&writer->directory, &numbers, &count);
    if (result < 0)
        return result;
    result = spool_directory_tidy(&writer->directory);
    if (result == 0 && count > 0)
        result = open_segments(writer, numbers, count);
    free(numbers);
    if (result == 0 && count == 0)
        result = begin_segment(writer);
    if (result == 0 && writer->owes_mark)
        result = write_mark(writer);
    return result < 0 ? result
                      : spool_position_open(&writer->position, &writer->directory,
                                            &writer->spool, writer->segments[0].first,
                                            writer->next);
}

static uint64_t segment_bytes(const struct spool_writer_config *config)
{
    uint64_t least = config->size_max / SEGMENTS_LEAST;
    if (config->segment_bytes)
        return config->segment_bytes;
    return least < SEGMENT_BYTES ? least : SEGMENT_BYTES;
}

int spool_writer_open(const struct spool_writer_config *config,
                      struct spool_writer **ret_writer, char *error, size_t error_size)
{
    struct spool_writer *writer = allocate_zeroed(1, sizeof *writer);
    writer->path = allocate_text("%s", config->path);
    writer->size_max = config->size_max;
    writer->segment_bytes = segment_bytes(config);
    writer->fd = writer->position.fd = -1;
    writer->spool = id_random();
    int result = open_all(writer);
    if (result == 0) {
        *ret_writer = writer;
        return 0;
    }
    snprintf(error, error_size, "%s", writer->directory.error);
    spool_writer_close(&writer);
    return result;
}

void spool_writer_close(struct spool_writer **writer_p)
{
    struct spool_writer *writer = *writer_p;
    if (!writer)
        return;
    if (writer->fd >= 0)
        close(writer->fd);
    spool_position_close(&writer->position);
    spool_directory_close(&writer->directory);
    byte_buffer_deinit(&writer->pending);
    producers_deinit(&writer->producers);
    free(writer->segments);
    free(writer->path);
    free(writer);
    *writer_p = NULL;
}

/* ---- appending ---- */

static void append(struct spool_writer *writer, struct spool_entry entry)
{
    entry.number = writer->next++;
    spool_entry_write(&entry, &writer->spool, &writer->pending);
}

void spool_writer_append(struct spool_writer *writer, struct slice payload)
{
    append(writer, (struct spool_entry){.kind = SPOOL_RECORD, .payload = payload});
}

/* A producer is known when something of it was taken, not when it knocks. */
enum spool_append_outcome spool_writer_look(const struct spool_writer *writer,
                                            struct slice id, uint64_t number)
{
    uint64_t wanted = spool_writer_wanted(writer, id);
    if (number < wanted)
        return SPOOL_HAD;
    if (number > wanted)
        return SPOOL_GAP;
    return wanted == 1 && writer->producers.count == PRODUCERS_MAX ? SPOOL_PRODUCERS
                                                                   : SPOOL_APPENDED;
}

static void append_numbered(struct spool_writer *writer,
                            const struct spool_entry *entry)
{
    producers_add(&writer->producers, entry->producer)->highest =
        entry->producer_number;
    append(writer, *entry);
}

enum spool_append_outcome spool_writer_append_of(struct spool_writer *writer,
                                                 struct slice id, uint64_t number,
                                                 struct slice payload)
{
    enum spool_append_outcome outcome = spool_writer_look(writer, id, number);
    if (outcome == SPOOL_APPENDED)
        append_numbered(writer, &(struct spool_entry){.kind = SPOOL_RECORD,
                                                      .producer = id,
                                                      .producer_number = number,
                                                      .payload = payload});
    return outcome;
}

void spool_writer_append_end(struct spool_writer *writer, struct slice id,
                             uint64_t number)
{
    const struct spool_entry end = {
        .kind = SPOOL_END, .producer = id, .producer_number = number};
    if (id.size > 0)
        append_numbered(writer, &end);
    else
        append(writer, end);
}

/* ---- cutting ---- */

static int remove_oldest(struct spool_writer *writer)
{
    int result = spool_segment_remove(&writer->directory, writer->segments[0].number);
    if (result == 0)
        memmove(writer->segments, writer->segments + 1,
                --writer->count * sizeof *writer->segments);
    return result;
}

static int remove_below(struct spool_writer *writer, uint64_t committed)
{
    int result = 0;
    while (result == 0 && writer->count > 1 && writer->segments[1].first <= committed)
        result = remove_oldest(writer);
    return result;
}

/* A full spool whose last segment alone is left, and is committed, needs another. What
 * is removed is behind the position on the disk. */
int spool_writer_cut(struct spool_writer *writer, uint64_t committed)
{
    int result = writer->broken;
    bool renews = spool_writer_is_full(writer) && committed >= writer->synced &&
                  last_of(writer)->first != writer->synced;
    bool removes = writer->count > 1 && writer->segments[1].first <= committed;
    if (result == 0)
        result =
            spool_position_advance(&writer->position, committed, renews || removes);
    if (result == 0)
        result = remove_below(writer, committed);
    if (result < 0 || !renews || !spool_writer_is_full(writer))
        return result;
    result = begin_segment(writer);
    return result < 0 ? result : remove_below(writer, committed);
}

/* ---- queries ---- */

const char *spool_writer_error(const struct spool_writer *writer)
{
    return writer->directory.error;
}

uint64_t spool_writer_pending(const struct spool_writer *writer)
{
    return writer->pending.size;
}

uint64_t spool_writer_next(const struct spool_writer *writer)
{
    return writer->next;
}

uint64_t spool_writer_synced(const struct spool_writer *writer)
{
    return writer->synced;
}

struct spool_position *spool_writer_position(struct spool_writer *writer)
{
    return &writer->position;
}

uint64_t spool_writer_wanted(const struct spool_writer *writer, struct slice id)
{
    const struct producer *producer = producers_find(&writer->producers, id);
    return producer ? producer->highest + 1 : 1;
}

uint64_t spool_writer_had(const struct spool_writer *writer, struct slice id)
{
    const struct producer *producer = producers_find(&writer->producers, id);
    return producer ? producer->synced : 0;
}

bool spool_writer_is_full(const struct spool_writer *writer)
{
    uint64_t size = writer->pending.size;
    for (size_t i = 0; i < writer->count; i++)
        size += writer->segments[i].size;
    return size >= writer->size_max;
}
