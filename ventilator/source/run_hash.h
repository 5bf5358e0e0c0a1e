/* SPDX-License-Identifier: MIT */
/*
 * The hash of all that the run has cut, over all inputs: each input's stream_hash
 * begins with the value of all inputs before it.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_RUN_HASH_H
#define FANFOLD_VENTILATOR_SOURCE_RUN_HASH_H

#include "ventilator/source/reader.h"
#include "ventilator/source/stream_hash.h"

struct run_hash {
    struct stream_hash stream; /* of this input, and of all before it */
    uint64_t before;           /* of all before this input */
};

void run_hash_init(struct run_hash *hash);
void run_hash_deinit(struct run_hash *hash);

/* The next input begins. */
void run_hash_begin_input(struct run_hash *hash);
/* Input number `input` is over: its hash is that of all before the next. */
void run_hash_end_input(struct run_hash *hash, uint32_t input);

/* Puts a stream_hash at the run's `offset` in an input; it counts what lies in the same
 * segment before it, which is read again. 0, or as input_list_reread. */
int run_hash_seek(const struct reader *reader, struct stream_hash *hash, uint32_t input,
                  uint64_t offset);

#endif
