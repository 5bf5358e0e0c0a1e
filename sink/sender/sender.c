/* SPDX-License-Identifier: MIT */
/*
 * `next` reads what is sent, `tail` follows what is stored, so that its place in the
 * file is known. Only the tail's place is durable; from there a sender that starts anew
 * sends again.
 */
#include "sink/sender/sender.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/files/derived_path.h"
#include "common/keys/key_source.h"
#include "common/log.h"
#include "common/net/transport.h"
#include "common/net/zap.h"
#include "common/process/signals.h"
#include "common/spool/spool_directory.h"
#include "sink/journal/journal.h"
#include "sink/messages/message_sender.h"
#include "sink/sender/frame_reader.h"
#include "sink/sender/sender_position.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RECORDS_MAX = 4096,    /* in a row */
    SAVE_US = 50000,       /* between two syncs of the position */
    BLOCK_BYTES = 1 << 20, /* are given back at once */
    KEEP_BYTES = 4 << 20,  /* before the committed end: the sink looks at them */
};

struct sender {
    struct spool_directory directory;
    char *journal; /* path */
    struct keys keys;
    struct zap *zap; /* NULL: the output has no keys that are asked for */
    struct link link;
    bool opened; /* the link */
    int records, position_fd;
    struct frame_reader next, tail;
    struct slice record; /* the one that is to be sent */
    uint64_t number;     /* its */
    bool has_record;
    uint64_t limit; /* of the file, committed */
    struct sender_position saved;
    bool knows_saved; /* the position was not damaged */
    int64_t saved_us;
    uint64_t freed; /* bytes at the beginning that are given back */
    bool cannot_free, ends, told_end, stops;
    uint64_t told;
    bool told_there;
    int status; /* why it fails; STATUS_OK: as most do, STATUS_IO */
    char error[1024];
};

/* ---- to and from the sink ---- */

/* The sink reads these whenever its loop comes round. */
static void tell(const char *text)
{
    size_t size = strlen(text);
    while (size > 0) {
        ssize_t put = write(STDOUT_FILENO, text, size);
        if (put < 0 && errno != EINTR)
            return; /* the sink is gone */
        text += put > 0 ? put : 0;
        size -= put > 0 ? (size_t)put : 0;
    }
}

/* The position that an earlier run left says nothing of this one. */
static void tell_progress(struct sender *sender)
{
    char line[64];
    uint64_t stored = sender->opened ? sender->saved.offset : 0;
    if (sender->told == stored && sender->told_there == sender->link.there)
        return;
    sender->told = stored;
    sender->told_there = sender->link.there;
    snprintf(line, sizeof line, "S %" PRIu64 " %d\n", sender->told, sender->told_there);
    tell(line);
}

static int fail(struct sender *sender, int result, const char *what)
{
    snprintf(
        sender->error, sizeof sender->error, "%s: %s: %s", sender->directory.path, what,
        result == -EBADMSG  ? "it is damaged"
        : result == -ENOMSG ? "it is damaged or missing; restore it from a copy, or "
                              "run without --resume, which sends all again"
                            : strerror(-result));
    return result;
}

/* ---- the journal ---- */

static int save(struct sender *sender, const struct sender_position *position)
{
    int result = sender_position_write(sender->position_fd, position);
    if (result < 0)
        return fail(sender, result, "cannot write position");
    sender->saved = *position;
    return 0;
}

/* What an earlier sender gave back reads as zeros, which would be empty records. */
static bool lacks_beginning(const struct sender *sender)
{
    off_t data = lseek(sender->records, 0, SEEK_DATA);
    return data > 0 || (data < 0 && errno == ENXIO);
}

