/* SPDX-License-Identifier: MIT */
/*
 * A stack of pieces, the first records on top: together, the records of which nothing
 * is known yet. Only the top is ever looked at: it runs, is halved, counts as bad, or
 * is passed over. The depth is at most the number of gaps between exceptions plus the
 * logarithm of the longest.
 */
#include "worker/task/record_bisect.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct piece {
    struct range records;
    bool excepted;
    bool suspect; /* it has a bad record: a longer piece failed, and the rest of that
                     went well */
};

enum { SAMPLES = 8 };

struct record_bisect {
    uint64_t records;
    uint32_t tries;
    uint32_t hopeless; /* see the config; 0: it takes no samples, or took them */
    uint32_t samples;  /* that it takes; 0: none now */
    uint32_t sample;   /* the one that runs, from 1 */
    bool any_good;
    bool none_good;
    uint32_t failed; /* how often the lone record on top has failed */
    bool except_is_bad;
    bool gave_up;
    struct piece *pieces;
    size_t count, capacity;
    struct bad_record *bad;
    size_t bad_count, bad_capacity;
};

static void push(struct record_bisect *bisect, uint64_t first, uint64_t end,
                 bool excepted, bool suspect)
{
    if (first == end)
        return;
    bisect->pieces = room_for_one_more(bisect->pieces, bisect->count, &bisect->capacity,
                                       sizeof *bisect->pieces);
    bisect->pieces[bisect->count++] = (struct piece){
        .records = {first, end - first}, .excepted = excepted, .suspect = suspect};
}

static struct piece *top(const struct record_bisect *bisect)
{
    return bisect->count ? &bisect->pieces[bisect->count - 1] : NULL;
}

static void add_bad(struct record_bisect *bisect, uint64_t record, enum failure cause,
                    uint32_t code, struct slice text)
{
    if (bisect->bad_count == BAD_MAX) {
        bisect->gave_up = true;
        return;
    }
    uint8_t *copy = NULL;
    if (text.size > BAD_TEXT_MAX_BYTES) { /* the end says most */
        text.data += text.size - BAD_TEXT_MAX_BYTES;
        text.size = BAD_TEXT_MAX_BYTES;
    }
    if (text.size) {
        copy = allocate(text.size);
        memcpy(copy, text.data, text.size);
    }
    bisect->bad = room_for_one_more(bisect->bad, bisect->bad_count,
                                    &bisect->bad_capacity, sizeof *bisect->bad);
    bisect->bad[bisect->bad_count++] = (struct bad_record){
        .record = record, .cause = cause, .code = code, .text = {copy, text.size}};
}

/* The first half lies on top. The other half is suspect, until a run of the first
 * fails. */
static void halve(struct record_bisect *bisect)
{
    struct range records = top(bisect)->records;
    uint64_t middle = records.first + (records.count - records.count / 2);
    bisect->count--;
    push(bisect, middle, records.first + records.count, false, true);
    push(bisect, records.first, middle, false, false);
}

/* Until the top is a piece that has to run. */
static void settle(struct record_bisect *bisect)
{
    struct piece *piece;
    while ((piece = top(bisect)) && !bisect->gave_up) {
        if (piece->excepted) {
            uint64_t count = bisect->except_is_bad ? piece->records.count : 0;
            for (uint64_t i = 0; i < count && !bisect->gave_up; i++)
                add_bad(bisect, piece->records.first + i, FAILURE_LOST, 0,
                        (struct slice){0});
            bisect->count--;
        } else if (piece->suspect && piece->records.count > 1) {
            halve(bisect);
        } else {
            return;
        }
    }
}

