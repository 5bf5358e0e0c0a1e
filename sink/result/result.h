/* SPDX-License-Identifier: MIT */
/*
 * A result on its way through the sink: its seq and its bytes, wherever they lie. A
 * small result is copied, because a small frame shares libzmq's receive buffer with its
 * neighbours and would pin them all; a big one stays in the message in which it came; a
 * result that memory has no room for lies in the spill file.
 *
 * Behind the bytes for the output lie those of the result's dead letters, if it has
 * any; what is known of the dead letters stays in memory.
 *
 * A result memory counts the bytes of its results that are in memory. It must outlive
 * them.
 */
#ifndef FANFOLD_SINK_RESULT_RESULT_H
#define FANFOLD_SINK_RESULT_RESULT_H

#include "sink/dead_letters/dead_letters.h"
#include <zmq.h>

struct result_memory;
struct result;

/* `directory`: where the spill file lies once there is one. */
struct result_memory *result_memory_new(const char *directory);
void result_memory_destroy(struct result_memory **result_memory_p);
/* Bytes of results in memory, including what each result costs by itself. */
uint64_t result_memory_bytes(const struct result_memory *memory);
/* Bytes that ever went to the spill file. */
uint64_t result_memory_spilled_bytes(const struct result_memory *memory);
const char *result_memory_directory(const struct result_memory *memory);

/*
 * `length` bytes of `payload` from `offset` on, which must lie in it. A payload that is
 * all one result's is moved out of *payload; otherwise it stays.
 */
struct result *result_new(struct result_memory *memory, uint64_t seq,
                          zmq_msg_t *payload, size_t offset, size_t length);
/* The last bytes, as many as the dead letters are long together, are theirs. The dead
 * letters are copied, with their texts and names. */
struct result *result_new_with_dead_letters(struct result_memory *memory, uint64_t seq,
                                            zmq_msg_t *payload, size_t offset,
                                            size_t length,
                                            const struct dead_letter *dead_letters,
                                            uint32_t count);
void result_destroy(struct result **result_p);
/* The same in the form in which the core calls it. */
void result_drop(void *result);

uint64_t result_seq(const struct result *result);
uint64_t result_size(const struct result *result); /* for the output */

/* The result stands for a chunk that was given up: it is a dead letter and has no byte
 * for the output, unless result_describe gave it some. */
bool result_is_dead_letter(const struct result *result);
/* Puts the JSON of a result that is a dead letter in the place of its bytes, which
 * nobody can read any more. */
void result_describe(struct result *result, const struct id *run);

/* Puts these bytes in the place of a result's in memory; its dead letters stay. */
void result_replace(struct result *result, struct slice bytes);

/* Takes so many of the first bytes away from the output. */
void result_cut(struct result *result, uint64_t size);

/* The result is in memory, and large enough that spilling it helps. */
bool result_spillable(const void *result);
/* Moves the result's bytes to the file. 0, or -errno: they are where they were. */
int result_spill(struct result *result);
bool result_spilled(const struct result *result);

/* A spilled result of few bytes, 8 KiB at most, which may come back to be written
 * together with others. */
bool result_is_small_and_spilled(const struct result *result);
/* Brings it back into memory. 0, or -errno: it is where it was. */
int result_load(struct result *result);

/* The bytes for the output of a result in memory. */
struct slice result_bytes(const struct result *result);
/* Some of the bytes for the output of a spilled result. 0 or -errno. */
int result_read(const struct result *result, uint64_t from, void *data, size_t size);

/* The dead letters, in order; borrowed. NULL: none. */
const struct dead_letter *result_dead_letters(const struct result *result,
                                              uint32_t *ret_count);
/* Some of the dead letters' bytes, which lie one after the other, wherever the result
 * is. 0 or -errno. */
int result_read_dead_letters(const struct result *result, uint64_t from, void *data,
                             size_t size);

#endif
