/* SPDX-License-Identifier: MIT */
/* What the command line says of the jobs of Slurm. */
#ifndef FANFOLD_DEPLOY_SLURM_SLURM_CONFIG_H
#define FANFOLD_DEPLOY_SLURM_SLURM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

struct slurm_config {         /* borrowed for as long as the object lives */
    uint32_t least, most;     /* jobs */
    int64_t idle_release_us;  /* a job that is not needed leaves when its worker had
                                 nothing to do for so long */
    const char *options;      /* of sbatch, as a shell reads them; NULL: none */
    const char *drain_before; /* for the workers, if the walltime has an end */
    uint64_t drain_before_s;  /* the same as a number */
    const char *on_lost;      /* likewise; NULL: finish */
    const char *worker;       /* the program */
    const char *key_file;     /* what a worker needs; NULL: nothing */
    const char *words; /* options and command of a worker, as a shell reads them */
    int64_t liveness_us;
    bool patient; /* `words` says how long a worker waits for a ventilator */
    bool quiet;
    void (*in_child)(const void *context); /* in each command, before it is executed */
    const void *context;
};

#endif
