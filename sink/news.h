/* SPDX-License-Identifier: MIT */
/* What the ventilator has not been told yet: results newly held, as ranges, and whether
 * the position has moved. Pure. */
#ifndef FANFOLD_SINK_NEWS_H
#define FANFOLD_SINK_NEWS_H

#include "common/message.h"

struct news {
    struct range *held;
    uint32_t count, capacity;
    bool moved;      /* what is written or committed has moved */
    int64_t told_us; /* the last time */
};

void news_deinit(struct news *news);
/* A result was taken. */
void news_add(struct news *news, uint64_t seq);
/* Forgets what is held: BEGIN lists it. */
void news_clear(struct news *news);
/* True: it is time to tell, and counted as told. Otherwise *ret_due_us is when it will
 * be, NEVER_US where there is nothing. */
bool news_due(struct news *news, int64_t now_us, int64_t *ret_due_us);

#endif
