/* SPDX-License-Identifier: MIT */
#include "sink/session/release_queue.h"
#include "tests/bench/instructions/paths.h"

#include <assert.h>

static int cargo;

static void keep(void *unused)
{
    (void)unused;
}

static void offer(struct release_queue *queue, uint64_t seq)
{
    static const uint8_t mark[24];
    struct result_info info = {.seq = seq, .length = 1000, .mark = {mark, sizeof mark}};
    bool taken = release_queue_offer(queue, &info, &cargo);
    assert(taken);
}

/* Batches come whole, and the results of each in another order: 37 and BATCH have no
 * common divisor. */
void path_release(uint64_t units)
{
    struct release_queue queue;
    release_queue_init(&queue, 0, true);
    for (uint64_t first = 0, seq; first < units; first += BATCH)
        for (uint64_t i = 0; i < BATCH; i++) {
            offer(&queue, first + (i + 1) * 37 % BATCH);
            while (release_queue_give(&queue, &seq))
                release_queue_on_written(&queue, seq);
        }
    assert(queue.written == units);
    release_queue_deinit(&queue, keep);
}
