/* SPDX-License-Identifier: MIT */
/* Results out of a slot's channel, and their reports. */
#ifndef FANFOLD_WORKER_PROGRAM_PLUGIN_PLUGIN_RESULTS_H
#define FANFOLD_WORKER_PROGRAM_PLUGIN_PLUGIN_RESULTS_H

#include "worker/program/plugin/plugin_process.h"

/* Reports everything that the process has finished. Kills a process that is corrupt. */
void plugin_results_collect(struct plugin_process *process);

#endif
