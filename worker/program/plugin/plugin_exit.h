/* SPDX-License-Identifier: MIT */
/* The end of a slot's process, or of the attempt to start one. */
#ifndef FANFOLD_WORKER_PROGRAM_PLUGIN_PLUGIN_EXIT_H
#define FANFOLD_WORKER_PROGRAM_PLUGIN_PLUGIN_EXIT_H

#include "worker/program/plugin/plugin_process.h"

/* Reports all tasks of a slot without a process as not started. */
void plugin_exit_hand_back(struct plugin_process *process);
void plugin_exit_on_unstartable(struct plugin_process *process, int error);
void plugin_exit_on_ended(struct plugin_process *process, int status);

#endif
