/* SPDX-License-Identifier: MIT */
#include "packet.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static void keep(struct arena *arena, struct slice *slice)
{
    slice->data = arena_copy(arena, slice->data, slice->size);
}

#define KEEP_ARRAY(arena, array, count) \
    ((array) = arena_copy((arena), (array), (count) * sizeof *(array)))

static void keep_task(struct arena *arena, struct message *m)
{
    struct task_entry *entries =
        arena_copy(arena, m->task.entries, m->task.count * sizeof *entries);
    for (uint32_t i = 0; i < m->task.count; i++)
        keep(arena, &entries[i].mark);
    m->task.entries = entries;
}

static const struct bad_record *keep_bad(struct arena *arena,
                                         const struct bad_record *bad, uint32_t count)
{
    struct bad_record *copy = arena_copy(arena, bad, count * sizeof *copy);
    for (uint32_t i = 0; i < count; i++)
        keep(arena, &copy[i].text);
    return copy;
}

static void keep_result(struct arena *arena, struct message *m)
{
    struct result_entry *entries =
        arena_copy(arena, m->result.entries, m->result.count * sizeof *entries);
    for (uint32_t i = 0; i < m->result.count; i++) {
        keep(arena, &entries[i].mark);
        entries[i].bad = keep_bad(arena, entries[i].bad, entries[i].bad_count);
    }
    m->result.entries = entries;
}

static const struct endpoint_entry *keep_endpoints(struct arena *arena,
                                                   const struct endpoint_entry *entries,
                                                   uint32_t count)
{
    struct endpoint_entry *copy = arena_copy(arena, entries, count * sizeof *copy);
    for (uint32_t i = 0; i < count; i++) {
        keep(arena, &copy[i].endpoint);
        keep(arena, &copy[i].key);
    }
    return copy;
}

static void keep_welcome(struct arena *arena, struct message *m)
{
    keep(arena, &m->welcome.format);
    keep(arena, &m->welcome.header);
    m->welcome.endpoints =
        keep_endpoints(arena, m->welcome.endpoints, m->welcome.endpoint_count);
    keep(arena, &m->welcome.input);
    KEEP_ARRAY(arena, m->welcome.capabilities, m->welcome.capability_count);
}

static void keep_all(struct arena *arena, struct message *m)
{
    switch (m->type) {
    case MESSAGE_HELLO_WORKER:
        keep(arena, &m->hello_worker.host);
        keep(arena, &m->hello_worker.command);
        KEEP_ARRAY(arena, m->hello_worker.ledger, m->hello_worker.count);
        KEEP_ARRAY(arena, m->hello_worker.capabilities,
                   m->hello_worker.capability_count); /* the names are constants */
        break;
    case MESSAGE_HELLO_SINK:
        m->hello_sink.endpoints = keep_endpoints(arena, m->hello_sink.endpoints,
                                                 m->hello_sink.endpoint_count);
        keep(arena, &m->hello_sink.host);
        KEEP_ARRAY(arena, m->hello_sink.capabilities, m->hello_sink.capability_count);
        break;
    case MESSAGE_WELCOME:
        keep_welcome(arena, m);
        break;
    case MESSAGE_REJECT:
        keep(arena, &m->reject.text);
        break;
    case MESSAGE_BEGIN:
        keep(arena, &m->begin.mark);
        keep(arena, &m->begin.input);
        KEEP_ARRAY(arena, m->begin.held, m->begin.count);
        break;
    case MESSAGE_TASK:
        keep_task(arena, m);
        break;
    case MESSAGE_ISOLATE:
        keep(arena, &m->isolate.mark);
        KEEP_ARRAY(arena, m->isolate.except, m->isolate.count);
        break;
    case MESSAGE_RESULT:
        keep_result(arena, m);
        break;
    case MESSAGE_DONE:
        KEEP_ARRAY(arena, m->done.entries, m->done.count);
        break;
    case MESSAGE_FAILED:
        keep(arena, &m->failed.text);
        break;
    case MESSAGE_RETURNED:
        KEEP_ARRAY(arena, m->returned.entries, m->returned.count);
        break;
    case MESSAGE_FORGET:
        KEEP_ARRAY(arena, m->forget.entries, m->forget.count);
        break;
    case MESSAGE_PROGRESS:
        KEEP_ARRAY(arena, m->progress.held, m->progress.count);
        break;
    case MESSAGE_SKIP:
        keep(arena, &m->skip.mark);
        keep(arena, &m->skip.text);
        break;
    case MESSAGE_FINISHED:
        keep(arena, &m->finished.text);
        break;
    case MESSAGE_REFUSED:
        keep(arena, &m->refused.text);
        break;
    case MESSAGE_DOUBT:
        keep(arena, &m->doubt.text);
        break;
    case MESSAGE_STALLED:
        keep(arena, &m->stalled.text);
        break;
    case MESSAGE_STOP:
        keep(arena, &m->stop.text);
        break;
    case MESSAGE_PING:
        KEEP_ARRAY(arena, m->ping.running, m->ping.count);
        break;
    case MESSAGE_END:
        keep(arena, &m->end.header);
        break;
    case MESSAGE_WHO:
    case MESSAGE_GOODBYE:
    case MESSAGE_PONG:
    case MESSAGE_UNKNOWN:
    case MESSAGE_DRAIN:
    case MESSAGE_DRAINED:
        break;
    }
}

