/* SPDX-License-Identifier: MIT */
/* Who has a pipe open. */
#ifndef FANFOLD_VENTILATOR_SOURCE_KINDS_PIPE_HOLDER_H
#define FANFOLD_VENTILATOR_SOURCE_KINDS_PIPE_HOLDER_H

#include <sys/types.h>

/* A process that has the pipe of `fd` open, and is not this one; 0: none that /proc
 * shows. It reads all of /proc, so it is for a sentence that is said once. */
pid_t pipe_holder(int fd);

#endif
