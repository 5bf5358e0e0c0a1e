/* SPDX-License-Identifier: MIT */
/*
 * What the files of output.h share, and nobody else: output_file.c (what it is written
 * to, from opening to the end) and output.c (the queue, and writing).
 */
#ifndef FANFOLD_SINK_OUTPUT_STATE_H
#define FANFOLD_SINK_OUTPUT_STATE_H

#include "sink/output.h"

/* How a write is kept from blocking. */
enum output_way {
    OUTPUT_PLAIN,  /* it does not block, or only as long as a disk */
    OUTPUT_SOCKET, /* MSG_DONTWAIT */
    OUTPUT_ASKS,   /* poll, then no more than a pipe is bound to take */
};

struct output_seat {
    uint64_t seq;
    uint64_t size;
    struct parcel *parcel; /* NULL: written */
};

struct output {
    int fd;
    enum output_way way;
    bool regular;
    bool owned;   /* opened by its path: nobody else writes there */
    bool created; /* by us: it was not there */
    bool cleared; /* what was there before is gone */
    bool waits;   /* the last write found no room */
    int error;    /* -errno of the write that failed */
    char *name;
    uint64_t start, found;     /* where writing began; bytes that were there */
    uint64_t bytes, whole;     /* the end of what is written, and of what is told of */
    struct output_seat *seats; /* ring */
    size_t capacity;           /* a power of two */
    size_t first;              /* index of the first seat in use */
    size_t written;            /* seats whose parcel is written */
    size_t count;              /* seats in use, those included */
    size_t offset;             /* in the first parcel that waits */
    uint8_t *piece;            /* bytes of the first parcel that waits, if spilled */
    size_t piece_from, piece_size; /* which; size 0: none */
};

#endif
