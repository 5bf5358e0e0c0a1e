/* SPDX-License-Identifier: MIT */
#include "worker/program/persistent/persistent_doubt.h"

void persistent_doubt_begin(struct persistent_doubt *doubt)
{
    doubt->open = doubt->given = false;
}

void persistent_doubt_add(struct persistent_doubt *doubt,
                          const struct program_task *task)
{
    if (!doubt->open || task->seq < doubt->from)
        doubt->from = task->seq;
    doubt->open = doubt->given = true;
    doubt->last = task->seq;
}

void persistent_doubt_clear(struct persistent_doubt *doubt,
                            const struct program_task *task)
{
    doubt->open = false;
    doubt->given = true;
    doubt->last = task->seq;
}

void persistent_doubt_report(struct persistent_doubt *doubt,
                             struct runner_context *context, uint32_t slot,
                             const char *text, bool at_end)
{
    struct program_doubt report = {
        .slot = slot,
        .from = doubt->open ? doubt->from : doubt->last,
        .text = text,
    };
    if (!context->ending && (doubt->open || (at_end && doubt->given)))
        context->events.doubt(context->events.context, &report);
    persistent_doubt_begin(doubt);
}
