/* SPDX-License-Identifier: MIT */
/*
 * What is safe: positions on their way to the journal, in order, and when the next one
 * is due. Without a journal what is written is safe at once. Pure.
 */
#ifndef FANFOLD_SINK_COMMITS_H
#define FANFOLD_SINK_COMMITS_H

#include "common/queue.h"
#include <stdint.h>

struct commits {
    bool journal;
    struct queue waiting; /* of struct commit: given out, not answered */
    uint64_t last_ticket;
    uint64_t sure;       /* everything before this seq is safe */
    uint64_t sure_epoch; /* this epoch is */
    uint64_t next;       /* of the last one given out */
    uint64_t bytes;      /* written when it was given out */
    int64_t given_us;    /* when it was */
};

void commits_init(struct commits *commits, bool journal, uint64_t next, uint64_t epoch,
                  int64_t now_us);
void commits_deinit(struct commits *commits);

/* This position shall be safe: the ticket under which it is to be committed; 0: it is.
 */
uint64_t commits_add(struct commits *commits, uint64_t next, uint64_t epoch,
                     uint64_t bytes, int64_t now_us);
/* That ticket's position is safe, and all before it. */
void commits_on_committed(struct commits *commits, uint64_t ticket);
bool commits_waiting(const struct commits *commits);
/* Whether a position is to be committed now: after a second, 64 MiB, a quarter of the
 * run's buffer (of which `share` is half) or 100,000 tasks. */
bool commits_due(const struct commits *commits, uint64_t next, uint64_t bytes,
                 uint64_t share, int64_t now_us);

#endif
