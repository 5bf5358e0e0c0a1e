/* SPDX-License-Identifier: MIT */
/* The sink's side of the process that sends (sender.h). */
#ifndef FANFOLD_SINK_SENDER_SENDER_CHILD_H
#define FANFOLD_SINK_SENDER_SENDER_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sender_child {
    pid_t pid;             /* 0: there is none */
    int commands, notices; /* pipes; both do not block */
    uint64_t stored;       /* bytes of the file */
    bool there;            /* somebody receives */
    bool ended;            /* all is stored */
    bool failed;
    int status;       /* valid when failed: the run's */
    char reason[512]; /* likewise: why */
    char line[600];
    size_t line_size;
    bool asked_end;
};

/* Starts it with the arguments of this program. 0 or -errno. It ends when we do. */
int sender_child_start(struct sender_child *child, char *const *arguments);
/* The journal has moved; `all`: no more comes. */
void sender_child_wake(struct sender_child *child, bool all);
/* Reads what it says. */
void sender_child_read(struct sender_child *child);
void sender_child_stop(struct sender_child *child);

#endif
