/* SPDX-License-Identifier: MIT */
/*
 * The sink's parts, opened in the one order in which nothing is lost when a later one
 * refuses, and closed in the other.
 */
#ifndef FANFOLD_SINK_PARTS_H
#define FANFOLD_SINK_PARTS_H

#include "common/uplink.h"
#include "sink/committer.h"
#include "sink/intake.h"
#include "sink/meeting.h"
#include "sink/outset.h"

struct parts {
    struct meeting *meeting;
    struct output *output; /* NULL once it is closed */
    struct outset outset;
    struct committer *committer; /* NULL: there is no journal, or it has ended */
    struct store *store;
    struct intake *intake;
    struct uplink *uplink;
    bool transport; /* transport_init was called */
    int signals;    /* signalfd, -1: none */
};

/* STATUS_OK, or the status to leave with, which has been explained to a person. Either
 * way parts_close is to be called. */
int parts_open(struct parts *parts, const struct sink_options *options);
void parts_close(struct parts *parts);

#endif