static int begin_run(struct sender *sender, const struct id *run)
{
    int result = 0;
    bool known = id_equal(&sender->saved.run, run);
    if (!sender->knows_saved || (!known && lacks_beginning(sender)))
        return fail(sender, -ENOMSG, "cannot tell from position what is stored");
    if (!known)
        result = save(sender, &(struct sender_position){.run = *run});
    frame_reader_seek(&sender->next, sender->saved.offset, sender->saved.number);
    frame_reader_seek(&sender->tail, sender->saved.offset, sender->saved.number);
    sender->freed = 0;
    sender->link.run = *run;
    sender->link.stored = sender->saved.number;
    bool opens = result == 0;
    if (opens)
        result = sender->link.kind->open(&sender->link);
    if (opens && result < 0)
        sender->status = transport_bind_status(-result);
    sender->opened = result == 0;
    if (result < 0 && !sender->error[0])
        snprintf(sender->error, sizeof sender->error, "%s", sender->link.error);
    return result;
}

/* A run that has written nothing yet may be refused, and leave no trace. */
static int read_journal(struct sender *sender)
{
    struct journal journal;
    int result =
        journal_read(sender->journal, &journal, sender->error, sizeof sender->error);
    if (result == -ENOENT || (result == 0 && journal.offset == 0))
        return 0;
    if (result == 0 && !sender->opened)
        result = begin_run(sender, &journal.position.run);
    if (result == 0)
        sender->limit = journal.offset;
    return result;
}

static int read_commands(struct sender *sender)
{
    char bytes[512];
    ssize_t got;
    bool moved = false;
    while ((got = read(STDIN_FILENO, bytes, sizeof bytes)) > 0) {
        moved = true;
        sender->ends |= memchr(bytes, 'e', (size_t)got) != NULL;
    }
    sender->stops = got == 0;
    return moved ? read_journal(sender) : 0;
}

/* ---- records ---- */

/* It has another run's records, or its books are damaged. */
static int refuse_claim(struct sender *sender, uint64_t claimed, uint64_t there)
{
    snprintf(sender->error, sizeof sender->error,
             "it says that it has %" PRIu64
             " records of this run, which has sent at most %" PRIu64,
             claimed, there);
    return -EPROTO;
}

/* Records are read again from the tail on. */
static int rewind_to(struct sender *sender, uint64_t number)
{
    int result = 1;
    sender->has_record = false;
    frame_reader_seek(&sender->next, sender->tail.offset, sender->tail.number);
    while (result == 1 && sender->next.number < number)
        result = frame_reader_next(&sender->next, sender->limit, &sender->record);
    if (result == 0)
        return refuse_claim(sender, number, sender->next.number);
    return result < 0 ? fail(sender, result, "cannot read " SENDER_RECORDS) : 0;
}

/* 1: there is one to be sent; 0: none; -errno. */
static int next_record(struct sender *sender)
{
    if (sender->has_record)
        return 1;
    sender->number = sender->next.number;
    int result = frame_reader_next(&sender->next, sender->limit, &sender->record);
    sender->has_record = result == 1;
    return result < 0 ? fail(sender, result, "cannot read " SENDER_RECORDS) : result;
}

static int send_records(struct sender *sender)
{
    int result = 1;
    for (int i = 0; i < RECORDS_MAX && result == 1; i++) {
        result = next_record(sender);
        if (result != 1)
            return result;
        result = sender->link.kind->send(&sender->link, sender->number, sender->record);
        if (result == 1)
            sender->has_record = false;
    }
    if (result < 0)
        snprintf(sender->error, sizeof sender->error, "%.400s", sender->link.error);
    return result < 0 ? result : 0;
}

/* ---- what is stored ---- */

static int follow(struct sender *sender)
{
    struct slice record;
    int result = 1;
    while (result == 1 && sender->tail.number < sender->link.stored)
        result = frame_reader_next(&sender->tail, sender->limit, &record);
    if (result == 0)
        return refuse_claim(sender, sender->link.stored, sender->tail.number);
    return result < 0 ? fail(sender, result, "cannot read " SENDER_RECORDS) : 0;
}

