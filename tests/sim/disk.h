/* SPDX-License-Identifier: MIT */
/*
 * What outlives a sink: the output, the journal, and the one helper that makes commits
 * in order. The helper takes its time, and may outlive the sink that asked; a sink that
 * starts waits for it.
 */
#ifndef FANFOLD_SIM_DISK_H
#define FANFOLD_SIM_DISK_H

#include "mix.h"
#include "sink/session.h"

struct world;
struct process;

enum { OUTPUT_MAX = 4 * RECORDS };

struct commit {
    struct commit *next;
    struct world *world;
    struct process *sink;
    uint64_t ticket;
    struct position position;
    uint32_t length;
};

struct disk {
    uint32_t output[OUTPUT_MAX]; /* the numbers of the records that were written */
    uint32_t length;
    bool has_journal;
    struct position position;
    uint32_t journal_length;
    struct commit *commits; /* the first is under way */
};

/* What the run begins with, or a sink whose journal went with its run. */
void disk_clear(struct world *world);
/* A sink opens its output: the old helper is waited for, the output is cut to what the
 * journal says. */
struct position disk_open(struct world *world);
void disk_write(struct world *world, uint32_t record);
/* Posts ITEM_COMMITTED to the sink when it is done. */
void disk_commit(struct world *world, struct process *sink, uint64_t ticket,
                 const struct position *position, uint32_t length);
/* A sink ended: what its helper has not begun is never written. */
void disk_abandon(struct world *world, struct process *sink);
void disk_remove_journal(struct world *world);
/* The first seq that the journal does not have. */
uint64_t disk_committed(const struct world *world);

uint32_t mark_read(const uint8_t *mark, size_t size);
/* Always 4 bytes. */
void mark_write(uint8_t *mark, uint32_t record);

#endif
