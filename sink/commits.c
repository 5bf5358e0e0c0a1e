/* SPDX-License-Identifier: MIT */
/* Tickets rise; answers come in their order. */
#include "sink/commits.h"

enum {
    DUE_US = 1000000,
    DUE_BYTES = 64 << 20,
    DUE_TASKS = 100000,
};

struct commit {
    uint64_t ticket, next, epoch;
};

void commits_init(struct commits *commits, bool journal, uint64_t next, uint64_t epoch,
                  int64_t now_us)
{
    *commits = (struct commits){
        .journal = journal,
        .sure = next,
        .sure_epoch = epoch,
        .next = next,
        .given_us = now_us,
    };
    queue_init(&commits->waiting, sizeof(struct commit));
}

void commits_deinit(struct commits *commits)
{
    queue_deinit(&commits->waiting);
}

static void settle(struct commits *commits, const struct commit *commit)
{
    if (commit->next > commits->sure)
        commits->sure = commit->next;
    if (commit->epoch > commits->sure_epoch)
        commits->sure_epoch = commit->epoch;
}

uint64_t commits_add(struct commits *commits, uint64_t next, uint64_t epoch,
                     uint64_t bytes, int64_t now_us)
{
    struct commit commit = {
        .ticket = ++commits->last_ticket, .next = next, .epoch = epoch};
    commits->next = next;
    commits->bytes = bytes;
    commits->given_us = now_us;
    if (!commits->journal) {
        settle(commits, &commit);
        return 0;
    }
    *(struct commit *)queue_push(&commits->waiting) = commit;
    return commit.ticket;
}

void commits_on_committed(struct commits *commits, uint64_t ticket)
{
    struct commit commit = {0};
    while (commit.ticket != ticket && queue_pop(&commits->waiting, &commit))
        settle(commits, &commit);
}

bool commits_waiting(const struct commits *commits)
{
    return commits->waiting.count != 0;
}

bool commits_due(const struct commits *commits, uint64_t next, uint64_t bytes,
                 uint64_t share, int64_t now_us)
{
    uint64_t quarter = share / 2;
    uint64_t most = quarter && quarter < DUE_BYTES ? quarter : DUE_BYTES;
    if (!commits->journal || commits_waiting(commits) || next == commits->next)
        return false;
    return now_us - commits->given_us >= DUE_US || bytes - commits->bytes >= most ||
           next - commits->next >= DUE_TASKS;
}
