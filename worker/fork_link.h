/* SPDX-License-Identifier: MIT */
/*
 * FORK/1 (appendix of PROTOCOL.md), as the worker's side has it: what is said between
 * the template and the user's program that forks its slots. Short texts over a
 * SOCK_SEQPACKET pair; the program is not trusted to say what it should.
 */
#ifndef FANFOLD_WORKER_FORK_LINK_H
#define FANFOLD_WORKER_FORK_LINK_H

#include <stdint.h>
#include <sys/types.h>

enum { FORK_STREAMS = 3, FORK_TEXT_MAX = 512 };

enum fork_word {
    FORK_NOTHING,  /* not within the time */
    FORK_GONE,     /* the program has closed its end */
    FORK_READY,    /* it is prepared */
    FORK_SLOT,     /* a slot was forked: pid */
    FORK_ERROR,    /* it could not be */
    FORK_NONSENSE, /* anything else */
};

struct fork_answer {
    enum fork_word word;
    uint32_t slot; /* from 1; of FORK_SLOT and FORK_ERROR */
    pid_t pid;
    char text[FORK_TEXT_MAX]; /* printable: why not, or else all that was said */
};

/* Asks for a slot (from 1) with these as its stdin, stdout and stderr. 0 or -errno;
 * never waits. */
int fork_link_request(int link, uint32_t slot, const int streams[FORK_STREAMS]);

/* What the program says within so many milliseconds. */
void fork_link_take(int link, int wait_ms, struct fork_answer *ret_answer);

#endif
