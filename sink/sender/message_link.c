/* SPDX-License-Identifier: MIT */
/* Push and pub: nobody says what was stored, so that a record counts as stored when the
 * socket has taken it. */
#include "common/clock.h"
#include "sink/messages/message_sender.h"
#include "sink/sender/link.h"
#include "sink/sender/record_envelope.h"
#include <errno.h>

enum { LOOK_US = 1000000 };

static int open_link(struct link *link)
{
    const struct message_sender_config config = {
        .end = link->config.end,
        .hwm = link->config.hwm,
        .keys = link->config.keys,
        .quiet = link->config.quiet,
    };
    struct message_sender *sender = message_sender_new(&config);
    link->own = sender;
    return message_sender_open(sender, link->error, sizeof link->error);
}

static int send_record(struct link *link, uint64_t number, struct slice record)
{
    uint8_t bytes[RECORD_ENVELOPE_MAX];
    struct slice envelope = {NULL, 0};
    if (link->config.envelope)
        envelope = record_envelope(&link->run, number, bytes);
    int result = message_sender_send(link->own, envelope, record);
    if (result == 1)
        link->stored = number + 1;
    else if (result < 0)
        snprintf(link->error, sizeof link->error, "%s", zmq_strerror(-result));
    return result;
}

static int64_t tick(struct link *link, int64_t now_us)
{
    link->there = message_sender_has_receiver(link->own);
    return now_us + LOOK_US;
}

static void fill_item(const struct link *link, bool output, zmq_pollitem_t items[2])
{
    message_sender_fill_item(link->own, output, &items[0]);
}

static int finish(struct link *link)
{
    int limit_ms = message_sender_patience_ms(link->config.patience_us);
    int result = message_sender_flush(link->own, limit_ms);
    if (result == -EPROTO)
        snprintf(link->error, sizeof link->error, "%s", MESSAGES_REFUSED);
    else if (result < 0)
        snprintf(link->error, sizeof link->error,
                 "nobody took the last messages in %g s (--patience)", limit_ms / 1e3);
    return result;
}

static void close_link(struct link *link)
{
    struct message_sender *sender = link->own;
    message_sender_destroy(&sender);
    link->own = NULL;
}

const struct link_kind message_link_kind = {open_link, send_record, tick,
                                            fill_item, finish,      close_link};
