/* SPDX-License-Identifier: MIT */
/* Finding what a command word means before anything is started, so that a wrong one is
 * one clear sentence and not a failure of every chunk. */
#ifndef FANFOLD_WORKER_COMMAND_H
#define FANFOLD_WORKER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

/* 0 and the path to execute (malloc, the caller's), or an exit status (126, 127, 2)
 * with a sentence in `error`. Searches PATH as execvp does in `workdir` (NULL: here);
 * where the path is relative, it is so to that. */
int command_resolve(char *const *argv, const char *workdir, char **ret_path,
                    char *error, size_t error_size);

/* A copy of the words; with `shell`, those by which $SHELL, or else /bin/sh, runs them,
 * joined by blanks as GNU parallel does, as a command line. To be given to
 * command_free_words. */
char **command_words(char *const *argv, bool shell);
void command_free_words(char ***words_p);

#endif
