/* SPDX-License-Identifier: MIT */
/*
 * What the loop keeps of each chunk from cut to discarded, by seq: a stream's chunk
 * with its bytes all the time; a file's with its bytes until they are taken for the
 * first time, and from then on only where they lie in the file.
 */
#ifndef FANFOLD_VENTILATOR_STORE_H
#define FANFOLD_VENTILATOR_STORE_H

#include "ventilator/source.h"

struct store;

/* Borrows the source, to read a file's chunks again. */
struct store *store_new(struct source *source);
void store_destroy(struct store **store_p);

/* Takes the chunk, its bytes too. The first seq may be any, each other one follows. */
void store_put(struct store *store, uint64_t seq, struct chunk *chunk);

/* Everything about a chunk but its bytes, which may be gone; NULL: not here. Borrowed
 * until the next store_put or store_discard. */
const struct chunk *store_find(const struct store *store, uint64_t seq);

/* A chunk's bytes, without copying them, into a new message of the caller's. False:
 * they had to be read again and could not be; source_error says why. */
bool store_take_bytes(struct store *store, uint64_t seq, zmq_msg_t *ret_bytes);

void store_discard(struct store *store, uint64_t seq);

/* Bytes of chunks that are in memory. */
uint64_t store_bytes(const struct store *store);

#endif
