/* SPDX-License-Identifier: MIT */
/* Finds the file that a command names before anything starts, so that a wrong command
 * gets one clear sentence, not a failure of every chunk. */
#ifndef FANFOLD_WORKER_SUPERVISOR_COMMAND_LOOKUP_H
#define FANFOLD_WORKER_SUPERVISOR_COMMAND_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>

/* 0 and the path to execute (malloc, the caller's), or an exit status (126, 127, 2)
 * with a sentence in `error`. Searches PATH as execvp does in `workdir` (NULL: here);
 * where the path is relative, it is so to that. */
int command_resolve(char *const *argv, const char *workdir, char **ret_path,
                    char *error, size_t error_size);

/* A copy of the words, for command_free_words. With `shell`: the words by which $SHELL,
 * or else /bin/sh, runs them as one command line, joined by blanks as GNU parallel
 * does. */
char **command_words(char *const *argv, bool shell);
void command_free_words(char ***words_p);

#endif
