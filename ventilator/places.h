/* SPDX-License-Identifier: MIT */
/*
 * The line to the launcher that places workers on other hosts, a socket of words: it is
 * told where they join ("tasks ENDPOINT"); it
 * tells which worker ended for no chunk's fault ("left PLACE").
 */
#ifndef FANFOLD_VENTILATOR_PLACES_H
#define FANFOLD_VENTILATOR_PLACES_H

#include "ventilator/scheduler/dispatch.h"

struct places {
    int fd; /* -1: nobody places workers */
    size_t used;
    char line[128];
};

void places_init(struct places *places, int fd);
/* `bound` is as join_line_say takes it. */
void places_tell_tasks(struct places *places, const char *bound);
/* Takes what has come; tells dispatch of workers that are excused. */
void places_read(struct places *places, struct dispatch *dispatch);

#endif
