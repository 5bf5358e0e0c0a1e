/* SPDX-License-Identifier: MIT */
/* Tells whether a PUSH that transport_connect_push made is connected. */
#ifndef FANFOLD_COMMON_NET_CONNECTION_MONITOR_H
#define FANFOLD_COMMON_NET_CONNECTION_MONITOR_H

#include <czmq.h>

/* A monitor begins as shut; if a connection exists already, it is the first event.
 * Destroy the monitor before its socket. NULL with errno: no descriptors are left. */
struct connection_monitor;
enum connection_event { CONNECTION_NONE, CONNECTION_OPEN, CONNECTION_SHUT };
struct connection_monitor *connection_monitor_new(zsock_t *socket);
void connection_monitor_destroy(struct connection_monitor **monitor_p);
/* Poll it for input. Call connection_monitor_next once before the first poll, and after
 * each until it returns CONNECTION_NONE. */
zsock_t *connection_monitor_socket(struct connection_monitor *monitor);
/* The next event; CONNECTION_NONE: there is none now. */
enum connection_event connection_monitor_next(struct connection_monitor *monitor);

#endif
