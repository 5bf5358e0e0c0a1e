/* SPDX-License-Identifier: MIT */
/* Between source, store and dispatch: the one place that moves a chunk from the first
 * to the second, under the number that the third gives it. */
#include "ventilator/feed.h"

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

/* One chunk; returns its length, 0 where there is none now. */
static uint64_t cut_chunk(struct feed *feed, int64_t now_us)
{
    struct chunk chunk;
    uint64_t length;
    switch (source_next(feed->source, &chunk)) {
    case SOURCE_CHUNK:
        length = chunk.length;
        store_put(feed->store,
                  dispatch_on_cut(feed->dispatch, length, chunk.records, now_us),
                  &chunk);
        return length;
    case SOURCE_MORE:
        break;
    case SOURCE_WAITS:
        feed->state = FEED_WAITS;
        break;
    case SOURCE_ENDED:
        feed->state = FEED_CLOSED;
        dispatch_on_input_end(feed->dispatch);
        break;
    case SOURCE_FAILED:
        feed_fail(feed, now_us);
        break;
    }
    return 0;
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
    uint64_t bytes = 0, asked_at = 0;
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
        uint64_t length = cut_chunk(feed, now_us);
        if (length == 0)
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
