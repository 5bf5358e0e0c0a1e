/* SPDX-License-Identifier: MIT */
/*
 * The link between the worker and a process that starts user code for it (supervisor,
 * zygote, fork server): a SOCK_SEQPACKET pair with small messages of fixed shape, and
 * descriptors beside them. Both ends are the same binary, so the structs are the
 * format.
 */
#ifndef FANFOLD_WORKER_SUPERVISOR_SPAWN_LINK_H
#define FANFOLD_WORKER_SUPERVISOR_SPAWN_LINK_H

#include <stddef.h>
#include <stdint.h>

enum { SPAWN_LINK_FDS_MAX = 8, SPAWN_LINK_TEXT_MAX = 4096 };

enum request_kind {
    REQUEST_START,  /* start a process in the slot; exec, persistent: fds are its stdin,
                       stdout; plugin: the channel's */
    REQUEST_TERM,   /* SIGTERM the slot's process group, or the rest of it */
    REQUEST_KILL,   /* SIGKILL the slot's process group, or the rest of it */
    REQUEST_SETTLE, /* the slot's process ended well: give the rest of its group time,
                       then end it; and wait for those that have `output` open as long
                       as they are at work. REPORT_SETTLED is the answer, to the last of
                       such requests */
    REQUEST_FINISH, /* zygote: let plugin or program finish, and exit; supervisor: the
                       worker leaves in good order */
};

struct request {
    enum request_kind kind;
    uint32_t slot;
    uint32_t attempt;
    uint64_t seq;
    uint64_t records;
    uint32_t tells_pid; /* 1: REPORT_STARTED is wanted */
    int32_t token;      /* SETTLE: the answer bears it */
    uint64_t output; /* SETTLE: the inode of the pipe that is still open; 0: none is */
};

enum report_kind {
    REPORT_PREPARED,    /* zygote: value: how often it prepared */
    REPORT_REFUSED,     /* zygote: value: an exit status; text: why */
    REPORT_STARTED,     /* value: the pid, before any report of its end; left out where
                           the queue is full */
    REPORT_UNSTARTABLE, /* value: an errno; text: why, or nothing */
    REPORT_ENDED,       /* value: a wait status; survivors */
    REPORT_GREEDY,      /* the leader had ended before, and its group was killed now,
                           because it used memory_bytes */
    REPORT_STOPPED,     /* value: the pid of a process of the slot that was stopped by
                           `signal`, and still is; text: its name */
    REPORT_SETTLED,     /* value: the request's token; nothing of the group is left that
                           can be ended, and nobody is at work who has its output open */
    REPORT_CONTINUED,   /* value: milliseconds for which all slots were stopped */
};

struct report {
    enum report_kind kind;
    uint32_t slot;
    int32_t value;
    uint32_t survivors; /* 1: the group lives on; 0: it does not */
    uint32_t told;      /* 1: while it ran, somebody sent SIGTERM to all processes
                           here, and it may have caught it */
    uint32_t signal;    /* ENDED: SIGTTIN or SIGTTOU, if it wanted the terminal and was
                           killed for that; 0: it was not */
    uint64_t memory_bytes; /* that the slot used, and was killed for; 0: it was not */
    char text[SPAWN_LINK_TEXT_MAX]; /* "" of kinds that have none */
};

/* 0, or -errno. */
int spawn_link_pair(int ret_fds[2]);

/* Sends a message with `count` descriptors (at most SPAWN_LINK_FDS_MAX), which stay the
 * caller's; `flags` are sendmsg's. 0, or -errno. */
int spawn_link_send(int link, const void *data, size_t size, const int *fds,
                    unsigned count, int flags);

/* Sends a request with descriptors, which stay the caller's. Waits while the queue is
 * full: the other end never waits for this one. 0, or -errno (-EPIPE: it is gone). */
int spawn_link_request(int link, const struct request *request, const int *fds,
                       unsigned count);
/* 1: a request with *ret_count descriptors (close-on-exec, the caller's from now on;
 * none if this process may not have so many open); 0: none now; -EPIPE: the worker is
 * gone. */
int spawn_link_take_request(int link, struct request *ret_request, int *ret_fds,
                            unsigned *ret_count);

/* 0, -EAGAIN when the queue is full, or -errno. */
int spawn_link_report(int link, const struct report *report);
/* 1, 0 (none now; with `wait`: never), or -EPIPE. */
int spawn_link_take_report(int link, struct report *ret_report, int wait);

#endif
