/* SPDX-License-Identifier: MIT */
/* Neighbours are one range: results that come in order stay one range for ever. */
#include "sink/session/progress.h"

#include "common/clock.h"
#include "common/memory.h"
#include <stdlib.h>

enum { GATHER_US = 1000 /* between two PROGRESS */ };

void progress_deinit(struct progress *progress)
{
    free(progress->held);
    *progress = (struct progress){0};
}

void progress_add(struct progress *progress, uint64_t seq)
{
    struct range *last = progress->count ? &progress->held[progress->count - 1] : NULL;
    if (last && last->first + last->count == seq) {
        last->count++;
        return;
    }
    if (progress->count == RANGES_MAX)
        return; /* it is told with `released`, or at the next BEGIN */
    if (progress->count == progress->capacity) {
        progress->capacity = progress->capacity ? 2 * progress->capacity : 64;
        progress->held =
            reallocate(progress->held, progress->capacity, sizeof *progress->held);
    }
    progress->held[progress->count++] = (struct range){.first = seq, .count = 1};
}

void progress_clear(struct progress *progress)
{
    progress->count = 0;
}

bool progress_due(struct progress *progress, int64_t now_us, int64_t *ret_due_us)
{
    *ret_due_us = NEVER_US;
    if (!progress->count && !progress->moved)
        return false;
    if (now_us - progress->told_us < GATHER_US) {
        *ret_due_us = progress->told_us + GATHER_US;
        return false;
    }
    progress->told_us = now_us;
    return true;
}
