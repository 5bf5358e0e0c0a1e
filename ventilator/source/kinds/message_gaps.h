/* SPDX-License-Identifier: MIT */
/*
 * Counts the messages that a subscriber never got, where its publisher numbers them:
 * a publisher drops what a subscriber is too slow for, and says nothing of it. Pure.
 *
 * Each topic has numbers of its own: what stands before the number, the first frame or
 * the first field, is the topic. A number that is not above the last one begins anew,
 * as a publisher does that was started again.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_KINDS_MESSAGE_GAPS_H
#define FANFOLD_VENTILATOR_SOURCE_KINDS_MESSAGE_GAPS_H

#include "common/slice.h"
#include <stdbool.h>

/* What a number is written in. */
enum number_kind {
    NUMBER_FIELD,  /* decimal, a field of the first frame, between blanks */
    NUMBER_TEXT,   /* decimal, a frame */
    NUMBER_BIG,    /* 4 or 8 bytes, a frame, the most significant first */
    NUMBER_LITTLE, /* the least significant first */
};

/* Where it is. */
struct number_place {
    enum number_kind kind;
    uint32_t index; /* of the field or frame, from 1; 0: messages have no numbers */
};

enum {
    GAP_TOPICS_MAX = 65536, /* those that come later are not counted */
    GAP_TOPIC_TEXT = 64,
};

struct gap_topic;

/* Zeroed but for the place: nothing has come. */
struct message_gaps {
    struct number_place place;
    struct gap_topic *topics;
    uint64_t missing; /* messages */
    uint64_t gaps;    /* in so many places */
    uint64_t restarts;
};

struct gap {
    uint64_t missing;           /* before this message; 0: none */
    uint64_t number;            /* of this message */
    char topic[GAP_TOPIC_TEXT]; /* printable; valid if some are missing */
};

/* False: `text` names no place: N, frame:N, frame:N:be or frame:N:le. */
bool number_place_parse(const char *text, struct number_place *ret_place);

/* Counts a message of `count` frames. False: it has no number where one should be. */
bool message_gaps_count(struct message_gaps *gaps, const struct slice *frames,
                        size_t count, struct gap *ret_gap);
void message_gaps_deinit(struct message_gaps *gaps);

#endif
