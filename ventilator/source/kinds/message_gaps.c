/* SPDX-License-Identifier: MIT */
#include "ventilator/source/kinds/message_gaps.h"

#include "common/memory.h"
#include "common/parse.h"
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <xxhash.h>

enum {
    RECENT = 64,      /* numbers whose coming is known one by one */
    ROUND = 1 << 20,  /* messages around the largest number, where it begins again */
    RETURNS_MIXED = 2 /* that make several publishers of what may be a new start */
};

struct gap_topic {
    uint64_t hash;
    uint64_t last;    /* number, the highest since it went back */
    uint64_t recent;  /* bit i: last - i has come, or was before the first */
    uint64_t left;    /* the last number before it went back */
    bool went_back;   /* and has not come to what follows `left` */
    bool mixed;       /* several publishers number it: nothing of it counts */
    uint32_t returns; /* to what follows `left`, over a gap */
    uint64_t missing, gaps, backs;
    UT_hash_handle hh;
};

/* ---- places ---- */

bool number_place_parse(const char *text, struct number_place *ret_place)
{
    static const char frame[] = "frame:";
    static const struct {
        const char *end;
        enum number_kind kind;
    } kinds[] = {{":be", NUMBER_BIG}, {":le", NUMBER_LITTLE}, {"", NUMBER_TEXT}};
    char digits[16];
    uint64_t index;
    ret_place->kind = NUMBER_FIELD;
    if (strncmp(text, frame, strlen(frame)) == 0) {
        text += strlen(frame);
        size_t size = strcspn(text, ":");
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (strcmp(text + size, kinds[i].end) == 0)
                ret_place->kind = kinds[i].kind;
        if (ret_place->kind == NUMBER_FIELD || size >= sizeof digits)
            return false;
        memcpy(digits, text, size);
        digits[size] = '\0';
        text = digits;
    }
    if (!parse_number(text, 1, UINT32_MAX, &index))
        return false;
    ret_place->index = (uint32_t)index;
    return true;
}

/* ---- numbers ---- */

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* The field from 1 on; false: there are fewer. */
static bool find_field(struct slice text, uint32_t index, struct slice *ret_field)
{
    const uint8_t *at = text.data, *end = text.data + text.size;
    for (uint32_t i = 0; at < end; i++) {
        while (at < end && is_blank(*at))
            at++;
        const uint8_t *begin = at;
        while (at < end && !is_blank(*at))
            at++;
        if (i + 1 == index && at > begin) {
            *ret_field = (struct slice){begin, (size_t)(at - begin)};
            return true;
        }
    }
    return false;
}

