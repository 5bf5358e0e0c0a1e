/* SPDX-License-Identifier: MIT */
/*
 * A loss that has nothing to do with the records only costs time: it narrows the search
 * to the wrong half, where all survives, and the whole is tried again. Condemned are
 * only lone records.
 */
#include "ventilator/search.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>

enum {
    LONE_LOSSES = 2,             /* of a record alone, before it is condemned */
    FRUITLESS_MAX = 3,           /* searches in a row that found nobody */
    CONDEMNED_MAX = BAD_MAX - 2, /* a probe leaves out what lies around, too */
};

struct search *search_new(uint64_t records)
{
    assert(records > 0);
    struct search *search = allocate_zeroed(1, sizeof *search);
    search->records = records;
    search_on_lost(search);
    return search;
}

void search_destroy(struct search **search_p)
{
    if (!*search_p)
        return;
    free((*search_p)->condemned);
    free(*search_p);
    *search_p = NULL;
}

bool search_probes(const struct search *search)
{
    return search->phase != SEARCH_WHOLE;
}

static uint64_t middle(const struct search *search)
{
    return search->first + (search->end - search->first) / 2;
}

static void add(struct range *except, uint32_t *count, uint64_t first, uint64_t end)
{
    if (first == end)
        return;
    except[(*count)++] = (struct range){.first = first, .count = end - first};
}

uint32_t search_except(const struct search *search, struct range *ret_except)
{
    uint64_t first = 0, end = search->records;
    uint32_t count = 0;
    if (search->phase != SEARCH_WHOLE) {
        first = search->first;
        end = search->phase == SEARCH_LONE ? search->end : middle(search);
    }
    add(ret_except, &count, 0, first);
    for (uint32_t i = 0; i < search->count; i++) {
        uint64_t record = search->condemned[i].first;
        if (record >= first && record < end)
            ret_except[count++] = search->condemned[i];
    }
    add(ret_except, &count, end, search->records);
    return count;
}

static void narrow(struct search *search, uint64_t first, uint64_t end)
{
    search->first = first;
    search->end = end;
    search->phase = end - first > 1 ? SEARCH_NARROW : SEARCH_LONE;
}

static bool all_condemned(const struct search *search, uint64_t first, uint64_t end)
{
    uint64_t condemned = 0;
    for (uint32_t i = 0; i < search->count; i++)
        condemned += search->condemned[i].first >= first &&
                     search->condemned[i].first < end;
    return condemned == end - first;
}

static void find_nobody(struct search *search)
{
    search->fruitless++;
    search->lone_losses = 0;
    search->phase = SEARCH_WHOLE;
}

/* A probe runs something: the condemned are left out, and what is lost without them was
 * not lost by them. */
static void pass_over_condemned(struct search *search)
{
    while (search->phase == SEARCH_NARROW &&
           all_condemned(search, search->first, middle(search)))
        narrow(search, middle(search), search->end);
    if (search->phase == SEARCH_LONE &&
        all_condemned(search, search->first, search->end))
        find_nobody(search);
}

void search_on_survived(struct search *search)
{
    search->attempt = 0;
    if (search->phase == SEARCH_NARROW)
        narrow(search, middle(search), search->end);
    else if (search->phase == SEARCH_LONE)
        find_nobody(search);
    pass_over_condemned(search);
}

static void condemn(struct search *search, uint64_t record)
{
    search->condemned = room_for_one_more(search->condemned, search->count,
                                          &search->capacity, sizeof(struct range));
    uint32_t i = search->count++;
    for (; i > 0 && search->condemned[i - 1].first > record; i--)
        search->condemned[i] = search->condemned[i - 1];
    search->condemned[i] = (struct range){.first = record, .count = 1};
    search->fruitless = 0;
    search->lone_losses = 0;
    search->phase = SEARCH_WHOLE;
}

/* A probe of one record that is lost has been lost alone. */
static void on_half_lost(struct search *search)
{
    bool alone = middle(search) - search->first == 1;
    narrow(search, search->first, middle(search));
    search->lone_losses = alone;
}

void search_on_lost(struct search *search)
{
    search->attempt = 0;
    if (search->phase == SEARCH_WHOLE)
        narrow(search, 0, search->records);
    else if (search->phase == SEARCH_NARROW)
        on_half_lost(search);
    else if (++search->lone_losses == LONE_LOSSES)
        condemn(search, search->first);
    pass_over_condemned(search);
}

bool search_hopeless(const struct search *search)
{
    return search->fruitless > FRUITLESS_MAX || search->count > CONDEMNED_MAX;
}
