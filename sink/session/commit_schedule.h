/* SPDX-License-Identifier: MIT */
/*
 * Knows what is safe, keeps the positions that are on their way to the journal, and
 * says when the next commit is due. Without a journal a position is safe at once. Pure.
 */
#ifndef FANFOLD_SINK_SESSION_COMMIT_SCHEDULE_H
#define FANFOLD_SINK_SESSION_COMMIT_SCHEDULE_H

#include "common/ring.h"
#include <stdint.h>

struct commit_schedule {
    bool journal;
    bool lost;           /* the journal failed: no answer comes any more */
    struct ring waiting; /* of struct commit: ordered, not answered */
    uint64_t last_ticket;
    uint64_t safe;       /* everything before this seq is safe */
    uint64_t safe_epoch; /* this epoch is safe */
    uint64_t next;       /* of the last commit ordered */
    uint64_t bytes;      /* written when it was ordered */
    int64_t ordered_us;
};

void commit_schedule_init(struct commit_schedule *schedule, bool journal, uint64_t next,
                          uint64_t epoch, int64_t now_us);
void commit_schedule_deinit(struct commit_schedule *schedule);

/* Asks to make this position safe. Returns the ticket under which it is to be
 * committed; 0: it is safe. */
uint64_t commit_schedule_add(struct commit_schedule *schedule, uint64_t next,
                             uint64_t epoch, uint64_t bytes, int64_t now_us);
/* The position of that ticket is safe, and so are all before it. */
void commit_schedule_on_committed(struct commit_schedule *schedule, uint64_t ticket);
/* The journal failed: no answer is waited for. */
void commit_schedule_lose(struct commit_schedule *schedule);
/* A commit is ordered, and its answer is still to come. */
bool commit_schedule_waiting(const struct commit_schedule *schedule);
/* A commit is due after a second, 64 MiB, a quarter of the run's buffer (of which
 * `share` is half) or 100,000 tasks. */
bool commit_schedule_due(const struct commit_schedule *schedule, uint64_t next,
                         uint64_t bytes, uint64_t share, int64_t now_us);

#endif
