/* SPDX-License-Identifier: MIT */
#include "schedule.h"
#include <assert.h>
#include <stdlib.h>

/* 36 bits of time, which is 19 hours, and 28 bits of number. */
enum { NUMBER_BITS = 28 };

static uint64_t make_key(int64_t at_us, uint64_t number)
{
    const int64_t last_us = (INT64_C(1) << (64 - NUMBER_BITS)) - 1;
    assert(number < 1 << NUMBER_BITS);
    at_us = at_us < last_us ? at_us : last_us; /* which is after the end of any run */
    return (uint64_t)at_us << NUMBER_BITS | number;
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
        .key = make_key(at_us > schedule->now_us ? at_us : schedule->now_us,
                        schedule->number++),
        .happen = happen,
        .subject = subject,
        .detail = detail,
    };
    size_t i = schedule->count++;
    for (; i > 0 && event.key < schedule->heap[(i - 1) / 2].key; i = (i - 1) / 2)
        schedule->heap[i] = schedule->heap[(i - 1) / 2];
    schedule->heap[i] = event;
}

static struct event pop(struct schedule *schedule)
{
    struct event *heap = schedule->heap, first = heap[0];
    struct event last = heap[--schedule->count];
    size_t i = 0, count = schedule->count;
    for (size_t child; (child = 2 * i + 1) < count; i = child) {
        child += child + 1 < count && heap[child + 1].key < heap[child].key;
        if (last.key < heap[child].key)
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
    schedule->now_us = (int64_t)(event.key >> NUMBER_BITS);
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
