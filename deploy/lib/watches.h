/* SPDX-License-Identifier: MIT */
/* What a caller polls: one descriptor that is readable while one of those that are
 * watched is ready, or an event is set. */
#ifndef FANFOLD_DEPLOY_LIB_WATCHES_H
#define FANFOLD_DEPLOY_LIB_WATCHES_H

#include <stdbool.h>

struct watches {
    int fd; /* what is polled; -1: none */
    int event_fd;
    bool event_set;
};

/* One descriptor among those that are watched. */
struct watch {
    int fd; /* -1: it is not watched */
};

/* 0 or -errno; `watches_close` in any case. */
int watches_open(struct watches *watches);
void watches_close(struct watches *watches);
/* 0 or -errno; a watch that stands is left as it is. */
int watches_add(struct watches *watches, struct watch *watch, int fd, bool for_writing);
/* Call it before the descriptor is closed; a watch that does not stand is no error. */
void watches_remove(struct watches *watches, struct watch *watch);
bool watch_stands(const struct watch *watch);
void watches_set_event(struct watches *watches, bool set);

#endif
