/* SPDX-License-Identifier: MIT */
/*
 * The jobs of a run while there are any: carries out what scaler.c decides, by one
 * command of Slurm at a time, and tells a person how they end. Embedded in slurm.c, the
 * only one that touches its fields.
 */
#ifndef FANFOLD_DEPLOY_SLURM_FLEET_H
#define FANFOLD_DEPLOY_SLURM_FLEET_H

#include "deploy/slurm/orders.h"
#include "deploy/slurm/scaler.h"
#include "deploy/slurm/ventilator_line.h"

/* What the command is for that runs. */
enum errand {
    ERRAND_SUBMIT,
    ERRAND_LOOK,     /* at `array` */
    ERRAND_EXCLUDE,  /* nodes from `array` */
    ERRAND_WITHDRAW, /* jobs that do not run yet */
    ERRAND_RELEASE,  /* idle ones */
    ERRAND_CANCEL,   /* all */
};

struct fleet {
    const struct slurm_config *config; /* these three borrowed */
    const char *directory;
    const struct ventilator_line *ventilator;
    struct orders orders;
    struct slurm_jobs jobs;
    struct scaler scaler;
    enum errand errand; /* valid while a command runs */
    bool failed;        /* there are no jobs, and will be none: it was said why */
    int refusal;     /* the status of a worker that cannot run its command; 0: none */
    bool ending;     /* the run is over: nobody wants to hear who leaves */
    int64_t look_us; /* when to look the next time */
    int64_t release_us; /* not before this */
    uint32_t array;     /* of the look; 0: the next one is at the first */
    uint32_t excluding; /* arrays behind this one are to hear of nodes; UINT32_MAX:
                           none is */
    uint32_t count;     /* of ERRAND_SUBMIT: jobs */
    uint32_t withdrawn; /* jobs whose cancelling is ours, and was not seen yet */
    uint32_t released[VENTILATOR_LINE_IDLE]; /* by the last ERRAND_RELEASE */
    uint32_t released_count;
};

void fleet_init(struct fleet *fleet, const struct slurm_config *config,
                const char *directory, const struct ventilator_line *ventilator);
/* Kills a command that runs. */
void fleet_deinit(struct fleet *fleet);

/* Its command has ended. */
void fleet_on_command(struct fleet *fleet, int64_t now_us);
/* Starts the command that is due, if any is; none may run. */
void fleet_turn(struct fleet *fleet, int64_t now_us);
int64_t fleet_due_us(const struct fleet *fleet);
/* Starts the last command. False: there is no job to cancel. */
bool fleet_cancel(struct fleet *fleet, int64_t now_us);

#endif
