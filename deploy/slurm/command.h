/* SPDX-License-Identifier: MIT */
/* A command of Slurm that runs beside the loop: started, read, reaped; never waited
 * for, but by command_end. */
#ifndef FANFOLD_DEPLOY_SLURM_COMMAND_H
#define FANFOLD_DEPLOY_SLURM_COMMAND_H

#include "deploy/slurm/slurm_config.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct command {
    pid_t pid;  /* 0: none runs */
    int out;    /* what it prints, on both of its streams; -1: it has ended that */
    char *text; /* that, terminated; NULL: nothing yet */
    size_t size;
    int64_t limit_us; /* when it is killed */
    int status; /* its exit status, 128 + n for signal n; valid once it has ended */
};

#define COMMAND_NONE ((struct command){.out = -1})

/* Starts it; none may run. Words of the allocation in which this program may run itself
 * (SLURM_*) are kept from it. 0 or -errno. */
int command_start(struct command *command, const char *const *argv,
                  const struct slurm_config *config, int64_t now_us);
/* True, once: it has ended; `text` and `status` are valid until the next start. Kills
 * it after half a minute. */
bool command_ended(struct command *command, int64_t now_us);
/* Kills it if it runs, and frees its text. */
void command_end(struct command *command);

#endif
