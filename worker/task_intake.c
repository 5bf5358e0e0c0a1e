/* SPDX-License-Identifier: MIT */
#include "worker/task_intake.h"

#include "common/log.h"
#include "common/protocol/protocol.h"
#include <inttypes.h>

/* A later version has other kinds of tasks, but sends none to a worker that has not
 * said that it knows them. */
static void refuse_kind(struct resources *resources, struct task *task, uint64_t seq,
                        uint32_t kind)
{
    task_refuse_kind(task, kind);
    session_on_refused(resources->session, seq);
}

bool task_intake_next(struct resources *resources, struct message *ret_message)
{
    return !payload_codec_is_spent(resources->codec) &&
           uplink_receive(resources->uplink, ret_message);
}

/* False: what came is not what was sent. The payload is then none, and so are the
 * chunks. */
static bool take_payload(struct resources *resources, const struct message *message)
{
    uint64_t bytes;
    enum payload_compression compression = message_compression(message, &bytes);
    return compression == PAYLOAD_PLAIN ||
           payload_codec_decompress(resources->codec, compression,
                                    uplink_payload(resources->uplink), bytes);
}

/* The ventilator is told, and gives it out again: silence would keep it waiting. */
static void refuse_damaged(struct resources *resources, struct task *task, uint64_t seq)
{
    log_event(LOG_LEVEL_WARN, "damaged", "seq=%" PRIu64, seq);
    task_refuse_damaged(task);
    session_on_refused(resources->session, seq);
}

static struct task *make(struct resources *resources, const struct task_entry *entry,
                         zmq_msg_t *payload, size_t offset)
{
    struct task *task =
        entry->kind == TASK_BY_REFERENCE
            ? task_new_by_reference(entry, payload, offset, resources->files)
            : task_new(entry, payload, offset);
    task->direct = program_takes_extents(resources->program);
    return task;
}

/* A task that is on the ledger, and that nothing can run. */
static void refuse(struct resources *resources, struct task *task,
                   const struct task_entry *entry)
{
    if (entry->kind > TASK_BY_REFERENCE) {
        refuse_kind(resources, task, entry->seq, entry->kind);
    } else if (entry->kind == TASK_BY_REFERENCE && !task->extents) {
        task_refuse_reference(task, chunk_files_reason(resources->files));
        session_on_refused(resources->session, entry->seq);
    }
}

void task_intake_tasks(struct resources *resources, const struct message *message,
                       int64_t now_us)
{
    zmq_msg_t *payload = uplink_payload(resources->uplink);
    bool whole = take_payload(resources, message);
    enum strip_frame strip =
        strip_frame_of(resources->strip, session_format(resources->session));
    size_t offset = 0;
    for (uint32_t i = 0; i < message->task.count; i++) {
        const struct task_entry *entry = &message->task.entries[i];
        struct task *task =
            whole ? make(resources, entry, payload, offset)
                  : task_new(&(struct task_entry){.mark = entry->mark}, payload, 0);
        task->received_us = now_us;
        task->strip = strip;
        offset += entry->length;
        bool taken =
            session_on_task(resources->session, message->task.session, entry, task);
        if (taken && !whole)
            refuse_damaged(resources, task, entry->seq);
        else if (taken)
            refuse(resources, task, entry);
        if (!taken)
            task_destroy(&task);
    }
}

void task_intake_isolate(struct resources *resources, const struct message *message,
                         int64_t now_us)
{
    struct session *session = resources->session;
    struct part_run_config config = {
        .format = session_format(session),
        .header_out = session_header_out(session),
        .max_result = session_max_result(session),
    };
    bool whole = take_payload(resources, message);
    const struct task_entry damaged = {.seq = message->isolate.seq,
                                       .mark = message->isolate.mark};
    zmq_msg_t *payload = uplink_payload(resources->uplink);
    struct task *task = whole ? task_new_isolate(message, payload, &config)
                              : task_new(&damaged, payload, 0);
    task->received_us = now_us;
    task->strip = strip_frame_of(resources->strip, session_format(session));
    bool taken = session_on_isolate(session, message, task);
    if (taken && !whole)
        refuse_damaged(resources, task, message->isolate.seq);
    else if (taken && message->isolate.kind != TASK_BY_VALUE)
        refuse_kind(resources, task, message->isolate.seq, message->isolate.kind);
    if (!taken)
        task_destroy(&task);
}
