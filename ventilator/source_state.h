/* SPDX-License-Identifier: MIT */
/*
 * What the files of a source share, and nobody else: source.c (life, reading and
 * cutting), source_header.c (what each input begins with), source_start.c (marks, and
 * going on with a run).
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_STATE_H
#define FANFOLD_VENTILATOR_SOURCE_STATE_H

#include "ventilator/source.h"
#include "ventilator/source_hash.h"
#include "ventilator/source_inputs.h"

/* Where a run stands: after a chunk. */
struct mark {
    uint64_t offset; /* in the input */
    uint64_t record;
    uint64_t hash;        /* of all before it, back to where the run began */
    uint64_t hash_before; /* of all before this input */
    uint64_t input;
};

/* What is done with the input whose turn it is. */
enum source_phase {
    PHASE_TURN,   /* its turn comes */
    PHASE_HEADER, /* its first lines are read */
    PHASE_CHECK,  /* what the run has read of it is read again */
    PHASE_CUT,
};

struct source_header {
    uint32_t lines; /* asked for; 0: there is none */
    uint8_t *bytes; /* of the first input that has one */
    size_t size;
    bool known;
    uint32_t input; /* whose it is */
};

struct source {
    struct source_config config;
    struct inputs inputs;
    uint32_t at; /* the input whose turn it is; count: all are over */
    enum source_phase phase;
    struct chunker *chunker;
    uint64_t record; /* number of the first that no chunk has */
    bool cut_some;   /* of this input */
    bool cut_any;    /* of the run's inputs */

    struct source_hash hash; /* of what was cut, back to where the run began */
    uint64_t hash_before;    /* of all before this input */
    uint64_t shift;          /* a place in an only input, as the run counts, less it */
    uint64_t pending;        /* bytes in the chunker */
    uint64_t bytes;          /* cut, from where it started */
    uint64_t total;          /* bytes there are from there; 0: nobody knows */

    /* Bytes that were read while the header's end was looked for. */
    struct source_header header;
    uint8_t *ahead;
    size_t ahead_size, ahead_used;

    bool checks;         /* what the run has read is read again */
    bool seeks;          /* it goes on in the middle of this input */
    uint64_t checked;    /* offset, as the run counts; in PHASE_CHECK */
    struct mark goes_on; /* where that ends; valid while it checks or seeks */

    uint8_t identity[SOURCE_IDENTITY_SIZE];
    char error[1024];
};

/* Sets the error. */
enum source_outcome source_fail(struct source *source, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
enum source_outcome source_fail_to_read(struct source *source, int error);

struct named_input *source_item(const struct source *source);
/* Where in the input the place is that the run calls `offset`. */
uint64_t source_own_offset(const struct source *source, uint64_t offset);
/* Where the run has the input begin. */
uint64_t source_beginning(const struct source *source, uint32_t input);

/* Reads at most `most` bytes to where the chunker would have them: first what was read
 * ahead. Below 0: -errno as of the kind. */
ssize_t source_read_some(struct source *source, uint64_t most, void **ret_bytes);

/* source_header.c: SOURCE_MORE, when the phase is over too. */
enum source_outcome source_read_header(struct source *source);
/* What the run's hash has not got of it yet. */
void source_hash_header(struct source *source);

/* source_start.c */
void source_mark(const struct source *source, struct chunk *chunk);
/* The next input begins: its place in the hash. */
void source_begin_hash(struct source *source);
uint64_t source_hash_of_next(const struct source *source);
/* Puts the hash at `offset` of an input, where it counts what lies in the same segment
 * before it. 0, or what reread says. */
int source_hash_until(const struct source *source, struct source_hash *hash,
                      uint32_t input, uint64_t offset);
/* The header is read: what comes next. */
enum source_outcome source_begin_records(struct source *source);
enum source_outcome source_check_on(struct source *source);

#endif
