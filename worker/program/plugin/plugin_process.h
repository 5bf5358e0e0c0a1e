/* SPDX-License-Identifier: MIT */
/* A slot's process and the tasks that it was given, as the worker has them. The slot's
 * own side is plugin_slot.h. */
#ifndef FANFOLD_WORKER_PROGRAM_PLUGIN_PLUGIN_PROCESS_H
#define FANFOLD_WORKER_PROGRAM_PLUGIN_PLUGIN_PROCESS_H

#include "worker/program/plugin/plugin_queue.h"
#include "worker/program/slot_life.h"

/*
 * SOUND     the process takes tasks
 * CONDEMNED we killed it, or told it to end, for the sake of one of its tasks
 * CORRUPT   its shared memory makes no sense, and we killed it
 */
#define PLUGIN_PHASES(X) X(SOUND) X(CONDEMNED) X(CORRUPT)

enum plugin_phase {
#define X(name) PLUGIN_##name,
    PLUGIN_PHASES(X)
#undef X
};

struct plugin_process {
    struct slot_life life;
    enum plugin_phase phase;
    struct plugin_queue queue; /* open while there is a process */
    uint64_t begun_then;       /* tasks, at the last look */
};

/* Asks for a process with a new channel. 0, or -errno. */
int plugin_process_start(struct plugin_process *process);
/* Kills it (SIGKILL), or tells it to end (SIGTERM), for the sake of a task. */
void plugin_process_kill(struct plugin_process *process);
void plugin_process_terminate(struct plugin_process *process);
/* Its shared memory makes no sense: kills it. */
void plugin_process_set_corrupt(struct plugin_process *process);
/* The task that the process is at; false: none. */
bool plugin_process_running(struct plugin_process *process, uint64_t *ret_seq);

#endif
