/* SPDX-License-Identifier: MIT */
/*
 * A worker of any make may mistake one task for another. The mark, which goes out with
 * the task and comes back with the result, shows it: it has the task's seq. What does
 * not fit would be written in the wrong place, or would make a later run resume in the
 * wrong place of the input; so it is refused, even where the seq is held already,
 * because the task that it belongs to is then still open.
 */
#include "sink/session/refusal.h"

#include "common/protocol/mark.h"
#include "sink/session/actions.h"
#include "sink/session/ending.h"

#include <inttypes.h>
#include <stdio.h>

static struct sink_refusal *refuse(struct sink_session *session, const struct id *uuid,
                                   const struct result_entry *entry, enum failure cause)
{
    sink_actions_add(session, SINK_REFUSE)->seq = entry->seq;
    struct sink_refusal *refusal = ring_push(&session->refusals);
    *refusal = (struct sink_refusal){.uuid = *uuid,
                                     .seq = entry->seq,
                                     .attempt = entry->attempt,
                                     .marked = entry->seq,
                                     .cause = cause};
    return refusal;
}

/* With its bad records' bytes. */
static uint64_t result_bytes(const struct result_entry *entry)
{
    uint64_t bytes = entry->length;
    for (uint32_t i = 0; i < entry->bad_count; i++)
        bytes += entry->bad[i].length;
    return bytes;
}

/* The run has `total` tasks, once its end is known. */
static bool is_beyond_end(const struct sink_session *session, uint64_t seq)
{
    return session->ending.phase == SINK_PHASE_COMPLETING &&
           seq >= session->ending.total;
}

void sink_refusal_add_unread(struct sink_session *session, const struct id *uuid,
                             const struct result_entry *entry, enum failure cause)
{
    struct sink_refusal *refusal = refuse(session, uuid, entry, cause);
    if (cause == FAILURE_REFERENCE)
        snprintf(refusal->text, sizeof refusal->text,
                 "the sink cannot borrow the result of task %" PRIu64, entry->seq);
    else
        snprintf(refusal->text, sizeof refusal->text,
                 "the result of task %" PRIu64
                 " came to the sink damaged: its compressed bytes are not what the "
                 "worker says that they are",
                 entry->seq);
}

bool sink_refusal_check(struct sink_session *session, const struct id *uuid,
                        const struct result_entry *entry)
{
    uint64_t seq = 0, bytes = result_bytes(entry);
    uint64_t most = session->config.max_result;
    enum mark_verdict verdict = mark_check(entry->mark, entry->seq, &seq);
    struct sink_refusal *refusal;
    if (verdict == MARK_OF_ANOTHER) {
        refusal = refuse(session, uuid, entry, FAILURE_PROTOCOL);
        refusal->marked = seq;
        snprintf(refusal->text, sizeof refusal->text,
                 "the worker gave the result of task %" PRIu64
                 " with the mark of task %" PRIu64,
                 entry->seq, seq);
    } else if (verdict == MARK_BROKEN) {
        refusal = refuse(session, uuid, entry, FAILURE_PROTOCOL);
        snprintf(refusal->text, sizeof refusal->text,
                 "the worker gave the result of task %" PRIu64
                 " with a mark that is garbage, and not the task's, unchanged",
                 entry->seq);
    } else if (is_beyond_end(session, entry->seq)) {
        refusal = refuse(session, uuid, entry, FAILURE_PROTOCOL);
        snprintf(refusal->text, sizeof refusal->text,
                 "the worker gave a result of task %" PRIu64
                 ", but the run has only %" PRIu64 " tasks",
                 entry->seq, session->ending.total);
    } else if (most && bytes > most) {
        refusal = refuse(session, uuid, entry, FAILURE_TOO_LARGE);
        snprintf(refusal->text, sizeof refusal->text,
                 "the result of task %" PRIu64 " has %" PRIu64
                 " bytes, and the sink takes %" PRIu64 " (--max-result)",
                 entry->seq, bytes, most);
    } else {
        return false;
    }
    return true;
}
