/* SPDX-License-Identifier: MIT */
/*
 * Opens what the sink needs in the one order in which nothing is lost when a later one
 * refuses, and closes it in the other. run_files takes the output and the commit
 * process.
 */
#ifndef FANFOLD_SINK_RESOURCES_H
#define FANFOLD_SINK_RESOURCES_H

#include "common/keys/key_source.h"
#include "common/net/uplink.h"
#include "common/net/zap.h"
#include "sink/endpoints.h"
#include "sink/journal/commit_process.h"
#include "sink/journal/resume.h"
#include "sink/options.h"
#include "sink/parts/part_files.h"
#include "sink/result/intake.h"
#include "sink/sender/sender_child.h"
#include "sink/stall_watch.h"

struct resources {
    struct keys keys;
    struct keys keys_out; /* of an output that is messages */
    struct zap *zap;      /* NULL: no link has keys, and nobody may come for messages */
    struct curve curve;   /* of the uplink */
    struct endpoints *endpoints;
    struct output *output; /* NULL once it is taken */
    struct resume_point resume;
    struct commit_process *commit_process; /* NULL: no journal, or taken */
    struct stall_watch *stall_watch;
    struct result_memory *memory;
    struct part_files *part_files; /* NULL: results go to the output */
    struct intake *intake;
    struct uplink *uplink;
    struct sender_child sender; /* of a spool's records; pid 0: there is none */
    bool transport;             /* transport_init was called */
    int signals;                /* signalfd, -1: none */
};

/* STATUS_OK, or the status to leave with, after a sentence for a person. The caller
 * calls resources_close either way. */
int resources_open(struct resources *resources, const struct sink_options *options);
/* Looks after the endpoint of results and the keys; returns when it must be called
 * again. */
int64_t resources_tick(struct resources *resources, int64_t now_us);
/* Closes the sockets and releases the endpoints. The caller does this before it closes
 * the output: a second sink that waits for the output then finds the endpoints free. */
void resources_disconnect(struct resources *resources);
void resources_close(struct resources *resources);

#endif
