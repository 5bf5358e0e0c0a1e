/* SPDX-License-Identifier: MIT */
#include "worker/task_intake.h"

/* A later version has other kinds of tasks, but sends none to a worker that has not
 * said that it knows them. */
static void refuse_kind(struct resources *resources, struct task *task, uint64_t seq,
                        uint32_t kind)
{
    task_refuse_kind(task, kind);
    session_on_refused(resources->session, seq);
}

void task_intake_tasks(struct resources *resources, const struct message *message,
                       int64_t now_us)
{
    zmq_msg_t *payload = uplink_payload(resources->uplink);
    size_t offset = 0;
    for (uint32_t i = 0; i < message->task.count; i++) {
        const struct task_entry *entry = &message->task.entries[i];
        struct task *task = task_new(entry, payload, offset);
        task->received_us = now_us;
        offset += entry->length;
        bool taken =
            session_on_task(resources->session, message->task.session, entry, task);
        if (taken && entry->kind != TASK_BY_VALUE)
            refuse_kind(resources, task, entry->seq, entry->kind);
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
    struct task *task =
        task_new_isolate(message, uplink_payload(resources->uplink), &config);
    task->received_us = now_us;
    bool taken = session_on_isolate(session, message, task);
    if (taken && message->isolate.kind != TASK_BY_VALUE)
        refuse_kind(resources, task, message->isolate.seq, message->isolate.kind);
    if (!taken)
        task_destroy(&task);
}
