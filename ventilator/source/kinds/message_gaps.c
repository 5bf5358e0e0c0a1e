/* SPDX-License-Identifier: MIT */
#include "ventilator/source/kinds/message_gaps.h"

#include "common/memory.h"
#include "common/parse.h"
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <xxhash.h>

struct gap_topic {
    uint64_t hash;
    uint64_t last; /* number */
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

/* NULL: it is new, and is counted from this number on. */
static struct gap_topic *find_topic(struct message_gaps *gaps, struct slice name,
                                    uint64_t number)
{
    struct gap_topic *topic;
    uint64_t hash = XXH3_64bits(name.data, name.size);
    HASH_FIND(hh, gaps->topics, &hash, sizeof hash, topic);
    if (topic || HASH_COUNT(gaps->topics) >= GAP_TOPICS_MAX)
        return topic;
    struct gap_topic *fresh = allocate_zeroed(1, sizeof *fresh);
    fresh->hash = hash;
    fresh->last = number;
    HASH_ADD(hh, gaps->topics, hash, sizeof fresh->hash, fresh);
    return NULL;
}

bool message_gaps_count(struct message_gaps *gaps, const struct slice *frames,
                        size_t count, struct gap *ret_gap)
{
    uint64_t number, most;
    *ret_gap = (struct gap){.missing = 0};
    if (!read_number(gaps->place, frames, count, &number, &most))
        return false;
    struct slice name = topic_of(gaps->place, frames[0]);
    struct gap_topic *topic = find_topic(gaps, name, number);
    ret_gap->number = number;
    if (!topic)
        return true;
    bool wraps = number == 0 && topic->last == most;
    if (number > topic->last)
        ret_gap->missing = number - topic->last - 1;
    else if (!wraps)
        gaps->restarts++;
    topic->last = number;
    if (ret_gap->missing)
        slice_copy_printable(name, ret_gap->topic, sizeof ret_gap->topic);
    gaps->missing += ret_gap->missing;
    gaps->gaps += ret_gap->missing > 0;
    return true;
}

void message_gaps_deinit(struct message_gaps *gaps)
{
    struct gap_topic *topic, *next;
    HASH_ITER (hh, gaps->topics, topic, next) {
        HASH_DEL(gaps->topics, topic);
        free(topic);
    }
}
