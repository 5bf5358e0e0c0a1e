/* SPDX-License-Identifier: MIT */
/*
 * A result on its way through the sink: its seq and its bytes, wherever they lie. Small
 * ones are copied, because a small frame shares libzmq's receive buffer with its
 * neighbours and would pin them all; big ones stay in the message in which they came;
 * what memory has no room for lies in the spill file.
 *
 * Behind the bytes for the output lie those of the dead letters that came with them, if
 * there are any; what is known of these letters stays in memory.
 *
 * A store counts the bytes of its parcels that are in memory. It must outlive them.
 */
#ifndef FANFOLD_SINK_PARCEL_H
#define FANFOLD_SINK_PARCEL_H

#include "sink/letters.h"
#include <zmq.h>

struct store;
struct parcel;

/* `directory`: for the spill file, should there be one. */
struct store *store_new(const char *directory);
void store_destroy(struct store **store_p);
/* Bytes of parcels in memory, with what each costs by itself. */
uint64_t store_memory_bytes(const struct store *store);
/* Bytes that ever went to the spill file. */
uint64_t store_spilled_bytes(const struct store *store);
const char *store_directory(const struct store *store);

/*
 * `length` bytes of `payload` from `offset` on, which must lie in it. A payload that is
 * all one result's is moved out of *payload; otherwise it stays.
 */
struct parcel *parcel_new(struct store *store, uint64_t seq, zmq_msg_t *payload,
                          size_t offset, size_t length);
/* The last bytes, as many as the letters are long together, are those of dead letters.
 * These are copied, with their texts and names. */
struct parcel *parcel_new_with_letters(struct store *store, uint64_t seq,
                                       zmq_msg_t *payload, size_t offset, size_t length,
                                       const struct letter *letters, uint32_t count);
void parcel_destroy(struct parcel **parcel_p);
/* The same in the form that the cores call back. */
void parcel_drop(void *parcel);

uint64_t parcel_seq(const struct parcel *parcel);
uint64_t parcel_size(const struct parcel *parcel); /* for the output */

/* So many of the first bytes for the output are not for it after all. */
void parcel_cut(struct parcel *parcel, uint64_t size);

/* In memory, and large enough that it would help to spill it. */
bool parcel_spillable(const void *parcel);
/* Its bytes go to the file. 0, or -errno: they are where they were. */
int parcel_spill(struct parcel *parcel);
bool parcel_spilled(const struct parcel *parcel);

/* What is for the output of a parcel in memory. */
struct slice parcel_bytes(const struct parcel *parcel);
/* Some of it, of a spilled parcel. 0 or -errno. */
int parcel_read(const struct parcel *parcel, uint64_t from, void *data, size_t size);

/* The dead letters, in order; borrowed. NULL: none. */
const struct letter *parcel_letters(const struct parcel *parcel, uint32_t *ret_count);
/* Some of their bytes, which lie one after the other, wherever the parcel is. 0 or
 * -errno. */
int parcel_read_letters(const struct parcel *parcel, uint64_t from, void *data,
                        size_t size);

#endif
