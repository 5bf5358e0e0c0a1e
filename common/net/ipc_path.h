/* SPDX-License-Identifier: MIT */
#ifndef FANFOLD_COMMON_NET_IPC_PATH_H
#define FANFOLD_COMMON_NET_IPC_PATH_H

/* Whether a socket can be bound to the path without a loss: libzmq would remove what
 * has it. 0; -EADDRINUSE: another program listens there, whose later peers would reach
 * us; -ENOTSOCK: a file has this name. */
int ipc_path_check(const char *path);

#endif