void packet_recycle(struct packet **spares, struct packet *packet)
{
    packet->next = *spares;
    *spares = packet;
}

struct packet *packet_new(struct arena *arena, struct packet **spares,
                          const struct message *message, const struct payload *payload)
{
    struct packet *packet = *spares;
    if (packet)
        *spares = packet->next;
    else
        packet = arena_take(arena, sizeof *packet);
    packet->next = NULL;
    packet->payload = (struct payload){0};
    packet->message = *message;
    if (payload)
        packet->payload = *payload;
    keep_all(arena, &packet->message);
    return packet;
}

/* ---- for a person ---- */

struct text {
    char *buffer;
    size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text,
                                                      const char *format, ...)
{
    va_list arguments;
    if (text->used >= text->size)
        return;
    va_start(arguments, format);
    int written = vsnprintf(text->buffer + text->used, text->size - text->used, format,
                            arguments);
    va_end(arguments);
    text->used += written > 0 ? (size_t)written : 0;
}

static void add_ranges(struct text *text, const struct range *ranges, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (ranges[i].count == 1)
            add(text, " %" PRIu64, ranges[i].first);
        else
            add(text, " %" PRIu64 "-%" PRIu64, ranges[i].first,
                ranges[i].first + ranges[i].count - 1);
}

static void add_attempts(struct text *text, const struct attempt_entry *entries,
                         uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        add(text, " %" PRIu64 ".%u", entries[i].seq, entries[i].attempt);
}

static void add_hello(struct text *text, const struct message *m)
{
    add(text, " nonce=%" PRIu64 " slots=%u link=%d epoch=%" PRIu64 " ledger:",
        m->hello_worker.nonce, m->hello_worker.slots, m->hello_worker.link,
        m->hello_worker.epoch);
    for (uint32_t i = 0; i < m->hello_worker.count; i++)
        add(text, " %" PRIu64 ".%u%c", m->hello_worker.ledger[i].seq,
            m->hello_worker.ledger[i].attempt, "QRD"[m->hello_worker.ledger[i].state]);
}

static void add_isolate(struct text *text, const struct message *m)
{
    add(text, " session=%" PRIu64 " %" PRIu64 ".%u%s tries=%u records=%" PRIu64,
        m->isolate.session, m->isolate.seq, m->isolate.attempt,
        m->isolate.probe ? " probe" : "", m->isolate.tries, m->isolate.records);
    if (m->isolate.count > 0)
        add(text, " but:");
    add_ranges(text, m->isolate.except, m->isolate.count);
}

/* "4.9", or "4.9(-301 -302)" where records of it are bad. */
static void add_result(struct text *text, const struct result_entry *entry)
{
    add(text, " %" PRIu64 ".%u", entry->seq, entry->attempt);
    for (uint32_t i = 0; i < entry->bad_count; i++)
        add(text, "%s%" PRIu64, i == 0 ? "(-" : " -", entry->bad[i].record);
    add(text, "%s", entry->bad_count > 0 ? ")" : "");
}

