/* SPDX-License-Identifier: MIT */
/* The connections to the ventilator and to a sink. */
#ifndef FANFOLD_WORKER_CONNECTIONS_H
#define FANFOLD_WORKER_CONNECTIONS_H

#include "worker/resources.h"

/* Connects to the ventilator, or again. 0, or the exit status, with the reason said. */
int connections_connect(const struct resources *resources);
/* Connects to the sink that the session has chosen; the session is told of one that
 * cannot be reached. 0, or the exit status, with the reason said. */
int connections_open(const struct resources *resources, int64_t now_us);
/* Tells the session whether the connection to the sink is open. Also right after it was
 * opened, because an event from before the monitor watched wakes no poller. */
void connections_watch(const struct resources *resources, int64_t now_us);

#endif
