/* SPDX-License-Identifier: MIT */
/*
 * The sink's heartbeat while a file system does not answer. The loop writes, and reads
 * what it spilled, itself, and so stands still as long as the file system does. It
 * marks when it enters such a place and when it leaves it; a helper process looks at
 * the mark, and where it is too old tells the ventilator that this sink lives and only
 * waits (STALLED), and a person for what it waits.
 */
#ifndef FANFOLD_SINK_STALL_WATCH_H
#define FANFOLD_SINK_STALL_WATCH_H

#include "common/id.h"
#include "common/net/transport.h"
#include <stdbool.h>
#include <stdint.h>

struct stall_watch;

enum stall_place { STALL_OUTPUT, STALL_DEAD_LETTERS, STALL_SPILL, STALL_PLACES };

struct stall_watch_config {
    const struct curve *curve; /* of the link to the ventilator; NULL: no keys */
    int64_t liveness_us;
    bool quiet;                       /* tells no person */
    const char *places[STALL_PLACES]; /* their names, copied */
};

/* Forks: before the first thread. 0 or -errno. */
int stall_watch_start(const struct stall_watch_config *config,
                      struct stall_watch **ret_watch);
/* *watch_p may be NULL. */
void stall_watch_stop(struct stall_watch **watch_p);

/* Where the helper finds the ventilator, and who this sink is. */
void stall_watch_meet(struct stall_watch *watch, const char *endpoint,
                      const struct id *incarnation);
/* WELCOME came: whether this ventilator knows STALLED, and its liveness time. */
void stall_watch_welcomed(struct stall_watch *watch, bool knows, int64_t liveness_us);

/* From here on until stall_watch_leave a file system may make us wait. */
void stall_watch_enter(struct stall_watch *watch, enum stall_place place);
void stall_watch_leave(struct stall_watch *watch);
/* For how long the loop stood still since the last call; 0 where that was too short to
 * miss what came. */
int64_t stall_watch_take_stalled(struct stall_watch *watch);

#endif
