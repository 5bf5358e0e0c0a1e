/* SPDX-License-Identifier: MIT */
/*
 * The one process that appends to a spool and removes what is committed. An appended
 * entry stays in memory until spool_writer_sync, which blocks as long as the disk does:
 * only what it has synced may be acknowledged.
 */
#ifndef FANFOLD_COMMON_SPOOL_SPOOL_WRITER_H
#define FANFOLD_COMMON_SPOOL_SPOOL_WRITER_H

#include "common/slice.h"
#include "common/spool/spool_position.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool_writer;

struct spool_writer_config {
    const char *path;       /* of the directory; copied */
    uint64_t size_max;      /* bytes of all segments; > 0 */
    uint64_t segment_bytes; /* when a new one begins; 0: as fits size_max */
};

/* Takes the lock, cuts off what was never synced, and syncs the rest. 0; -EAGAIN:
 * another process writes the spool; -EBADMSG: it, or its position, is damaged; other
 * -errno; then with a sentence in `error`. */
int spool_writer_open(const struct spool_writer_config *config,
                      struct spool_writer **ret_writer, char *error, size_t error_size);
void spool_writer_close(struct spool_writer **writer_p);
/* Why the last call failed, for a person. */
const char *spool_writer_error(const struct spool_writer *writer);

enum spool_append_outcome {
    SPOOL_APPENDED,
    SPOOL_HAD,       /* the spool has it already */
    SPOOL_GAP,       /* numbers before it are missing */
    SPOOL_PRODUCERS, /* there are too many producers for one more */
};
/* Appends an entry without a producer: one that cannot be sent again. */
void spool_writer_append(struct spool_writer *writer, struct slice payload);
/* What spool_writer_append_of would say. */
enum spool_append_outcome spool_writer_look(const struct spool_writer *writer,
                                            struct slice producer, uint64_t number);
/* Numbers of a producer begin at 1 and rise by one. The id has 1 to PRODUCER_ID_MAX
 * bytes. */
enum spool_append_outcome spool_writer_append_of(struct spool_writer *writer,
                                                 struct slice producer, uint64_t number,
                                                 struct slice payload);
/* The same of an entry that is an end. An empty producer: none. */
void spool_writer_append_end(struct spool_writer *writer, struct slice producer,
                             uint64_t number);

/* Bytes that were appended and are not synced. */
uint64_t spool_writer_pending(const struct spool_writer *writer);
/* Writes and syncs all that was appended. 0; -ENOSPC, -EDQUOT: no room, everything is
 * kept, try again; other -errno: the writer is broken, and what it had not synced is
 * not acknowledged. */
int spool_writer_sync(struct spool_writer *writer);

/* Number of the next entry, and of the first that is not synced. */
uint64_t spool_writer_next(const struct spool_writer *writer);
uint64_t spool_writer_synced(const struct spool_writer *writer);
/* The highest synced number of a producer; 0: none. */
uint64_t spool_writer_had(const struct spool_writer *writer, struct slice producer);
/* The number that comes next of it. */
uint64_t spool_writer_wanted(const struct spool_writer *writer, struct slice producer);
/* Segments and pending entries have reached size_max. */
bool spool_writer_is_full(const struct spool_writer *writer);

/* All entries below `committed` are no longer wanted: writes that down, and removes the
 * segments that have no others. 0 or -errno. */
int spool_writer_cut(struct spool_writer *writer, uint64_t committed);
/* Borrowed. */
struct spool_position *spool_writer_position(struct spool_writer *writer);

#endif
