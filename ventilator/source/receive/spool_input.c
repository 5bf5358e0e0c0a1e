/* SPDX-License-Identifier: MIT */
#include "ventilator/source/receive/spool_input.h"

#include "common/exit_status.h"
#include "common/memory.h"
#include "common/protocol/mark.h"
#include "common/spool/spool_reader.h"
#include "ventilator/source/receive/receiver_child.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct spool_input {
    const char *path;
    struct receiver_child child;
    struct spool_reader *reader; /* NULL: it has not begun */
    struct slice rest;           /* of the entry that is read */
    bool ended;                  /* by an end in the spool */
    uint64_t end;                /* its number */
};

/* ---- reading ---- */

static int fail(struct input *input, const char *reason)
{
    snprintf(input->reason, sizeof input->reason, "%.255s", reason);
    return -EBADMSG;
}

/* All that the spool has is read. What was dropped is told before the end is on the
 * disk. */
static int end(struct input *input)
{
    struct spool_input *spool = input->spool;
    receiver_child_settle(&spool->child);
    return spool->child.dropped
               ? fail(input, "messages that are none of DEALER/1 were dropped")
               : 0;
}

static int at_end_of_entries(struct input *input, bool ended)
{
    struct spool_input *spool = input->spool;
    if (spool->child.failed)
        return fail(input, spool->child.reason);
    return ended ? end(input) : -EAGAIN;
}

/* 1: there is an entry to read; 0: the input is over; -errno. */
static int next_entry(struct input *input)
{
    struct spool_input *spool = input->spool;
    struct spool_entry entry;
    receiver_child_settle(&spool->child);
    bool ended = spool->child.ended; /* before it is known what is there */
    int result = spool->ended ? 0 : spool_reader_next(spool->reader, &entry);
    if (result < 0)
        return fail(input, spool_reader_error(spool->reader));
    if (result == 0)
        return at_end_of_entries(input, ended || spool->ended);
    if (entry.kind == SPOOL_END) {
        spool->ended = true;
        spool->end = entry.number;
        return end(input);
    }
    spool->rest = entry.payload;
    return 1;
}

/* An entry's bytes are copied here once, to lie in a row with others. */
static ssize_t read_entries(struct input *input, void *buffer, size_t size)
{
    struct spool_input *spool = input->spool;
    size_t used = 0;
    int result = 1;
    while (used < size && result > 0) {
        if (spool->rest.size == 0)
            result = next_entry(input);
        size_t count = size - used < spool->rest.size ? size - used : spool->rest.size;
        if (count > 0)
            memcpy((uint8_t *)buffer + used, spool->rest.data, count);
        spool->rest.data += count;
        spool->rest.size -= count;
        used += count;
    }
    input->fd = spool->child.notices;
    input->offset += used;
    return used > 0 ? (ssize_t)used : result;
}

static void drain(struct input *input)
{
    receiver_child_drain(&input->spool->child);
}

static void remove_committed(struct input *input, struct slice sealed)
{
    struct spool_input *spool = input->spool;
    struct input_mark mark;
    if (!input_mark_read(mark_content(sealed), &mark))
        return;
    bool all = spool->ended && mark.record == spool->end;
    receiver_child_commit(&spool->child, mark.record + all);
}

/* An end that no record precedes is behind no chunk's mark. */
static void remove_end(struct input *input)
{
    struct spool_input *spool = input->spool;
    if (spool && spool->ended)
        receiver_child_commit(&spool->child, spool->end + 1);
}

/* ---- life ---- */

static void close_spool(struct input *input)
{
    struct spool_input *spool = input->spool;
    if (!spool)
        return;
    receiver_child_stop(&spool->child);
    spool_reader_close(&spool->reader);
    free(spool);
    input->spool = NULL;
    input->fd = -1;
}

