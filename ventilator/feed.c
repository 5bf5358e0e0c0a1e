/* SPDX-License-Identifier: MIT */
/* Between source, store and dispatch: the one place that moves a chunk from the first
 * to the second, under the number that the third gives it. */
#include "ventilator/feed.h"

#include "common/clock.h"
#include "common/exit_status.h"

enum {
    CUT_CHUNKS_MAX = 4096,       /* cut in one call */
    CUT_BYTES_MAX = 4 << 20,     /* likewise; a chunk may go beyond */
    LOOK_AGAIN_BYTES = 64 << 10, /* cut on one answer of dispatch_wants */
};

void feed_fail(struct feed *feed, int64_t now_us)
{
    feed->state = FEED_CLOSED;
    dispatch_stop(feed->dispatch, OUTCOME_STOPPED, STATUS_IO,
                  source_error(feed->source), now_us);
}

void feed_start(struct feed *feed, int64_t now_us)
{
    if (source_start(feed->source, dispatch_mark(feed->dispatch),
                     dispatch_input(feed->dispatch)))
        feed->state = FEED_READY;
    else
        feed_fail(feed, now_us);
}

/* Workers are told it when they are welcomed, and so wait for it. */
static void tell_header(struct feed *feed, int64_t now_us)
{
    if (feed->header_told || !source_knows_header(feed->source))
        return;
    feed->header_told = true;
    dispatch_on_header(feed->dispatch, now_us);
}

static void keep(struct feed *feed, struct chunk *chunk, int64_t now_us)
{
    uint64_t seq =
        dispatch_on_cut(feed->dispatch, chunk->length, chunk->records, now_us);
    store_put(feed->store, seq, chunk);
    feed->pending_us = 0;
    feed->overdue = false;
}

/* The stream waits: so do its records, but not for ever. */
static bool flush(struct feed *feed, struct chunk *ret_chunk, int64_t now_us)
{
    feed->state = FEED_WAITS;
    if (feed->timeout_us == 0 || source_pending(feed->source) == 0 ||
        !source_is_stream(feed->source)) {
        feed->pending_us = 0;
        return false;
    }
    if (feed->pending_us == 0)
        feed->pending_us = now_us;
    if (now_us - feed->pending_us < feed->timeout_us)
        return false;
    feed->overdue = !source_flush(feed->source, ret_chunk);
    return !feed->overdue;
}

int64_t feed_deadline(const struct feed *feed)
{
    bool waits = feed->state == FEED_WAITS && feed->pending_us > 0 && !feed->overdue;
    return waits ? feed->pending_us + feed->timeout_us : NEVER_US;
}

/* One chunk, with its length; false: there is none now. */
static bool cut_chunk(struct feed *feed, uint64_t *ret_length, int64_t now_us)
{
    struct chunk chunk;
    enum source_outcome outcome = source_next(feed->source, &chunk);
    tell_header(feed, now_us);
    switch (outcome) {
    case SOURCE_CHUNK:
        break;
    case SOURCE_MORE:
        return false;
    case SOURCE_WAITS:
        if (!flush(feed, &chunk, now_us))
            return false;
        break;
    case SOURCE_ENDED:
        feed->state = FEED_CLOSED;
        dispatch_on_input_end(feed->dispatch);
        return false;
    case SOURCE_FAILED:
        feed->state = FEED_CLOSED;
        dispatch_on_input_failure(feed->dispatch, STATUS_IO,
                                  source_error(feed->source));
        return false;
    }
    *ret_length = chunk.length;
    keep(feed, &chunk, now_us);
    return true;
}

/* How many chunks dispatch wants, each as long as it says. */
static uint32_t ask(struct feed *feed)
{
    uint64_t cut = source_bytes(feed->source), total = source_total(feed->source);
    uint64_t block_bytes =
        dispatch_block(feed->dispatch, total > cut ? total - cut : 0);
    if (block_bytes)
        source_set_block(feed->source, block_bytes);
    return dispatch_wants(feed->dispatch);
}

/* dispatch is not asked after each small chunk, as it looks at all workers to answer.
 */
void feed_cut(struct feed *feed, int64_t now_us)
{
    if (feed->state == FEED_WAITS)
        feed->state = FEED_READY;
    uint64_t bytes = 0, asked_at = 0, length;
    uint32_t wanted = 0;
    for (int i = 0; i < CUT_CHUNKS_MAX && bytes < CUT_BYTES_MAX; i++) {
        if (feed->state != FEED_READY)
            return;
        if (wanted == 0 || bytes - asked_at >= LOOK_AGAIN_BYTES) {
            wanted = ask(feed);
            asked_at = bytes;
        }
        if (wanted == 0)
            return;
        if (!cut_chunk(feed, &length, now_us))
            return;
        bytes += length;
        wanted--;
    }
}

void feed_discard(struct feed *feed, uint64_t seq)
{
    const struct chunk *chunk = store_find(feed->store, seq);
    feed->done_bytes += chunk ? chunk->length : 0;
    store_discard(feed->store, seq);
}
