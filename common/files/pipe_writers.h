/* SPDX-License-Identifier: MIT */
/*
 * Who still has a pipe open after the program that wrote to it has ended: the pipe is
 * at its end for the reader only when nobody has. Looks through /proc; what another
 * user owns is not seen.
 */
#ifndef FANFOLD_COMMON_FILES_PIPE_WRITERS_H
#define FANFOLD_COMMON_FILES_PIPE_WRITERS_H

#include "common/process/descendants.h"
#include <stdint.h>

/* The processes that have this pipe (its inode) open for writing, with their groups. */
void pipe_writers_find(uint64_t pipe, struct children *ret_writers);

#endif
