/* SPDX-License-Identifier: MIT */
/* Tells a person of workers that are lost, and of the sink; and when they are back.
 * What comes back within a second was not worth a word. */
#ifndef FANFOLD_VENTILATOR_REPORT_LOST_PEERS_H
#define FANFOLD_VENTILATOR_REPORT_LOST_PEERS_H

#include "ventilator/scheduler/dispatch.h"

struct lost_peers {
    bool quiet;
    uint32_t workers;   /* that it has told of */
    int64_t workers_us; /* since when there are more; 0: there are not */
    bool sink;          /* it has told of it */
    int64_t sink_us;    /* since when it is lost; 0: it is not */
};

/* Returns when it must be called again at the latest. */
int64_t lost_peers_tick(struct lost_peers *lost, const struct dispatch *dispatch,
                        int64_t now_us);
/* "1 worker", "3 workers, the last of them": who is lost now, into `text`. */
const char *lost_peers_describe(const struct dispatch *dispatch, char *text,
                                size_t size);

#endif
