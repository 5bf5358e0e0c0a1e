/* SPDX-License-Identifier: MIT */
/* Moves each chunk from the source to the chunk store, by the seq that dispatch gives
 * it. */
#include "ventilator/ingest.h"

#include "common/clock.h"
#include "common/exit_status.h"

enum {
    CUT_CHUNKS_MAX = 4096,      /* cut in one call */
    CUT_BYTES_MAX = 4 << 20,    /* likewise; a chunk may go beyond */
    ASK_AGAIN_BYTES = 64 << 10, /* cut on one answer of dispatch_wants */
};

void ingest_fail(struct ingest *ingest, int64_t now_us)
{
    ingest->state = INGEST_CLOSED;
    dispatch_stop(ingest->dispatch, OUTCOME_STOPPED, STATUS_IO,
                  source_error(ingest->source), now_us);
}

void ingest_start(struct ingest *ingest, int64_t now_us)
{
    if (source_start(ingest->source, dispatch_mark(ingest->dispatch),
                     dispatch_input(ingest->dispatch)))
        ingest->state = INGEST_READY;
    else
        ingest_fail(ingest, now_us);
    struct source_place place = source_place(ingest->source);
    ingest->committed = (struct committed){
        .seq = dispatch_counts(ingest->dispatch).committed,
        .records = place.records,
        .bytes = place.bytes,
    };
}

/* WELCOME carries the header, so workers wait until it is known. */
static void tell_header(struct ingest *ingest, int64_t now_us)
{
    if (ingest->header_told || !source_knows_header(ingest->source))
        return;
    ingest->header_told = true;
    dispatch_on_header(ingest->dispatch, now_us);
}

static void put(struct ingest *ingest, struct chunk *chunk)
{
    csv_look_add(&ingest->look,
                 (struct slice){zmq_msg_data(&chunk->bytes), chunk->length});
    uint64_t seq = dispatch_on_cut(ingest->dispatch, chunk->length, chunk->records);
    chunk->mark_size = (uint8_t)mark_seal(chunk->mark, chunk->mark_size, seq);
    chunk_store_put(ingest->chunk_store, seq, chunk);
    ingest->pending_us = 0;
    ingest->overdue = false;
}

/* When the records that wait are handed out. A slot that is free need not wait for a
 * full chunk. Messages that would only wait in another row rather fill their chunk: so
 * chunks grow where the work is slower than what comes. */
static int64_t due_us(const struct ingest *ingest)
{
    bool eager = ingest->at_once ||
                 (ingest->eager_us && ingest->eager_us < ingest->timeout_us);
    int64_t wait_us = ingest->timeout_us;
    if (ingest->at_once && dispatch_has_full_queues(ingest->dispatch))
        return NEVER_US;
    if (eager && dispatch_has_free_slot(ingest->dispatch))
        wait_us = ingest->at_once ? 0 : ingest->eager_us;
    return ingest->pending_us + wait_us;
}

/* The records of a stream wait, but not longer than the timeout. */
static bool flush(struct ingest *ingest, struct chunk *ret_chunk, int64_t now_us)
{
    if (ingest->timeout_us == 0 || source_pending(ingest->source) == 0 ||
        !source_is_stream(ingest->source)) {
        ingest->pending_us = 0;
        return false;
    }
    if (ingest->pending_us == 0)
        ingest->pending_us = now_us;
    if (now_us < due_us(ingest))
        return false;
    ingest->overdue = !source_flush(ingest->source, ret_chunk);
    return !ingest->overdue;
}

int64_t ingest_deadline(const struct ingest *ingest)
{
    if (ingest->state != INGEST_WAITS)
        return NEVER_US;
    int64_t end_us = source_deadline(ingest->source);
    if (ingest->pending_us == 0 || ingest->overdue)
        return end_us;
    int64_t flush_us = due_us(ingest);
    return flush_us < end_us ? flush_us : end_us;
}

/* One chunk, with its length; false: there is none now. */
static bool cut_chunk(struct ingest *ingest, uint64_t *ret_length, int64_t now_us)
{
    struct chunk chunk;
    enum source_outcome outcome = source_next(ingest->source, &chunk);
    tell_header(ingest, now_us);
    switch (outcome) {
    case SOURCE_CHUNK:
        break;
    case SOURCE_MORE:
        /* Messages that come faster than they are read never let it wait. */
        if (!ingest->at_once || !flush(ingest, &chunk, now_us))
            return false;
        break;
    case SOURCE_WAITS:
        ingest->state = INGEST_WAITS;
        if (!flush(ingest, &chunk, now_us))
            return false;
        break;
    case SOURCE_ENDED:
        ingest->state = INGEST_CLOSED;
        dispatch_on_input_end(ingest->dispatch);
        return false;
    case SOURCE_FAILED:
        ingest->state = INGEST_CLOSED;
        dispatch_on_input_failure(ingest->dispatch, STATUS_IO,
                                  source_error(ingest->source));
        return false;
    }
    *ret_length = chunk.length;
    put(ingest, &chunk);
    return true;
}

/* How many chunks dispatch wants, each as long as it says. */
static uint32_t ask(struct ingest *ingest)
{
    uint64_t cut = source_bytes(ingest->source), total = source_total(ingest->source);
    uint64_t block_bytes =
        dispatch_block(ingest->dispatch, total > cut ? total - cut : 0);
    if (block_bytes)
        source_set_block(ingest->source, block_bytes);
    return dispatch_wants(ingest->dispatch);
}

/* Does not ask dispatch after each small chunk, as dispatch looks at all workers to
 * answer. */
void ingest_cut(struct ingest *ingest, int64_t now_us)
{
    if (ingest->state == INGEST_WAITS)
        ingest->state = INGEST_READY;
    uint64_t bytes = 0, asked_at = 0, length;
    uint32_t wanted = 0;
    for (int i = 0; i < CUT_CHUNKS_MAX && bytes < CUT_BYTES_MAX; i++) {
        if (ingest->state != INGEST_READY)
            return;
        if (wanted == 0 || bytes - asked_at >= ASK_AGAIN_BYTES) {
            wanted = ask(ingest);
            asked_at = bytes;
        }
        if (wanted == 0)
            return;
        if (!cut_chunk(ingest, &length, now_us))
            return;
        bytes += length;
        wanted--;
    }
}

bool ingest_drain(struct ingest *ingest)
{
    return source_drain(ingest->source);
}

void ingest_discard(struct ingest *ingest, uint64_t seq)
{
    const struct chunk *chunk = chunk_store_find(ingest->chunk_store, seq);
    if (chunk) {
        ingest->done_bytes += chunk_input_length(chunk);
        ingest->committed = (struct committed){
            .seq = seq + 1,
            .records = chunk->first_record + chunk->records,
            .bytes = chunk->bytes_after,
        };
        source_on_committed(ingest->source, chunk);
    }
    chunk_store_discard(ingest->chunk_store, seq);
}

void ingest_discard_all(struct ingest *ingest)
{
    uint64_t end = dispatch_counts(ingest->dispatch).cut;
    for (uint64_t seq = ingest->committed.seq; seq < end; seq++)
        ingest_discard(ingest, seq);
    source_on_completed(ingest->source);
}