static const struct input_kind spool_kind = {
    .read = read_entries,
    .drain = drain,
    .committed = remove_committed,
    .completed = remove_end,
    .close = close_spool,
};

int input_of_spool(const char *path, char *const *arguments, struct input *ret_input,
                   char *error, size_t error_size)
{
    struct spool_input *spool = allocate_zeroed(1, sizeof *spool);
    spool->path = path;
    int result = receiver_child_start(&spool->child, arguments);
    *ret_input =
        (struct input){.kind = &spool_kind, .fd = spool->child.notices, .spool = spool};
    if (result == 0)
        return 0;
    close_spool(ret_input);
    snprintf(error, error_size, "cannot start the process that receives: %s",
             strerror(-result));
    return result;
}

int spool_input_connect(struct input *input, char *error, size_t error_size)
{
    struct spool_input *spool = input->spool;
    if (receiver_child_wait(&spool->child))
        return 0;
    snprintf(error, error_size, "%s", spool->child.reason);
    return spool->child.status == STATUS_USAGE  ? -EINVAL
           : spool->child.status == STATUS_PEER ? -EADDRINUSE
                                                : -EIO;
}

static bool open_reader(struct input *input, uint64_t number, bool or_oldest)
{
    struct spool_input *spool = input->spool;
    return spool_reader_open(spool->path, number, or_oldest, &spool->reader,
                             input->reason, sizeof input->reason) == 0;
}

/* Entries of another spool may have the same numbers. */
static bool is_spool_of(struct input *input, const struct input_mark *from)
{
    char text[INPUT_MARK_CURSOR_MAX + 1];
    if (!open_reader(input, 0, true))
        return false;
    spool_input_cursor(input, text);
    spool_reader_close(&input->spool->reader);
    if (strcmp(text, from->cursor) == 0)
        return true;
    snprintf(input->reason, sizeof input->reason,
             "%.120s: cannot resume: it is not the spool that the run began with",
             input->spool->path);
    return false;
}

/* Other messages have come since, and have the numbers of those that are lost: the
 * spool is of no use any more. */
static bool has_all_before(struct input *input, const struct input_mark *from)
{
    struct spool_input *spool = input->spool;
    if (from->record <= spool->child.next)
        return true;
    receiver_child_lose(&spool->child);
    snprintf(input->reason, sizeof input->reason,
             "%.120s: cannot resume: it ends before entry %" PRIu64
             ", but the run has committed all before entry %" PRIu64
             ": restore it from a copy, or begin with a new directory",
             spool->path, spool->child.next, from->record);
    return false;
}

int spool_input_identify(struct input *input, uint64_t *ret_identity, char *error,
                         size_t error_size)
{
    if (!open_reader(input, 0, true)) {
        snprintf(error, error_size, "%s", input->reason);
        return -EIO;
    }
    const struct id *id = spool_reader_spool(input->spool->reader);
    *ret_identity = XXH3_64bits(id->bytes, sizeof id->bytes) | 1;
    spool_reader_close(&input->spool->reader);
    return 0;
}

bool spool_input_begin(struct input *input, const struct input_mark *from,
                       uint64_t *ret_number)
{
    struct spool_input *spool = input->spool;
    bool begins = from ? is_spool_of(input, from) && has_all_before(input, from) &&
                             open_reader(input, from->record, false)
                       : open_reader(input, spool->child.first, false);
    if (begins)
        *ret_number = spool_reader_number(spool->reader);
    /* The run before may have been killed between its commit and this; a full spool in
     * which all is committed would wait for ever. */
    if (begins && from)
        receiver_child_commit(&spool->child, from->record);
    return begins;
}

void spool_input_cursor(const struct input *input, char text[INPUT_MARK_CURSOR_MAX + 1])
{
    char id[ID_TEXT_SIZE];
    id_text(spool_reader_spool(input->spool->reader), id);
    snprintf(text, INPUT_MARK_CURSOR_MAX + 1, "spool-%s", id);
}
