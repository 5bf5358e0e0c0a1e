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
/* Tells the session whether the connection to the sink is open, and connects again to a
 * sink that has refused us, when it is time. 0, or the exit status, with the reason
 * said. */
int connections_watch(const struct resources *resources, int64_t now_us);
/* When something is to be tried again. */
int64_t connections_tick(const struct resources *resources, int64_t now_us);

#endif
