/* SPDX-License-Identifier: MIT */
/*
 * The worker's side of FORK/1 (worker/FORK.md), between the fork server and the user's
 * program that forks its slots: short texts over a SOCK_SEQPACKET pair. Nothing that
 * the program sends is trusted.
 */
#ifndef FANFOLD_WORKER_SUPERVISOR_FORK_PROTOCOL_H
#define FANFOLD_WORKER_SUPERVISOR_FORK_PROTOCOL_H

#include <stdint.h>
#include <sys/types.h>

enum { FORK_STREAMS = 3, FORK_TEXT_MAX = 512 };

enum fork_word {
    FORK_NOTHING,  /* no message within the time */
    FORK_GONE,     /* the program has closed its end */
    FORK_READY,    /* it is prepared */
    FORK_SLOT,     /* it has forked a slot: pid */
    FORK_ERROR,    /* it cannot fork the slot: text */
    FORK_NONSENSE, /* anything else */
};

struct fork_answer {
    enum fork_word word;
    uint32_t slot; /* from 1; of FORK_SLOT and FORK_ERROR */
    pid_t pid;
    /* printable: the reason of FORK_ERROR, else the message */
    char text[FORK_TEXT_MAX];
};

/* Asks for a slot (from 1) with these streams as its stdin, stdout and stderr. 0 or
 * -errno; never waits. */
int fork_protocol_request(int link, uint32_t slot, const int streams[FORK_STREAMS]);

/* Waits so many milliseconds at most for the program's next message. */
void fork_protocol_take(int link, int wait_ms, struct fork_answer *ret_answer);

#endif
