/* SPDX-License-Identifier: MIT */
/* The ventilator's side of the process that receives (receiver.h). */
#ifndef FANFOLD_VENTILATOR_SOURCE_RECEIVE_RECEIVER_CHILD_H
#define FANFOLD_VENTILATOR_SOURCE_RECEIVE_RECEIVER_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct receiver_child {
    pid_t pid;    /* 0: there is none */
    int commands; /* pipes; both do not block */
    int notices;
    bool ready, ended;
    bool counts;              /* the two numbers below follow */
    uint64_t first, next;     /* once it is ready: the entry that no run has committed,
                                 and the one that comes next */
    bool dropped;             /* a message, which nobody keeps */
    bool explains;            /* a reason why it fails follows */
    bool failed;              /* it is gone, and the reason is whole */
    uint64_t committed, told; /* the newest, and as far as it was told */
    bool drains, drain_told;
    bool lost, lost_told;
    int status;       /* with which it ended, once it failed */
    char reason[512]; /* why it failed */
    size_t reason_size;
};

/* Starts it with the arguments of this program. 0 or -errno. It ends when we do. */
int receiver_child_start(struct receiver_child *child, char *const *arguments);
/* Waits until it is ready, or has failed. */
bool receiver_child_wait(struct receiver_child *child);
/* Reads what it says, and tells it what it could not be told before. */
void receiver_child_settle(struct receiver_child *child);
void receiver_child_commit(struct receiver_child *child, uint64_t number);
void receiver_child_drain(struct receiver_child *child);
/* A run has committed what the spool has not: no other may use it. */
void receiver_child_lose(struct receiver_child *child);
/* Ends it, when it has answered and synced what it has. */
void receiver_child_stop(struct receiver_child *child);

#endif
