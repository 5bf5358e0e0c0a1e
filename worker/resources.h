/* SPDX-License-Identifier: MIT */
/*
 * The worker's parts, opened in the one order that works, the user's code before any
 * thread or socket, and closed in the other.
 */
#ifndef FANFOLD_WORKER_RESOURCES_H
#define FANFOLD_WORKER_RESOURCES_H

#include "common/keys/key_source.h"
#include "common/net/uplink.h"
#include "common/process/runtime_dir.h"
#include "common/service/service_manager.h"
#include "worker/identity.h"
#include "worker/options.h"
#include "worker/outbox.h"
#include "worker/program/program.h"
#include "worker/session/session.h"
#include "worker/task/chunk_file.h"
#include "worker/task/strip_frame.h"

struct resources {
    struct service_manager manager;
    struct identity identity;
    struct runtime_dir *runtime_dir; /* NULL: the options have an endpoint */
    const char *tasks;               /* the ventilator's endpoint */
    const char *results;             /* where results go; NULL: where the sink says */
    struct keys keys;
    bool keyed;         /* tcp links have keys */
    struct curve curve; /* of the uplink */
    struct program *program;
    enum strip_frame strip; /* how it gets its records */
    int signals;            /* descriptor; -1: none */
    struct uplink *uplink;
    struct payload_codec *codec;
    int root; /* below which it reads chunks; -1: nowhere, or `files` has it */
    struct chunk_files *files;       /* of chunks by reference */
    struct part_writer *part_writer; /* NULL: none, or `outbox` has it */
    struct outbox *outbox;
    struct session *session;
    int64_t leave_us; /* before the walltime ends: see walltime.h */
};

/* STATUS_OK, or the status to leave with, which has been explained to a person. Either
 * way resources_close is to be called. */
int resources_open(struct resources *resources, const struct worker_options *options,
                   const struct program_events *events);
/* `hurry`: it does not wait for whoever reads our stderr. */
void resources_close(struct resources *resources, bool hurry);

#endif
