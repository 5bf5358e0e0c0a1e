/* SPDX-License-Identifier: MIT */
/* In a slot: the loans of its worker's into which it has written results, and may do so
 * again. Each can be written to only from slot_loans_open to slot_loans_shut. */
#ifndef FANFOLD_WORKER_PLUGIN_SLOT_SLOT_LOANS_H
#define FANFOLD_WORKER_PLUGIN_SLOT_SLOT_LOANS_H

#include "worker/plugin_slot/shared_memory.h"

enum { SLOT_LOANS = 8 };

struct slot_loans {
    struct {
        uint64_t inode; /* 0: none is here */
        struct shared_memory memory;
    } known[SLOT_LOANS];
    unsigned next; /* the place of the next new one */
};

/* The loan that the worker's process has open, mapped, for a result of about so many
 * bytes. NULL: it cannot be had. */
struct shared_memory *slot_loans_open(struct slot_loans *loans, uint64_t worker,
                                      uint32_t fd, uint64_t inode, size_t expected);
/* The result is there. */
void slot_loans_shut(struct slot_loans *loans, struct shared_memory *memory);

#endif
