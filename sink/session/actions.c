/* SPDX-License-Identifier: MIT */
#include "sink/session/actions.h"

struct sink_action *sink_actions_add(struct sink_session *session,
                                     enum sink_action_kind kind)
{
    struct sink_action *action = ring_push(&session->actions);
    *action = (struct sink_action){.kind = kind};
    return action;
}

void sink_actions_commit(struct sink_session *session, uint64_t epoch, int64_t now_us)
{
    const struct release_queue *queue = &session->queue;
    uint64_t ticket = commit_schedule_add(&session->commit_schedule, queue->written,
                                          epoch, queue->bytes, now_us);
    if (ticket)
        sink_actions_add(session, SINK_COMMIT)->ticket = ticket;
    session->progress.moved = true;
}
