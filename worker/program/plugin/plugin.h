/* SPDX-License-Identifier: MIT */
/* Plugins: a process a slot, forked by the zygote; tasks and results pass through
 * memory that worker and slot share. */
#ifndef FANFOLD_WORKER_PROGRAM_PLUGIN_PLUGIN_H
#define FANFOLD_WORKER_PROGRAM_PLUGIN_PLUGIN_H

#include "worker/program/runner.h"

extern const struct runner_ops plugin_runner;

#endif
