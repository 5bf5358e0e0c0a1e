/* SPDX-License-Identifier: MIT */
/*
 * The line to the launcher that places workers on other hosts, a socket of words. While
 * there is one, more workers may come, however long that takes.
 *
 * It is told where they join:      tasks ENDPOINT
 * and once a second:               idle PLACE MILLISECONDS   for workers without a task
 *                                  load CHUNKS WORKERS SLOTS ended|open|full
 * where CHUNKS are those that are not done; the input has `ended`; or it is `open`, and
 * there is no more of it now; or it is `full`, and there is more than was counted.
 *
 * It tells which worker ended for no chunk's fault: left PLACE
 */
#ifndef FANFOLD_VENTILATOR_PLACES_H
#define FANFOLD_VENTILATOR_PLACES_H

#include "ventilator/ingest.h"

struct places {
    int fd; /* -1: nobody places workers */
    size_t used;
    char line[128];
    int64_t report_us; /* when the next load is told; 0: none was */
    uint64_t first;    /* the seq that the run began with, where the load is told */
};

void places_init(struct places *places, int fd);
/* `bound` is as join_line_say takes it. */
void places_tell_tasks(struct places *places, const char *bound);
/* Takes what has come, for the ingest's dispatch, and tells the load. Returns when it
 * is due again. */
int64_t places_tick(struct places *places, const struct ingest *ingest, int64_t now_us);

#endif
