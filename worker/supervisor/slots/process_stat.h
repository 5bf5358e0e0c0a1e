/* SPDX-License-Identifier: MIT */
/* What /proc says of a process and its memory. */
#ifndef FANFOLD_WORKER_SUPERVISOR_SLOTS_PROCESS_STAT_H
#define FANFOLD_WORKER_SUPERVISOR_SLOTS_PROCESS_STAT_H

#include "common/process/descendants.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
    pid_t pid, parent, group;
    uint64_t born; /* ticks since boot; with the pid, it names one process for ever */
    uint64_t resident_bytes;
    uint64_t ticks; /* of a processor, by it and by children that it waited for */
    bool stopped;   /* by a signal */
    uint32_t slot;  /* as many as there are: none has it */
    uint32_t turn;  /* of that slot */
    bool known;     /* a stranger, from the pass before */
};

/* Reads all but slot, turn and known; `proc` is an open /proc, `name` a pid. */
bool process_read(int proc, const char *name, uint64_t page_bytes,
                  struct process *ret_process);

/* Its resident memory, where a page that n processes share counts as an nth; 0: it is
 * gone. */
uint64_t process_share_bytes(pid_t pid, uint64_t page_bytes);

/* The processor's time, in ticks, that these have used, and those that they waited
 * for. */
uint64_t process_ticks(const struct children *processes);

#endif
