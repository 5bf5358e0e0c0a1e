/* SPDX-License-Identifier: MIT */
/* The output as a spool, whose records another process sends: whether it is full, and
 * whom it waits for. */
#ifndef FANFOLD_SINK_SENDER_SPOOL_OUT_H
#define FANFOLD_SINK_SENDER_SPOOL_OUT_H

#include "sink/sender/sender_child.h"
#include <stddef.h>

struct spool_out {
    struct sender_child *child; /* NULL: the output is no spool */
    const char *path;           /* the directory */
    const char *receiver;       /* as -o names it */
    uint64_t bytes_max;         /* that wait for the receiver */
    bool quiet;
    int64_t said_us; /* when it said that it is full; 0: never */
};

/* What the receiver has not stored of these bytes has reached the size that it may
 * have. */
bool spool_out_is_full(const struct spool_out *spool, uint64_t bytes);
/* Tells a person, now and then. */
void spool_out_say_full(struct spool_out *spool, int64_t now_us);
/* A run is finished when the receiver has stored all: it has not. */
bool spool_out_waits(const struct spool_out *spool);
/* STATUS_OK, or the status to leave with and a sentence: the process has failed. */
int spool_out_check(const struct spool_out *spool, char *error, size_t error_size);
/* The descriptor to poll for what the process says; -1: there is none. */
int spool_out_descriptor(const struct spool_out *spool);

#endif
