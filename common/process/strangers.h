/* SPDX-License-Identifier: MIT */
/*
 * Children that this process never forked: those of the shell that exec'ed it, and
 * where it is the first process of a container, or a subreaper, every orphan. They are
 * reaped, as nobody else can, and are let alone otherwise.
 */
#ifndef FANFOLD_COMMON_PROCESS_STRANGERS_H
#define FANFOLD_COMMON_PROCESS_STRANGERS_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether there may be any. */
bool strangers_expected(void);

/* This child is ours: whoever forked it reaps it, and releases it then. */
void strangers_spare(pid_t child);
void strangers_release(pid_t child);

/* Reaps those that have ended. */
void strangers_reap(void);

#endif
