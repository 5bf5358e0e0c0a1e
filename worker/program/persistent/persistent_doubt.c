/* SPDX-License-Identifier: MIT */
#include "worker/program/persistent/persistent_doubt.h"
#include "common/memory.h"

#include <stdlib.h>

enum { NEWEST_MAX = 4096 }; /* entries of one message */

void persistent_doubt_deinit(struct persistent_doubt *doubt)
{
    free(doubt->newest);
    doubt->newest = NULL;
}

void persistent_doubt_begin(struct persistent_doubt *doubt)
{
    doubt->open = doubt->given = false;
    doubt->next = doubt->count = 0;
}

void persistent_doubt_add(struct persistent_doubt *doubt,
                          const struct program_task *task)
{
    if (!doubt->newest)
        doubt->newest = allocate(NEWEST_MAX * sizeof *doubt->newest);
    if (!doubt->open || task->seq < doubt->from)
        doubt->from = task->seq;
    doubt->open = doubt->given = true;
    doubt->last = task->seq;
    doubt->newest[doubt->next] =
        (struct attempt_entry){.seq = task->seq, .attempt = task->attempt};
    doubt->next = (doubt->next + 1) % NEWEST_MAX;
    doubt->count += doubt->count < NEWEST_MAX;
}

void persistent_doubt_clear(struct persistent_doubt *doubt,
                            const struct program_task *task)
{
    doubt->open = false;
    doubt->given = true;
    doubt->last = task->seq;
    doubt->next = doubt->count = 0;
}

void persistent_doubt_report(struct persistent_doubt *doubt,
                             struct runner_context *context, uint32_t slot,
                             const char *text, bool at_end)
{
    struct program_doubt report = {
        .slot = slot,
        .from = doubt->open ? doubt->from : doubt->last,
        .entries = doubt->newest,
        .count = doubt->count,
        .text = text,
    };
    if (!context->ending && (doubt->open || (at_end && doubt->given)))
        context->events.doubt(context->events.context, &report);
    persistent_doubt_begin(doubt);
}
