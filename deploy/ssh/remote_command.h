/* SPDX-License-Identifier: MIT */
/* The shell's text that a host runs: it says a token, finds fanfold-worker and becomes
 * it. Pure. */
#ifndef FANFOLD_DEPLOY_SSH_REMOTE_COMMAND_H
#define FANFOLD_DEPLOY_SSH_REMOTE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REMOTE_REMOVED = 3 };

struct remote_command {
    const char *token;
    const char *endpoint; /* of tasks; a host of all addresses stands for the one from
                             which ssh came */
    const char *results;  /* NULL: those that the ventilator names */
    const char *remove[REMOTE_REMOVED + 1]; /* gone at the end; ended by NULL */
    const char *remote_bin; /* a directory; NULL: where this host has it, then PATH */
    const char *local_bin;  /* that directory here */
    const char *copy_to; /* a directory for a worker and its libraries, where the host
                            has none; among those to remove; NULL: none */
    size_t copy_size;    /* of that archive, which comes by standard input, */
    const char *copy_system;    /* and for which `uname -sm` it is */
    const char *workdir;        /* is made; NULL: none */
    const char *const *options; /* of the worker, ended by NULL */
    uint32_t slots;             /* 0: not said */
    bool local;                 /* it is this host, to which nobody came by ssh */
    bool keyed;                 /* its key comes by standard input */
    char *const *command;       /* ended by NULL */
};

/* Before the first, everything that the host says is a banner or an rc file's. */
#define REMOTE_FOUND   "found"   /* behind the token: the worker starts */
#define REMOTE_COPY    "copy"    /* it wants the archive */
#define REMOTE_MISSING "missing" /* there is no such program; then `uname -sm` */

/* On the heap; for /bin/sh -c, and as a word of ssh's after shell_quote. */
char *remote_command_text(const struct remote_command *command);

#endif
