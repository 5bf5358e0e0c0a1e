/* SPDX-License-Identifier: MIT */
/*
 * Which lines were said in the runs of a task's parts: a search for bad records runs
 * the same failure again and again, and its words are said once. Pure, but for memory.
 */
#ifndef FANFOLD_WORKER_PROGRAM_SAID_LINES_H
#define FANFOLD_WORKER_PROGRAM_SAID_LINES_H

#include "common/slice.h"
#include <stdbool.h>
#include <stdint.h>

struct said_lines;

struct said_lines *said_lines_new(void);
void said_lines_destroy(struct said_lines **said_p);

/* Lines of another run follow: what is said twice in one run is said twice. */
void said_lines_next_run(struct said_lines *said);
/* False: an earlier run has said the same. It knows so many lines, and then takes each
 * further one for new. */
bool said_lines_add(struct said_lines *said, struct slice line);

#endif
