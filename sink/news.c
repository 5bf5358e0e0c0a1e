/* SPDX-License-Identifier: MIT */
/* Neighbours are one range; what comes in order is one range for ever. */
#include "sink/news.h"

#include "common/clock.h"
#include "common/memory.h"
#include <stdlib.h>

enum { GATHER_US = 1000 /* news are gathered for so long */ };

void news_deinit(struct news *news)
{
    free(news->held);
    *news = (struct news){0};
}

void news_add(struct news *news, uint64_t seq)
{
    struct range *last = news->count ? &news->held[news->count - 1] : NULL;
    if (last && last->first + last->count == seq) {
        last->count++;
        return;
    }
    if (news->count == RANGES_MAX)
        return; /* it is told with `released`, or at the next BEGIN */
    if (news->count == news->capacity) {
        news->capacity = news->capacity ? 2 * news->capacity : 64;
        news->held = reallocate(news->held, news->capacity, sizeof *news->held);
    }
    news->held[news->count++] = (struct range){.first = seq, .count = 1};
}

void news_clear(struct news *news)
{
    news->count = 0;
}

bool news_due(struct news *news, int64_t now_us, int64_t *ret_due_us)
{
    *ret_due_us = NEVER_US;
    if (!news->count && !news->moved)
        return false;
    if (now_us - news->told_us < GATHER_US) {
        *ret_due_us = news->told_us + GATHER_US;
        return false;
    }
    news->told_us = now_us;
    return true;
}