static bool read_decimal(struct slice text, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = text.data[i] - (unsigned)'0';
        if (digit > 9 || number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *ret_number = number;
    return text.size > 0;
}

static bool read_binary(struct slice bytes, bool big, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (bytes.size != 4 && bytes.size != 8)
        return false;
    for (size_t i = 0; i < bytes.size; i++)
        number = number << 8 | bytes.data[big ? i : bytes.size - 1 - i];
    *ret_number = number;
    return true;
}

/* What stands before the number; empty: nothing does. */
static struct slice topic_of(struct number_place place, struct slice first)
{
    struct slice topic = {NULL, 0};
    if (place.index > 1 && place.kind == NUMBER_FIELD)
        (void)find_field(first, 1, &topic);
    else if (place.index > 1)
        topic = first;
    return topic;
}

/* `ret_most`: after which such a number begins at 0 again. */
static bool read_number(struct number_place place, const struct slice *frames,
                        size_t count, uint64_t *ret_number, uint64_t *ret_most)
{
    struct slice field;
    *ret_most = UINT64_MAX;
    if (place.kind == NUMBER_FIELD)
        return count > 0 && find_field(frames[0], place.index, &field) &&
               read_decimal(field, ret_number);
    if (place.index > count)
        return false;
    field = frames[place.index - 1];
    if (place.kind == NUMBER_TEXT)
        return read_decimal(field, ret_number);
    if (field.size == 4)
        *ret_most = UINT32_MAX;
    return read_binary(field, place.kind == NUMBER_BIG, ret_number);
}

/* ---- counting ---- */

static uint64_t sum_of(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* NULL: there are too many. */
static struct gap_topic *find_topic(struct message_gaps *gaps, struct slice name,
                                    bool *ret_new)
{
    struct gap_topic *topic;
    uint64_t hash = XXH3_64bits(name.data, name.size);
    HASH_FIND(hh, gaps->topics, &hash, sizeof hash, topic);
    *ret_new = !topic;
    if (topic || HASH_COUNT(gaps->topics) >= GAP_TOPICS_MAX)
        return topic;
    topic = allocate_zeroed(1, sizeof *topic);
    topic->hash = hash;
    HASH_ADD(hh, gaps->topics, hash, sizeof topic->hash, topic);
    return topic;
}

static void begin_at(struct gap_topic *topic, uint64_t number)
{
    topic->last = number;
    topic->recent = UINT64_MAX;
}

/* From one number up to another beyond the largest one; 0: it is not. */
static uint64_t steps_round(uint64_t from, uint64_t to, uint64_t largest)
{
    bool is_round = from <= largest && largest - from < ROUND && to < ROUND;
    return is_round ? largest - from + to + 1 : 0;
}

/* A counter of four bytes may be written in more. 0: it does not go up. */
static uint64_t steps_up(uint64_t from, uint64_t to, uint64_t most)
{
    if (to > from)
        return to - from;
    uint64_t steps = steps_round(from, to, UINT32_MAX);
    return steps ? steps : steps_round(from, to, most);
}

/* Whether a number is just behind the last one; then `ret_back` steps. */
static bool is_recent(uint64_t last, uint64_t number, uint64_t most, uint64_t *ret_back)
{
    uint64_t round = steps_round(number, last, UINT32_MAX);
    *ret_back = number <= last ? last - number
                : round        ? round
                               : steps_round(number, last, most);
    return (number <= last || *ret_back > 0) && *ret_back < RECENT;
}

static bool has_come(const struct gap_topic *topic, uint64_t back)
{
    return topic->recent >> back & 1;
}

/* A number that was missing: whether it is one. The oldest that is known stays, so that
 * there is a neighbour on both sides. */
static bool fill(struct gap_topic *topic, uint64_t back)
{
    if (back == 0 || back >= RECENT - 1 || has_come(topic, back))
        return false;
    bool before = has_come(topic, back + 1), behind = has_come(topic, back - 1);
    topic->recent |= UINT64_C(1) << back;
    if (topic->missing < UINT64_MAX)
        topic->missing--;
    if (before && behind)
        topic->gaps--;
    else if (!before && !behind)
        topic->gaps++; /* one gap has become two */
    return true;
}

/* Where the numbers go on at which they once went back, two publishers have them. */
static bool is_mixed(struct gap_topic *topic, uint64_t number)
{
    if (!topic->went_back || number != topic->left + 1)
        return false;
    topic->went_back = false;
    return ++topic->returns >= RETURNS_MIXED;
}

static enum gap_kind go_up(struct gap_topic *topic, uint64_t number, uint64_t steps)
{
    topic->recent = steps < RECENT ? topic->recent << steps | 1 : 1;
    topic->last = number;
    if (steps == 1)
        return GAP_NONE;
    if (is_mixed(topic, number)) {
        topic->mixed = true;
        return GAP_MIXED;
    }
    topic->missing = sum_of(topic->missing, steps - 1);
    topic->gaps++;
    return GAP_MISSING;
}

static enum gap_kind go_back(struct gap_topic *topic, uint64_t number)
{
    topic->left = topic->last;
    topic->went_back = true;
    topic->backs++;
    begin_at(topic, number);
    return GAP_BACK;
}

static enum gap_kind count_of(struct message_gaps *gaps, struct gap_topic *topic,
                              uint64_t number, uint64_t most, struct gap *gap)
{
    uint64_t steps = steps_up(topic->last, number, most), back;
    gap->last = topic->last;
    if (topic->mixed)
        return GAP_NONE;
    if (is_recent(topic->last, number, most, &back)) {
        if (!fill(topic, back))
            return go_back(topic, number);
        gaps->late++;
        return GAP_NONE;
    }
    if (steps == 0)
        return go_back(topic, number);
    gap->missing = steps - 1;
    return go_up(topic, number, steps);
}

bool message_gaps_count(struct message_gaps *gaps, const struct slice *frames,
                        size_t count, struct gap *ret_gap)
{
    uint64_t most;
    bool is_new;
    *ret_gap = (struct gap){.kind = GAP_NONE};
    if (!read_number(gaps->place, frames, count, &ret_gap->number, &most))
        return false;
    struct slice name = topic_of(gaps->place, frames[0]);
    struct gap_topic *topic = find_topic(gaps, name, &is_new);
    if (topic && is_new)
        begin_at(topic, ret_gap->number);
    else if (topic)
        ret_gap->kind = count_of(gaps, topic, ret_gap->number, most, ret_gap);
    else if (gaps->uncounted++ == 0)
        ret_gap->kind = GAP_TOPICS;
    if (ret_gap->kind != GAP_MISSING)
        ret_gap->missing = 0;
    gaps->seen[ret_gap->kind]++;
    if (ret_gap->kind != GAP_NONE)
        slice_copy_printable(name, ret_gap->topic, sizeof ret_gap->topic);
    return true;
}

struct gap_totals message_gaps_totals(const struct message_gaps *gaps)
{
    struct gap_totals totals = {.missing = 0};
    struct gap_topic *topic, *next;
    HASH_ITER (hh, gaps->topics, topic, next) {
        if (topic->mixed)
            continue;
        totals.missing = sum_of(totals.missing, topic->missing);
        totals.gaps += topic->gaps;
        totals.backs += topic->backs;
    }
    return totals;
}

void message_gaps_deinit(struct message_gaps *gaps)
{
    struct gap_topic *topic, *next;
    HASH_ITER (hh, gaps->topics, topic, next) {
        HASH_DEL(gaps->topics, topic);
        free(topic);
    }
}