/* Gives back to the file system what nobody reads again. */
static void make_room(struct sender *sender)
{
    uint64_t end = sender->limit > KEEP_BYTES ? sender->limit - KEEP_BYTES : 0;
    if (end > sender->saved.offset)
        end = sender->saved.offset;
    end -= end % BLOCK_BYTES;
    if (sender->cannot_free || end <= sender->freed)
        return;
    if (fallocate(sender->records, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  (off_t)sender->freed, (off_t)(end - sender->freed)) == 0) {
        sender->freed = end;
        return;
    }
    sender->cannot_free = true;
    say("warning: %s: this file system takes no part of a file back (%s): the spool "
        "keeps what is stored until the run ends",
        sender->directory.path, strerror(errno));
}

static int save_progress(struct sender *sender, int64_t now_us, int64_t *due_us)
{
    const struct sender_position position = {sender->link.run, sender->tail.offset,
                                             sender->tail.number};
    if (position.offset == sender->saved.offset)
        return 0;
    if (now_us - sender->saved_us < SAVE_US && position.offset < sender->limit) {
        *due_us = clock_earlier(*due_us, sender->saved_us + SAVE_US);
        return 0;
    }
    sender->saved_us = now_us;
    int result = save(sender, &position);
    if (result == 0)
        make_room(sender);
    return result;
}

/* ---- the loop ---- */

static void wait_for_events(struct sender *sender, int64_t now_us, int64_t due_us)
{
    zsock_t *asks = zap_socket(sender->zap);
    zmq_pollitem_t items[] = {
        {.fd = STDIN_FILENO, .events = ZMQ_POLLIN},
        {.socket = asks ? zsock_resolve(asks) : NULL, .fd = -1, .events = ZMQ_POLLIN},
        {.fd = -1},
        {.fd = -1},
    };
    if (sender->opened)
        sender->link.kind->fill_item(&sender->link, sender->has_record, &items[2]);
    bool more = sender->opened && !sender->has_record &&
                sender->next.offset < sender->limit;
    zmq_poll(items, 4, clock_poll_ms(now_us, more ? now_us : due_us, -1));
}

static int tick_link(struct sender *sender, int64_t now_us, int64_t *due_us)
{
    struct link *link = &sender->link;
    int64_t link_us = link->kind->tick(link, now_us);
    if (link_us < 0) {
        snprintf(sender->error, sizeof sender->error, "%.400s", link->error);
        return (int)link_us;
    }
    *due_us = clock_earlier(*due_us, link_us);
    int result = follow(sender);
    if (result == 0 && link->rewinds)
        result = rewind_to(sender, link->from);
    link->rewinds = false;
    return result;
}

/* All that there will be is stored. */
static int look_for_end(struct sender *sender)
{
    if (!sender->ends || sender->told_end || sender->has_record)
        return 0;
    bool all = !sender->opened || sender->saved.offset == sender->limit;
    int finished = all && sender->opened ? sender->link.kind->finish(&sender->link)
                                         : all;
    if (finished == 1)
        tell("E\n");
    sender->told_end = finished == 1;
    if (finished < 0)
        snprintf(sender->error, sizeof sender->error, "%.400s", sender->link.error);
    return finished < 0 ? finished : 0;
}

static int iterate(struct sender *sender)
{
    int64_t now_us = clock_now_us(), due_us = NEVER_US;
    int result = read_commands(sender);
    if (sender->zap) {
        zap_answer(sender->zap);
        due_us = keyring_tick(sender->keys.keyring, now_us);
        message_sender_say_revoked(keyring_revoked(sender->keys.keyring));
    }
    if (result == 0 && sender->opened)
        result = send_records(sender);
    if (result == 0 && sender->opened) /* when it is due follows from what was sent */
        result = tick_link(sender, now_us, &due_us);
    if (result == 0 && sender->opened)
        result = save_progress(sender, now_us, &due_us);
    if (result == 0)
        result = look_for_end(sender);
    if (result < 0 || sender->stops)
        return result < 0 ? result : 1;
    tell_progress(sender);
    wait_for_events(sender, now_us, due_us);
    return 0;
}

