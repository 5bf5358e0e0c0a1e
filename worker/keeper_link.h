/* SPDX-License-Identifier: MIT */
/*
 * The link between the worker and the processes that start user code for it (keeper,
 * zygote): a SOCK_SEQPACKET pair of this host, small messages of fixed shape,
 * descriptors beside them. Both ends are the same binary, so the structs are the
 * format.
 */
#ifndef FANFOLD_WORKER_KEEPER_LINK_H
#define FANFOLD_WORKER_KEEPER_LINK_H

#include <stddef.h>
#include <stdint.h>

enum { LINK_FDS_MAX = 8, LINK_TEXT_MAX = 4096 };

enum request_kind {
    REQUEST_START,  /* start a process in the slot; exec, lasting: fds are its stdin,
                       stdout; plugin: the channel's */
    REQUEST_TERM,   /* SIGTERM the slot's process group, or what is left of it */
    REQUEST_KILL,   /* SIGKILL the slot's process group, or what is left of it */
    REQUEST_FINISH, /* zygote: call the plugin's finish and exit */
};

struct request {
    enum request_kind kind;
    uint32_t slot;
    uint32_t attempt;
    uint64_t seq;
    uint64_t records;
};

enum report_kind {
    REPORT_PREPARED,    /* zygote: value: how often it prepared */
    REPORT_REFUSED,     /* zygote: value: an exit status; text: why */
    REPORT_UNSTARTABLE, /* value: an errno; text: what says more, or nothing */
    REPORT_ENDED,       /* value: a wait status; and whether its group lives on */
    REPORT_GREEDY,      /* what was left of the group of one that has ended was killed,
                           because of memory_bytes */
    REPORT_CONTINUED,   /* value: milliseconds for which all slots were stopped */
};

struct report {
    enum report_kind kind;
    uint32_t slot;
    int32_t value;
    uint32_t survivors;
    uint64_t memory_bytes;    /* that it used, and was killed for; 0: it was not */
    char text[LINK_TEXT_MAX]; /* "" of kinds that have none */
};

/* 0, or -errno. */
int link_pair(int ret_fds[2]);

/* Sends a message with `count` descriptors (at most LINK_FDS_MAX), which stay the
 * caller's; `flags` are sendmsg's. 0, or -errno. */
int link_send(int link, const void *data, size_t size, const int *fds, unsigned count,
              int flags);

/* Send a request with descriptors, which stay the caller's. Waits while the queue is
 * full: the other end never waits for this one. 0, or -errno (-EPIPE: it is gone). */
int link_request(int link, const struct request *request, const int *fds,
                 unsigned count);
/* 1: a request with *ret_count descriptors (close-on-exec, the caller's from now on;
 * none where this process may not have so many open); 0: none now; -EPIPE: the worker
 * is gone. */
int link_take_request(int link, struct request *ret_request, int *ret_fds,
                      unsigned *ret_count);

/* 0, -EAGAIN when the queue is full, or -errno. */
int link_report(int link, const struct report *report);
/* 1, 0 (none now; with `wait`: never), or -EPIPE. */
int link_take_report(int link, struct report *ret_report, int wait);

#endif
