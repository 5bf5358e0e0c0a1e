/* SPDX-License-Identifier: MIT */
#include "schedule.h"
#include <stdlib.h>

static bool before(const struct event *a, const struct event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->number < b->number;
}

static void grow(struct schedule *schedule)
{
    schedule->capacity = schedule->capacity ? 2 * schedule->capacity : 1024;
    schedule->heap =
        realloc(schedule->heap, schedule->capacity * sizeof *schedule->heap);
    if (!schedule->heap)
        abort();
}

void schedule_at(struct schedule *schedule, int64_t at_us,
                 void (*happen)(void *subject, uint64_t detail), void *subject,
                 uint64_t detail)
{
    if (schedule->count == schedule->capacity)
        grow(schedule);
    struct event event = {
        .at_us = at_us > schedule->now_us ? at_us : schedule->now_us,
        .number = schedule->number++,
        .happen = happen,
        .subject = subject,
        .detail = detail,
    };
    size_t i = schedule->count++;
    for (; i > 0 && before(&event, &schedule->heap[(i - 1) / 2]); i = (i - 1) / 2)
        schedule->heap[i] = schedule->heap[(i - 1) / 2];
    schedule->heap[i] = event;
}

static struct event pop(struct schedule *schedule)
{
    struct event *heap = schedule->heap, first = heap[0];
    struct event last = heap[--schedule->count];
    size_t i = 0, count = schedule->count;
    for (size_t child; (child = 2 * i + 1) < count; i = child) {
        if (child + 1 < count && before(&heap[child + 1], &heap[child]))
            child++;
        if (!before(&heap[child], &last))
            break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return first;
}

bool schedule_step(struct schedule *schedule)
{
    if (schedule->count == 0)
        return false;
    struct event event = pop(schedule);
    schedule->now_us = event.at_us;
    event.happen(event.subject, event.detail);
    return true;
}

void schedule_reset(struct schedule *schedule)
{
    schedule->count = 0;
    schedule->number = 0;
    schedule->now_us = 0;
}

void schedule_deinit(struct schedule *schedule)
{
    free(schedule->heap);
    schedule->heap = NULL;
    schedule->capacity = 0;
}
