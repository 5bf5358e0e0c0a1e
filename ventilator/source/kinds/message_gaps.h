/* SPDX-License-Identifier: MIT */
/*
 * Counts the messages that a subscriber never got, where its publisher numbers them:
 * a publisher drops what a subscriber is too slow for, and says nothing of it. Pure.
 *
 * Each topic has numbers of its own: what stands before the number, the first frame or
 * the first field, is the topic. A number that was missing and comes late is missing no
 * more. Any other number that is not above the last one goes back: the publisher was
 * started again, or another one numbers the same topic. Counting begins anew there, and
 * what is missing between cannot be known. Where the numbers return, again and again,
 * to what follows those that they went back from, it is another publisher, and nothing
 * of the topic counts.
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

/* What a message's number says. */
enum gap_kind {
    GAP_NONE,
    GAP_MISSING, /* others are missing before it */
    GAP_BACK,    /* it goes back */
    GAP_MIXED,   /* several publishers number its topic, which counts no more */
    GAP_TOPICS,  /* its topic is one too many; said once */
    GAP_KINDS
};

struct gap_topic;

/* Zeroed but for the place: nothing has come. */
struct message_gaps {
    struct number_place place;
    struct gap_topic *topics;
    uint64_t seen[GAP_KINDS]; /* messages of each kind */
    uint64_t late;            /* that had been missing */
    uint64_t uncounted;       /* of topics that are too many */
};

struct gap {
    enum gap_kind kind;
    uint64_t missing;           /* before this message; 0: none */
    uint64_t number;            /* of this message */
    uint64_t last;              /* of its topic, before it */
    char topic[GAP_TOPIC_TEXT]; /* printable; valid unless it is GAP_NONE */
};

struct gap_totals {
    uint64_t missing; /* messages; UINT64_MAX: or more */
    uint64_t gaps;    /* in so many places */
    uint64_t backs;   /* numbers went back so often */
};

/* False: `text` names no place: N, frame:N, frame:N:be or frame:N:le. */
bool number_place_parse(const char *text, struct number_place *ret_place);

/* Counts a message of `count` frames. False: it has no number where one should be. */
bool message_gaps_count(struct message_gaps *gaps, const struct slice *frames,
                        size_t count, struct gap *ret_gap);
struct gap_totals message_gaps_totals(const struct message_gaps *gaps);
void message_gaps_deinit(struct message_gaps *gaps);

#endif
