/* SPDX-License-Identifier: MIT */
/* What source.c and source_queries.c share of a source; nobody else includes it. */
#ifndef FANFOLD_VENTILATOR_SOURCE_SOURCE_STATE_H
#define FANFOLD_VENTILATOR_SOURCE_SOURCE_STATE_H

#include "ventilator/source/header.h"
#include "ventilator/source/resume.h"
#include "ventilator/source/source.h"

#define PHASES(X)                                                \
    X(TURN)   /* the next input's turn comes, if there is one */ \
    X(HEADER) /* its first bytes and lines are read */           \
    X(CHECK)  /* what the run has read of it is read again */    \
    X(CUT)    /* its records become chunks */

enum phase {
#define X(name) PHASE_##name,
    PHASES(X)
#undef X
};

struct source {
    struct source_config config;
    uint8_t fingerprint[INPUT_FINGERPRINT_SIZE];
    struct reader reader;
    struct header header;
    struct resume resume;
    struct run_hash hash; /* of what was cut, back to where the run began */
    struct chunker *chunker;
    enum phase phase;
    uint64_t record;             /* number of the first that no chunk has */
    bool cut_some;               /* of this input */
    bool cut_any;                /* of the run's inputs */
    uint64_t bytes_before_input; /* of all inputs before this one */
    uint64_t pending;            /* bytes in the chunker */
    uint64_t bytes;              /* cut, from where it started */
    uint64_t total;              /* bytes there are from there; 0: nobody knows */
};

#endif
