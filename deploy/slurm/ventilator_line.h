/* SPDX-License-Identifier: MIT */
/* The launcher's end of the socket to the ventilator; ventilator/places.h says what
 * goes over it. Owns the socket. */
#ifndef FANFOLD_DEPLOY_SLURM_VENTILATOR_LINE_H
#define FANFOLD_DEPLOY_SLURM_VENTILATOR_LINE_H

#include "deploy/slurm/scaler.h"

enum { VENTILATOR_LINE_IDLE = 32 };

struct ventilator_line {
    int fd;      /* -1: the ventilator has ended */
    int theirs;  /* its end, until it has that */
    char *tasks; /* where workers join; NULL: not known yet */
    bool news;   /* the load was told since the last read, and so was who is idle: */
    struct scaler_load load;
    struct scaler_idle idle[VENTILATOR_LINE_IDLE];
    size_t idle_count;
    size_t listed; /* of the next list, so far */
    struct scaler_idle next[VENTILATOR_LINE_IDLE];
};

/* 0 or -errno. */
int ventilator_line_open(struct ventilator_line *line);
void ventilator_line_close(struct ventilator_line *line);
/* The ventilator has its end. */
void ventilator_line_started(struct ventilator_line *line);
/* Takes what has come; never waits. */
void ventilator_line_read(struct ventilator_line *line);
/* This start of a job has ended for no chunk's fault. */
void ventilator_line_excuse(const struct ventilator_line *line, uint32_t job,
                            uint32_t restarts);

#endif
