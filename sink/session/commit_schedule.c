/* SPDX-License-Identifier: MIT */
/* Tickets rise; answers come in their order. */
#include "sink/session/commit_schedule.h"

enum {
    DUE_US = 1000000,
    DUE_BYTES = 64 << 20,
    DUE_TASKS = 100000,
};

struct commit {
    uint64_t ticket, next, epoch;
};

void commit_schedule_init(struct commit_schedule *schedule, bool journal, uint64_t next,
                          uint64_t epoch, int64_t now_us)
{
    *schedule = (struct commit_schedule){
        .journal = journal,
        .safe = next,
        .safe_epoch = epoch,
        .next = next,
        .ordered_us = now_us,
    };
    ring_init(&schedule->waiting, sizeof(struct commit));
}

void commit_schedule_deinit(struct commit_schedule *schedule)
{
    ring_deinit(&schedule->waiting);
}

static void settle(struct commit_schedule *schedule, const struct commit *commit)
{
    if (commit->next > schedule->safe)
        schedule->safe = commit->next;
    if (commit->epoch > schedule->safe_epoch)
        schedule->safe_epoch = commit->epoch;
}

uint64_t commit_schedule_add(struct commit_schedule *schedule, uint64_t next,
                             uint64_t epoch, uint64_t bytes, int64_t now_us)
{
    struct commit commit = {
        .ticket = ++schedule->last_ticket, .next = next, .epoch = epoch};
    schedule->next = next;
    schedule->bytes = bytes;
    schedule->ordered_us = now_us;
    if (!schedule->journal) {
        settle(schedule, &commit);
        return 0;
    }
    *(struct commit *)ring_push(&schedule->waiting) = commit;
    return commit.ticket;
}

void commit_schedule_on_committed(struct commit_schedule *schedule, uint64_t ticket)
{
    struct commit commit = {0};
    while (commit.ticket != ticket && ring_pop(&schedule->waiting, &commit))
        settle(schedule, &commit);
}

void commit_schedule_lose(struct commit_schedule *schedule)
{
    schedule->lost = true;
}

bool commit_schedule_waiting(const struct commit_schedule *schedule)
{
    return schedule->waiting.count && !schedule->lost;
}

bool commit_schedule_due(const struct commit_schedule *schedule, uint64_t next,
                         uint64_t bytes, uint64_t share, int64_t now_us)
{
    uint64_t quarter = share / 2;
    uint64_t most = quarter && quarter < DUE_BYTES ? quarter : DUE_BYTES;
    if (!schedule->journal || commit_schedule_waiting(schedule) ||
        next == schedule->next)
        return false;
    return now_us - schedule->ordered_us >= DUE_US || bytes - schedule->bytes >= most ||
           next - schedule->next >= DUE_TASKS;
}