struct record_bisect *record_bisect_new(const struct record_bisect_config *config)
{
    assert(config->records > 0 && config->tries > 0);
    struct record_bisect *bisect = allocate_zeroed(1, sizeof *bisect);
    bisect->records = config->records;
    bisect->tries = config->tries;
    bisect->hopeless = config->except_count ? 0 : config->hopeless;
    bisect->except_is_bad = config->except_is_bad;
    uint64_t end = config->records;
    for (uint32_t i = config->except_count; i > 0; i--) {
        const struct range *except = &config->except[i - 1];
        uint64_t except_end = except->first + except->count;
        assert(except_end >= except->first && except_end <= end);
        push(bisect, except_end, end, false, false);
        push(bisect, except->first, except_end, true, false);
        end = except->first;
    }
    push(bisect, 0, end, false, false);
    settle(bisect);
    return bisect;
}

void record_bisect_destroy(struct record_bisect **bisect_p)
{
    struct record_bisect *bisect = *bisect_p;
    if (!bisect)
        return;
    for (size_t i = 0; i < bisect->bad_count; i++)
        free((void *)(uintptr_t)bisect->bad[i].text.data);
    free(bisect->bad);
    free(bisect->pieces);
    free(bisect);
    *bisect_p = NULL;
}

bool record_bisect_samples(const struct record_bisect *bisect)
{
    return bisect->samples > 0;
}

/* Evenly over what is left, the last record among them. */
static void sample_if_hopeless(struct record_bisect *bisect)
{
    if (!bisect->hopeless || bisect->any_good || bisect->bad_count < bisect->hopeless ||
        !top(bisect))
        return;
    uint64_t left = bisect->records - top(bisect)->records.first;
    bisect->hopeless = 0;
    bisect->samples = left < SAMPLES ? (uint32_t)left : SAMPLES;
    bisect->sample = 1;
}

static struct range sampled(const struct record_bisect *bisect)
{
    uint64_t first = top(bisect)->records.first, left = bisect->records - first;
    uint64_t before = left / bisect->samples * bisect->sample +
                      left % bisect->samples * bisect->sample / bisect->samples;
    return (struct range){first + before - 1, 1};
}

static void on_sample(struct record_bisect *bisect, bool good)
{
    bisect->any_good = good;
    bisect->none_good = !good && bisect->sample == bisect->samples;
    if (good || bisect->none_good)
        bisect->samples = 0;
    else
        bisect->sample++;
}

enum record_bisect_state record_bisect_next(const struct record_bisect *bisect,
                                            struct range *ret_records)
{
    const struct piece *piece = top(bisect);
    if (bisect->gave_up)
        return RECORD_BISECT_GAVE_UP;
    if (bisect->none_good)
        return RECORD_BISECT_NONE_GOOD;
    if (!piece)
        return RECORD_BISECT_OVER;
    *ret_records = bisect->samples ? sampled(bisect) : piece->records;
    return RECORD_BISECT_RUNS;
}

/* The first half had a bad record: nothing is known of the other one any more. */
static void clear_suspect(struct record_bisect *bisect)
{
    struct piece *piece = top(bisect);
    if (piece)
        piece->suspect = false;
}

void record_bisect_on_done(struct record_bisect *bisect)
{
    assert(bisect->count);
    if (bisect->samples) {
        on_sample(bisect, true);
        return;
    }
    bisect->any_good = true;
    bisect->count--;
    bisect->failed = 0;
    settle(bisect);
}

void record_bisect_on_failed(struct record_bisect *bisect, enum failure cause,
                             uint32_t code, struct slice text)
{
    assert(bisect->count);
    struct range records = top(bisect)->records;
    if (bisect->samples) {
        on_sample(bisect, false);
        return;
    }
    if (records.count == 1 && ++bisect->failed < bisect->tries)
        return;
    if (records.count == 1) {
        bisect->count--;
        bisect->failed = 0;
        clear_suspect(bisect);
        add_bad(bisect, records.first, cause, code, text);
    } else {
        bisect->count--;
        clear_suspect(bisect);
        push(bisect, records.first, records.first + records.count, false, true);
    }
    settle(bisect);
    sample_if_hopeless(bisect);
}

const struct bad_record *record_bisect_bad(const struct record_bisect *bisect,
                                           uint32_t *ret_count)
{
    *ret_count = (uint32_t)bisect->bad_count;
    return bisect->bad;
}
