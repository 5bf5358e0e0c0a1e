/* SPDX-License-Identifier: MIT */
/*
 * What outlives a sink: the output, the dead letters, the journal, and the one helper
 * that makes commits, step by step and in order. A process that dies loses nothing that
 * it has written; a power cut loses what was not synced, or tears it. The disk can be
 * full.
 *
 * The helper may outlive the sink that asked; a sink that starts waits for it, as it
 * waits for the lock.
 */
#ifndef FANFOLD_TESTS_SIM_WORLD_DISK_H
#define FANFOLD_TESTS_SIM_WORLD_DISK_H

#include "scenario.h"
#include "sink/session/session.h"

struct world;
struct process;

/* A record that a power cut has left of what was not synced. */
#define TORN UINT32_MAX

/* The commit, in the order of its steps (PROTOCOL.md, rule 12). */
#define STEPS(X)                         \
    X(DEAD_LETTERS, "sync dead letters") \
    X(OUTPUT, "sync output")             \
    X(WRITE, "write journal.tmp")        \
    X(FSYNC, "sync journal.tmp")         \
    X(RENAME, "rename journal.tmp")      \
    X(DIRECTORY, "sync directory")       \
    X(ANSWER, "answer")

enum step {
#define X(name, text) STEP_##name,
    STEPS(X)
#undef X
        STEP_COUNT
};

/* One journal: the file's bytes. */
struct journal {
    bool there;
    bool synced;
    bool torn; /* a power cut left not all of it */
    struct position position;
    uint32_t length;       /* of the output */
    uint32_t dead_letters; /* that count */
};

/* A dead letter: these records, as one file and its description. */
struct dead_letter {
    uint32_t first, end;
    bool synced, torn;
};

struct commit {
    struct commit *next;
    struct world *world;
    struct process *sink;
    uint64_t ticket;
    struct journal journal;
    uint32_t covered; /* what the step under way syncs of the output, or dead letters */
};

struct disk {
    uint32_t *output; /* the numbers of the records that were written */
    uint32_t length, synced, capacity;
    struct dead_letter *dead_letters;
    uint32_t dead_letter_count, dead_letter_capacity;
    struct journal journal; /* what its name says to whoever opens it */
    struct journal durable; /* what it would say after a power cut */
    struct journal tmp;
    bool cut_due;           /* to the journal's length, before anything is written */
    int64_t room;           /* for so much more */
    struct commit *commits; /* the first is under way, at this step: */
    enum step step;
    uint64_t helper; /* the number of the helper that is at work */
};

/* What the run begins with. */
void disk_clear(struct world *world);
/* Whether the helper of a sink that is gone is still at work: it has the lock. */
bool disk_locked(const struct world *world);
/* A sink opens output and journal. */
struct position disk_open(struct world *world);

/* False: the disk is full. */
bool disk_write(struct world *world, uint32_t record);
bool disk_write_dead_letter(struct world *world, uint32_t first, uint32_t end);
/* For the spill file; what it takes is given back at once when the sink is gone. */
bool disk_has_room(const struct world *world);
void disk_free(struct world *world);

/* Posts ITEM_COMMITTED to the sink when it is done, or ITEM_NO_ROOM. */
void disk_commit(struct world *world, struct process *sink, uint64_t ticket,
                 const struct position *position, uint32_t length,
                 uint32_t dead_letters);
/* A sink ended; its helper goes on, or was killed as well, or lost its power. */
void disk_abandon(struct world *world, struct process *sink);
void disk_lose_power(struct world *world);
void disk_remove_journal(struct world *world);
/* Records that are in the output, or dead letters. */
int64_t disk_accounted(const struct disk *disk);
/* The first seq that no fault can take back. */
uint64_t disk_committed(const struct world *world);
/* Cuts off what the journal does not count. */
void disk_cut(struct world *world);

enum { MARK_BYTES = 32 };

/* With its seal or without. */
uint32_t mark_read(const uint8_t *mark, size_t size);
struct slice mark_write(uint8_t mark[MARK_BYTES], uint32_t record, uint64_t seq);

#endif
