/* SPDX-License-Identifier: MIT */
/*
 * Whether a worker's host does its work, as far as the ends of its attempts tell:
 *
 *     well -- chunks fail in a row --> in doubt -- others do them --> set aside
 *      ^                                  |                               |
 *      +------------- it does one --------+-------------------------------+
 *
 *     well -- it starts nothing --> set aside -- it starts one --> well
 *
 * What fails at a worker in doubt may be the worker's fault, and what fails everywhere
 * is not. A worker that is set aside is tried now and then. Pure.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_STATE_WORKER_HEALTH_H
#define FANFOLD_VENTILATOR_SCHEDULER_STATE_WORKER_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

struct worker_health {
    bool proven;      /* it has done a task */
    uint32_t round;   /* tasks that it has done: what failed since is of one row */
    uint32_t failed;  /* chunks of the row */
    uint32_t outdone; /* those of them that others have done since */
    bool stuck;       /* it starts nothing of what it is given */
    bool mute;        /* its program never answers */
    bool aside;       /* it is set aside */
    bool told;        /* somebody was told that it is, at any time; */
    bool told_back;   /* and that it is no more */
    uint32_t trials;  /* that failed since it rests */
    int64_t trial_us; /* when it may be tried; valid while worker_health_rests */
};

/* It has done a task. True: it was set aside, and is no more. */
bool worker_health_on_done(struct worker_health *health);
/* A task failed there: the first failure of this chunk in the row, or not; in a trial,
 * or not. */
void worker_health_on_failed(struct worker_health *health, bool first, bool trial,
                             int64_t now_us);
/* Another worker has done a chunk of the row. True: so this one is to be set aside. */
bool worker_health_on_outdone(struct worker_health *health);
/* It is set aside. */
void worker_health_set_aside(struct worker_health *health, int64_t now_us);
/* It was given tasks, and starts none. */
void worker_health_on_stuck(struct worker_health *health, bool trial, int64_t now_us);
/* It has started one. True: it was set aside for that alone, and is no more. */
bool worker_health_on_started(struct worker_health *health);
/* Its program has never answered. */
void worker_health_on_mute(struct worker_health *health, bool trial, int64_t now_us);

/* What fails there may be its own fault. */
bool worker_health_in_doubt(const struct worker_health *health);
/* It has done a task, is not set aside, and starts what it is given. */
bool worker_health_may_do(const struct worker_health *health);
/* What may be hoped of a worker, for a task that others failed. */
enum prospect {
    PROVEN, /* it has done a task, and what failed since may be the tasks' fault */
    NOT_IN_DOUBT,
    SURE, /* both */
    WELL, /* nothing fails */
    PROSPECTS
};

/* A bit for each of them. */
unsigned worker_health_hopes(const struct worker_health *health);

enum { RANK_WORST = 3 }; /* also of one that has failed the task */
/* Lower is better: one that never did any task and is in doubt comes last. */
uint32_t worker_health_rank(const struct worker_health *health);

/* It gets no tasks but trials, as long as there is a better worker. */
bool worker_health_rests(const struct worker_health *health);

#endif
