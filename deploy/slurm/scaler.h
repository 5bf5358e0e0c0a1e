/* SPDX-License-Identifier: MIT */
/*
 * Decides how many workers Slurm is asked for, which are let go, and which nodes get no
 * more: a pure state machine over jobs that it never touches. In: the load that the
 * ventilator tells, how many jobs there are, how they end, the time. Out: how many to
 * submit, to withdraw and to release, and the nodes to exclude.
 *
 * There are never more jobs than config.most, and never fewer than config.least are
 * aimed at. What somebody cancels, what runs out of memory, has no time to work in, or
 * cannot run its command lowers both by one: it is not begun again. A job that had its
 * time, or that lost its node, is. One that fails within a minute is too, after a pause
 * that grows.
 */
#ifndef FANFOLD_DEPLOY_SLURM_SCALER_H
#define FANFOLD_DEPLOY_SLURM_SCALER_H

#include "deploy/slurm/slurm_jobs.h"

enum {
    SCALER_MOST = 1000000,
    SCALER_DEATHS = 3,    /* in a row within a minute, until a node gets no more */
    SCALER_REFUSALS = 10, /* of Slurm in a row, until a run without workers gives up */
};

struct scaler_config {
    uint32_t least, most; /* workers */
    int64_t idle_release_us;
};

/* "8" or "0..8": least and most. */
bool scaler_read_range(const char *text, uint32_t *ret_least, uint32_t *ret_most);

enum scaler_input {
    SCALER_INPUT_ENDED, /* the load has all that is left */
    SCALER_INPUT_OPEN,  /* all that is left now */
    SCALER_INPUT_FULL,  /* there is more */
};

struct scaler_load {
    uint64_t chunks; /* that are not done */
    uint32_t workers, slots;
    enum scaler_input input;
};

/* A worker that has nothing to do. */
struct scaler_idle {
    uint32_t job, restarts; /* as in struct slurm_departure */
    int64_t idle_us;        /* for so long */
};

struct scaler {
    struct scaler_config config; /* least and most as they are now */
    struct scaler_load load;
    bool heard;   /* the load is valid */
    bool served;  /* some worker has joined the run */
    bool asked;   /* Slurm has taken some jobs */
    bool refused; /* some worker could not run its command */
    uint32_t running, pending, leaving;
    uint32_t slots;     /* of a worker, as far as is known */
    int64_t hungry_us;  /* since when there are too few; NEVER_US: there are not */
    int64_t sated_us;   /* since when there are too many; likewise */
    int64_t submit_us;  /* not before this */
    unsigned refusals;  /* in a row */
    unsigned deaths;    /* within a minute, in a row */
    struct node *nodes; /* where some have died */
    size_t node_count, node_capacity;
};

void scaler_init(struct scaler *scaler, const struct scaler_config *config);
void scaler_deinit(struct scaler *scaler);

void scaler_on_load(struct scaler *scaler, const struct scaler_load *load);
/* The jobs as they are now: `leaving` are those that run and were released. */
void scaler_on_jobs(struct scaler *scaler, const struct slurm_jobs *jobs);
/* Somebody has cancelled so many that did not run yet. */
void scaler_on_withdrawn(struct scaler *scaler, uint32_t count);
/* True: its node gets no more from now on. */
bool scaler_on_departure(struct scaler *scaler, const struct slurm_departure *departure,
                         int64_t now_us);
/* What scaler_ask said was submitted. */
void scaler_on_taken(struct scaler *scaler, int64_t now_us);
/* Slurm has refused it. Returns for how long to pause, in microseconds; 0: there is
 * no hope. */
int64_t scaler_on_refused(struct scaler *scaler, int64_t now_us);

/* How many to submit now. Call it at each turn. */
uint32_t scaler_ask(struct scaler *scaler, int64_t now_us);
/* How many of those that do not run yet to withdraw; not again for a while. */
uint32_t scaler_withdraw(struct scaler *scaler, int64_t now_us);
/* Sorts `idle`; the first of them, as many as it returns, are to be released. */
uint32_t scaler_release(const struct scaler *scaler, struct scaler_idle *idle,
                        size_t count);
/* When scaler_ask or scaler_withdraw may say something else. */
int64_t scaler_due_us(const struct scaler *scaler);
/* No job is left, and it would be of no use to submit any. */
bool scaler_is_over(const struct scaler *scaler);

/* The nodes that get no more, behind those of `before` (NULL: none), separated by
 * commas; on the heap. NULL: none at all. */
char *scaler_excluded(const struct scaler *scaler, const char *before);

#endif
