/* SPDX-License-Identifier: MIT */
/*
 * A stack of pieces, the first records on top: together, what is not accounted for.
 * Only the top is ever looked at; it is run, halved, called bad or passed over. Its
 * depth is the number of gaps between exceptions and the logarithm of the longest.
 */
#include "worker/isolation.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct piece {
    struct range records;
    bool excepted;
    bool suspect; /* a bad one must be in it, as a longer piece failed and the rest of
                     that did not */
};

struct isolation {
    uint32_t tries;
    uint32_t failed; /* times that the lone record on top has */
    bool except_is_bad;
    bool gave_up;
    struct piece *pieces;
    size_t count, capacity;
    struct bad_record *bad;
    size_t bad_count, bad_capacity;
};

static void push(struct isolation *isolation, uint64_t first, uint64_t end,
                 bool excepted, bool suspect)
{
    if (first == end)
        return;
    isolation->pieces = room_for_one_more(isolation->pieces, isolation->count,
                                          &isolation->capacity,
                                          sizeof *isolation->pieces);
    isolation->pieces[isolation->count++] = (struct piece){
        .records = {first, end - first}, .excepted = excepted, .suspect = suspect};
}

static struct piece *top(const struct isolation *isolation)
{
    return isolation->count ? &isolation->pieces[isolation->count - 1] : NULL;
}

static void call_bad(struct isolation *isolation, uint64_t record, enum failure how,
                     uint32_t code, struct slice text)
{
    if (isolation->bad_count == BAD_MAX) {
        isolation->gave_up = true;
        return;
    }
    uint8_t *copy = NULL;
    if (text.size > BAD_TEXT_MAX_BYTES) { /* the last bytes say most */
        text.data += text.size - BAD_TEXT_MAX_BYTES;
        text.size = BAD_TEXT_MAX_BYTES;
    }
    if (text.size) {
        copy = allocate(text.size);
        memcpy(copy, text.data, text.size);
    }
    isolation->bad = room_for_one_more(isolation->bad, isolation->bad_count,
                                       &isolation->bad_capacity,
                                       sizeof *isolation->bad);
    isolation->bad[isolation->bad_count++] = (struct bad_record){
        .record = record, .how = how, .code = code, .text = {copy, text.size}};
}

/* The first half on top. The other is suspect if the first was found to be well. */
static void halve(struct isolation *isolation)
{
    struct range records = top(isolation)->records;
    uint64_t middle = records.first + (records.count - records.count / 2);
    isolation->count--;
    push(isolation, middle, records.first + records.count, false, true);
    push(isolation, records.first, middle, false, false);
}

/* Until the top is to be run. */
static void settle(struct isolation *isolation)
{
    struct piece *piece;
    while ((piece = top(isolation)) && !isolation->gave_up) {
        if (piece->excepted) {
            uint64_t count = isolation->except_is_bad ? piece->records.count : 0;
            for (uint64_t i = 0; i < count && !isolation->gave_up; i++)
                call_bad(isolation, piece->records.first + i, FAILURE_LOST, 0,
                         (struct slice){0});
            isolation->count--;
        } else if (piece->suspect && piece->records.count > 1) {
            halve(isolation);
        } else {
            return;
        }
    }
}

struct isolation *isolation_new(const struct isolation_config *config)
{
    assert(config->records > 0 && config->tries > 0);
    struct isolation *isolation = allocate_zeroed(1, sizeof *isolation);
    isolation->tries = config->tries;
    isolation->except_is_bad = config->except_is_bad;
    uint64_t end = config->records;
    for (uint32_t i = config->except_count; i > 0; i--) {
        const struct range *except = &config->except[i - 1];
        uint64_t except_end = except->first + except->count;
        assert(except_end >= except->first && except_end <= end);
        push(isolation, except_end, end, false, false);
        push(isolation, except->first, except_end, true, false);
        end = except->first;
    }
    push(isolation, 0, end, false, false);
    settle(isolation);
    return isolation;
}

void isolation_destroy(struct isolation **isolation_p)
{
    struct isolation *isolation = *isolation_p;
    if (!isolation)
        return;
    for (size_t i = 0; i < isolation->bad_count; i++)
        free((void *)(uintptr_t)isolation->bad[i].text.data);
    free(isolation->bad);
    free(isolation->pieces);
    free(isolation);
    *isolation_p = NULL;
}

enum isolation_state isolation_next(const struct isolation *isolation,
                                    struct range *ret_records)
{
    const struct piece *piece = top(isolation);
    if (isolation->gave_up)
        return ISOLATION_GAVE_UP;
    if (!piece)
        return ISOLATION_OVER;
    *ret_records = piece->records;
    return ISOLATION_RUNS;
}

/* The first half of something was bad: nothing is known of the other one any more. */
static void clear_suspect(struct isolation *isolation)
{
    struct piece *piece = top(isolation);
    if (piece)
        piece->suspect = false;
}

void isolation_on_done(struct isolation *isolation)
{
    assert(isolation->count);
    isolation->count--;
    isolation->failed = 0;
    settle(isolation);
}

void isolation_on_failed(struct isolation *isolation, enum failure how, uint32_t code,
                         struct slice text)
{
    assert(isolation->count);
    struct range records = top(isolation)->records;
    if (records.count == 1 && ++isolation->failed < isolation->tries)
        return;
    if (records.count == 1) {
        isolation->count--;
        isolation->failed = 0;
        clear_suspect(isolation);
        call_bad(isolation, records.first, how, code, text);
    } else {
        isolation->count--;
        clear_suspect(isolation);
        push(isolation, records.first, records.first + records.count, false, true);
    }
    settle(isolation);
}

const struct bad_record *isolation_bad(const struct isolation *isolation,
                                       uint32_t *ret_count)
{
    *ret_count = (uint32_t)isolation->bad_count;
    return isolation->bad;
}
