/* SPDX-License-Identifier: MIT */
/* The times by which ventilator, workers and sink judge each other, unless an option or
 * the ventilator's WELCOME states another. */
#ifndef FANFOLD_COMMON_TIMING_H
#define FANFOLD_COMMON_TIMING_H

enum {
    HEARTBEAT_MS = 250,    /* between two signs of life */
    LIVENESS_S = 10,       /* a peer that is silent for longer is lost */
    LIVENESS_MIN_MS = 100, /* the lowest value of --liveness */
    PATIENCE_S = 300,      /* how long a program that has lost its peer waits for one */
};

#endif
