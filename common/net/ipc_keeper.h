/* SPDX-License-Identifier: MIT */
/*
 * Keeps the name of a bound ipc socket: cleaners of temporary directories remove
 * sockets and directories that look old, and then nobody new finds the run. It holds a
 * shared flock on a private directory, which systemd-tmpfiles respects, gives socket
 * and directory a new time every hour, and where they are gone all the same makes them
 * again. Peers that are connected notice nothing.
 */
#ifndef FANFOLD_COMMON_NET_IPC_KEEPER_H
#define FANFOLD_COMMON_NET_IPC_KEEPER_H

#include <czmq.h>

struct ipc_keeper;

/* `socket` is bound to `endpoint`, and outlives the keeper. NULL: there is no file to
 * keep. */
struct ipc_keeper *ipc_keeper_new(zsock_t *socket, const char *endpoint,
                                  int64_t now_us);
void ipc_keeper_destroy(struct ipc_keeper **keeper_p);
/* Looks whether the file is there, makes it again, and tells a person. Returns when it
 * must be called again. NULL is never. */
int64_t ipc_keeper_tick(struct ipc_keeper *keeper, int64_t now_us);

#endif
