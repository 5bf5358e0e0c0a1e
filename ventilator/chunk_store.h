/* SPDX-License-Identifier: MIT */
/*
 * Holds each chunk from cut to discarded, by seq: a stream's chunk with its bytes all
 * the time; a file's with its bytes until they are taken for the first time, and from
 * then on only with their place in the file.
 */
#ifndef FANFOLD_VENTILATOR_CHUNK_STORE_H
#define FANFOLD_VENTILATOR_CHUNK_STORE_H

#include "ventilator/source/source.h"

struct chunk_store;

/* Borrows the source, to read a file's chunks again. */
struct chunk_store *chunk_store_new(struct source *source);
void chunk_store_destroy(struct chunk_store **chunk_store_p);

/* Takes the chunk, its bytes too. The first seq may be any; each other one follows. */
void chunk_store_put(struct chunk_store *chunk_store, uint64_t seq,
                     struct chunk *chunk);

/* The chunk, whose `bytes` are empty where they are not in memory; NULL: not here.
 * Borrowed until the next chunk_store_put or chunk_store_discard. */
const struct chunk *chunk_store_find(const struct chunk_store *chunk_store,
                                     uint64_t seq);

/* A chunk's bytes, without copying them, into a new message of the caller's. False:
 * they had to be read again and could not be; source_error says why. */
bool chunk_store_take_bytes(struct chunk_store *chunk_store, uint64_t seq,
                            zmq_msg_t *ret_bytes);

/* Nobody needs them soon: gives their memory back, if they can be read again. */
void chunk_store_drop_bytes(struct chunk_store *chunk_store, uint64_t seq);

void chunk_store_discard(struct chunk_store *chunk_store, uint64_t seq);

#endif