static void add_work(struct text *text, const struct message *m)
{
    if (m->type == MESSAGE_TASK)
        for (uint32_t i = 0; i < m->task.count; i++)
            add(text, " %" PRIu64 ".%u", m->task.entries[i].seq,
                m->task.entries[i].attempt);
    if (m->type == MESSAGE_RESULT)
        for (uint32_t i = 0; i < m->result.count; i++)
            add_result(text, &m->result.entries[i]);
    if (m->type == MESSAGE_DONE)
        for (uint32_t i = 0; i < m->done.count; i++)
            add(text, " %" PRIu64 ".%u", m->done.entries[i].seq,
                m->done.entries[i].attempt);
}

static void add_worker_fields(struct text *text, const struct message *m)
{
    switch ((int)m->type) {
    case MESSAGE_HELLO_WORKER:
        add_hello(text, m);
        break;
    case MESSAGE_TASK:
        add(text, " session=%" PRIu64, m->task.session);
        break;
    case MESSAGE_ISOLATE:
        add_isolate(text, m);
        break;
    case MESSAGE_RESULT:
        add(text, " epoch=%" PRIu64, m->result.epoch);
        break;
    case MESSAGE_DONE:
        add(text, " session=%" PRIu64, m->done.session);
        break;
    case MESSAGE_FAILED:
        add(text, " session=%" PRIu64 " %" PRIu64 ".%u how=%d code=%u",
            m->failed.session, m->failed.seq, m->failed.attempt, m->failed.cause,
            m->failed.code);
        break;
    case MESSAGE_RETURNED:
        add(text, " session=%" PRIu64, m->returned.session);
        add_attempts(text, m->returned.entries, m->returned.count);
        break;
    case MESSAGE_FORGET:
        add(text, " session=%" PRIu64 "%s", m->forget.session,
            m->forget.only_queued ? " only queued" : "");
        add_attempts(text, m->forget.entries, m->forget.count);
        break;
    case MESSAGE_PING:
        add(text, " session=%" PRIu64 " link=%d leaving=%d running:", m->ping.session,
            m->ping.link, m->ping.leaving);
        add_attempts(text, m->ping.running, m->ping.count);
        break;
    default:
        break;
    }
    add_work(text, m);
}

static void add_sink_fields(struct text *text, const struct message *m)
{
    switch ((int)m->type) {
    case MESSAGE_HELLO_SINK:
        add(text, " nonce=%" PRIu64 " endpoint=%.*s finished=%d", m->hello_sink.nonce,
            (int)m->hello_sink.endpoints->endpoint.size,
            (const char *)m->hello_sink.endpoints->endpoint.data,
            m->hello_sink.finished);
        break;
    case MESSAGE_WELCOME:
        add(text, " session=%" PRIu64 " nonce=%" PRIu64 " epoch=%" PRIu64,
            m->welcome.session, m->welcome.nonce, m->welcome.epoch);
        break;
    case MESSAGE_REJECT:
        add(text, " reason=%d", m->reject.reason);
        break;
    case MESSAGE_BEGIN:
        add(text, " epoch=%" PRIu64 " position=%" PRIu64 " held:", m->begin.epoch,
            m->begin.position);
        add_ranges(text, m->begin.held, m->begin.count);
        break;
    case MESSAGE_PROGRESS:
        add(text,
            " epoch=%" PRIu64 " released=%" PRIu64 " committed=%" PRIu64
            " failed=%" PRIu64 " held:",
            m->progress.epoch, m->progress.released, m->progress.committed,
            m->progress.failed);
        add_ranges(text, m->progress.held, m->progress.count);
        break;
    case MESSAGE_SKIP:
        add(text, " epoch=%" PRIu64 " %" PRIu64 " after=%u how=%d code=%u",
            m->skip.epoch, m->skip.seq, m->skip.attempts, m->skip.cause, m->skip.code);
        break;
    case MESSAGE_END:
        add(text, " total=%" PRIu64 " outcome=%d status=%u", m->end.total,
            m->end.outcome, m->end.status);
        break;
    case MESSAGE_FINISHED:
        add(text, " outcome=%d status=%u", m->finished.outcome, m->finished.status);
        break;
    case MESSAGE_STOP:
        add(text, " outcome=%d", m->stop.outcome);
        break;
    default:
        break;
    }
}

const char *packet_print(const struct packet *packet, char *buffer, size_t size)
{
    struct text text = {.buffer = buffer, .size = size};
    add(&text, "%s", message_type_name(packet->message.type));
    add_worker_fields(&text, &packet->message);
    add_sink_fields(&text, &packet->message);
    return buffer;
}