/* ---- life ---- */

static int open_files(struct sender *sender, const char *directory)
{
    char path[PATH_MAX];
    int result = spool_directory_open(&sender->directory, directory, true, false);
    if (result < 0) {
        snprintf(sender->error, sizeof sender->error, "%s", sender->directory.error);
        return result;
    }
    snprintf(path, sizeof path, "%s/" SENDER_RECORDS, directory);
    sender->journal = journal_path(path);
    sender->records = openat(sender->directory.fd, SENDER_RECORDS, O_RDWR | O_CLOEXEC);
    if (sender->records < 0)
        return fail(sender, -errno, "cannot open " SENDER_RECORDS);
    sender->next.fd = sender->tail.fd = sender->records;
    sender->position_fd = sender_position_open(sender->directory.fd);
    if (sender->position_fd < 0 && sender->position_fd != -ENOENT)
        return fail(sender, sender->position_fd, "cannot open position");
    sender->knows_saved = sender->position_fd >= 0 &&
                          sender_position_read(sender->position_fd, &sender->saved);
    return 0;
}

static int open_keys(struct sender *sender, const char *keys_out)
{
    const struct message_end *end = &sender->link.config.end;
    if (!keys_out || sender->link.config.command || !transport_is_tcp(end->endpoint))
        return 0;
    int given = keys_open(&sender->keys, end->binds ? KEY_VENTILATOR : KEY_WORKER,
                          keys_out, false, sender->error, sizeof sender->error);
    if (given <= 0)
        return given;
    sender->link.config.keys = &sender->keys.own;
    if (!sender->keys.keyring)
        return 0;
    sender->zap = zap_new(NULL);
    if (!sender->zap)
        return fail(sender, -errno, "cannot ask for keys");
    zap_set_input(sender->zap, sender->keys.keyring);
    return 0;
}

static int open_all(struct sender *sender, const char *directory, const char *keys_out)
{
    int result = open_files(sender, directory);
    if (result == 0)
        result = transport_init(sender->error, sizeof sender->error);
    if (result == 0)
        result = open_keys(sender, keys_out);
    return result < 0 ? result : read_journal(sender);
}

static void close_all(struct sender *sender)
{
    if (sender->link.own)
        sender->link.kind->close(&sender->link);
    zap_destroy(&sender->zap);
    keys_close(&sender->keys);
    transport_deinit();
    frame_reader_deinit(&sender->next);
    frame_reader_deinit(&sender->tail);
    free(sender->journal);
    spool_directory_close(&sender->directory);
}

static const struct link_kind *kind_of(const struct link_config *config)
{
    return config->command                      ? &connector_link_kind
           : config->end.kind == MESSAGE_DEALER ? &dealer_link_kind
                                                : &message_link_kind;
}

/* The sink alone decides whether the run continues. */
static void settle_in(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    signals_ignore(numbers, sizeof numbers / sizeof *numbers);
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
}

int sender_run(const char *directory, const struct link_config *config,
               const char *keys_out)
{
    static struct sender sender = {.directory = {.fd = -1, .lock = -1}};
    sender.link = (struct link){.kind = kind_of(config), .config = *config};
    settle_in();
    int result = open_all(&sender, directory, keys_out);
    while (result == 0)
        result = iterate(&sender);
    char status[16];
    if (result < 0 && sender.status == STATUS_OK)
        sender.status = STATUS_IO;
    if (result < 0) {
        snprintf(status, sizeof status, "F %d ", sender.status);
        tell(status);
        tell(sender.error[0] ? sender.error : strerror(-result));
        tell("\n");
    }
    close_all(&sender);
    return sender.status;
}
