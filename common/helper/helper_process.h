/* SPDX-License-Identifier: MIT */
/*
 * A process that does for a program what may take minutes, so that its loop never
 * waits: what a file system or a name service keeps for itself. The two speak over a
 * socket that keeps the borders of what is written to it. The helper has no other
 * descriptor of the program's than those it is given, ignores the signals that end a
 * run, and is to end when its socket does, which is when the program is gone.
 */
#ifndef FANFOLD_COMMON_HELPER_HELPER_PROCESS_H
#define FANFOLD_COMMON_HELPER_HELPER_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct helper_process {
    pid_t pid;  /* 0: there is none */
    int socket; /* to be polled for input */
};

/* What the helper does, before it ends. `kept` is a descriptor with the number that it
 * has in the helper. */
typedef void helper_work(int socket, int kept, void *context);

struct helper_task {
    const char *name; /* as ps shows it; 15 bytes at most */
    helper_work *work;
    void *context; /* the program's memory as it is now */
    int kept;      /* -1: none */
    bool talks;    /* it keeps stderr; not where it may outlive the program */
};

/* Forks: before the first thread, and so before a ZeroMQ context. 0 or -errno. */
int helper_process_start(const struct helper_task *task,
                         struct helper_process *ret_helper);
/* Closes the socket and waits so long for the helper's end (-1: as long as it takes).
 * One that waits for the system then is left to init. Does nothing where there is no
 * helper. False: it has not ended by itself, nor with status 0. */
bool helper_process_stop(struct helper_process *helper, int wait_ms);

/* In either: the size of what came; 0: the other one is gone; -EAGAIN: nothing came,
 * and `flags` has MSG_DONTWAIT; other -errno. */
ssize_t helper_receive(int socket, void *data, size_t size, int flags);
/* In either: 0; -EPIPE: the other one is gone; other -errno. */
int helper_send(int socket, const void *data, size_t size, int flags);

#endif
