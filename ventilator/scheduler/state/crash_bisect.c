/* SPDX-License-Identifier: MIT */
/*
 * A loss that has nothing to do with the records only costs time: it narrows the
 * suspects to the wrong half, where all survives, and the whole is tried again. Only a
 * lone record is condemned.
 */
#include "ventilator/scheduler/state/crash_bisect.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>

enum {
    LONE_LOSSES = 2,             /* of a record alone, before it is condemned */
    FRUITLESS_MAX = 3,           /* bisections in a row that condemned nobody */
    CONDEMNED_MAX = BAD_MAX - 2, /* a probe leaves out what lies around, too */
};

struct crash_bisect *crash_bisect_new(uint64_t records)
{
    assert(records > 0);
    struct crash_bisect *bisect = allocate_zeroed(1, sizeof *bisect);
    bisect->records = records;
    crash_bisect_on_lost(bisect);
    return bisect;
}

void crash_bisect_destroy(struct crash_bisect **crash_bisect_p)
{
    if (!*crash_bisect_p)
        return;
    free((*crash_bisect_p)->condemned);
    free(*crash_bisect_p);
    *crash_bisect_p = NULL;
}

bool crash_bisect_probes(const struct crash_bisect *bisect)
{
    return bisect->phase != CRASH_BISECT_WHOLE;
}

static uint64_t middle(const struct crash_bisect *bisect)
{
    return bisect->first + (bisect->end - bisect->first) / 2;
}

static void add(struct range *except, uint32_t *count, uint64_t first, uint64_t end)
{
    if (first == end)
        return;
    except[(*count)++] = (struct range){.first = first, .count = end - first};
}

uint32_t crash_bisect_except(const struct crash_bisect *bisect,
                             struct range *ret_except)
{
    uint64_t first = 0, end = bisect->records;
    uint32_t count = 0;
    if (bisect->phase != CRASH_BISECT_WHOLE) {
        first = bisect->first;
        end = bisect->phase == CRASH_BISECT_LONE ? bisect->end : middle(bisect);
    }
    add(ret_except, &count, 0, first);
    for (uint32_t i = 0; i < bisect->count; i++) {
        uint64_t record = bisect->condemned[i].first;
        if (record >= first && record < end)
            ret_except[count++] = bisect->condemned[i];
    }
    add(ret_except, &count, end, bisect->records);
    return count;
}

static void narrow(struct crash_bisect *bisect, uint64_t first, uint64_t end)
{
    bisect->first = first;
    bisect->end = end;
    bisect->phase = end - first > 1 ? CRASH_BISECT_NARROW : CRASH_BISECT_LONE;
}

static bool all_condemned(const struct crash_bisect *bisect, uint64_t first,
                          uint64_t end)
{
    uint64_t condemned = 0;
    for (uint32_t i = 0; i < bisect->count; i++)
        condemned += bisect->condemned[i].first >= first &&
                     bisect->condemned[i].first < end;
    return condemned == end - first;
}

static void find_nobody(struct crash_bisect *bisect)
{
    bisect->fruitless++;
    bisect->lone_losses = 0;
    bisect->phase = CRASH_BISECT_WHOLE;
}

/* A probe runs something: the condemned are left out, and what is lost without them was
 * not lost by them. */
static void pass_over_condemned(struct crash_bisect *bisect)
{
    while (bisect->phase == CRASH_BISECT_NARROW &&
           all_condemned(bisect, bisect->first, middle(bisect)))
        narrow(bisect, middle(bisect), bisect->end);
    if (bisect->phase == CRASH_BISECT_LONE &&
        all_condemned(bisect, bisect->first, bisect->end))
        find_nobody(bisect);
}

void crash_bisect_on_survived(struct crash_bisect *bisect)
{
    bisect->attempt = 0;
    if (bisect->phase == CRASH_BISECT_NARROW)
        narrow(bisect, middle(bisect), bisect->end);
    else if (bisect->phase == CRASH_BISECT_LONE)
        find_nobody(bisect);
    pass_over_condemned(bisect);
}

static void condemn(struct crash_bisect *bisect, uint64_t record)
{
    bisect->condemned = room_for_one_more(bisect->condemned, bisect->count,
                                          &bisect->capacity, sizeof(struct range));
    uint32_t i = bisect->count++;
    for (; i > 0 && bisect->condemned[i - 1].first > record; i--)
        bisect->condemned[i] = bisect->condemned[i - 1];
    bisect->condemned[i] = (struct range){.first = record, .count = 1};
    bisect->fruitless = 0;
    bisect->lone_losses = 0;
    bisect->phase = CRASH_BISECT_WHOLE;
}

/* A probe of one record that is lost has been lost alone. */
static void on_half_lost(struct crash_bisect *bisect)
{
    bool alone = middle(bisect) - bisect->first == 1;
    narrow(bisect, bisect->first, middle(bisect));
    bisect->lone_losses = alone;
}

void crash_bisect_on_lost(struct crash_bisect *bisect)
{
    bisect->attempt = 0;
    if (bisect->phase == CRASH_BISECT_WHOLE)
        narrow(bisect, 0, bisect->records);
    else if (bisect->phase == CRASH_BISECT_NARROW)
        on_half_lost(bisect);
    else if (++bisect->lone_losses == LONE_LOSSES)
        condemn(bisect, bisect->first);
    pass_over_condemned(bisect);
}

bool crash_bisect_hopeless(const struct crash_bisect *bisect)
{
    return bisect->fruitless > FRUITLESS_MAX || bisect->count > CONDEMNED_MAX;
}
