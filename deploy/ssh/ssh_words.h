/* SPDX-License-Identifier: MIT */
/* What lines of OpenSSH's mean, which has one status for all that goes wrong. Pure. */
#ifndef FANFOLD_DEPLOY_SSH_SSH_WORDS_H
#define FANFOLD_DEPLOY_SSH_SSH_WORDS_H

#include <stdbool.h>

/* It refuses its options or its files, and has asked no host: so it would the next
 * time. */
bool ssh_words_refuse(const char *line);
/* A tunnel's end here is gone, or not there yet: the worker says what that means. */
bool ssh_words_tell_of_tunnel(const char *line);

#endif
