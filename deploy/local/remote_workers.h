/* SPDX-License-Identifier: MIT */
/* What a run with -S has in place of the worker of this host: deploy/ssh, by the words
 * of the command line. */
#ifndef FANFOLD_DEPLOY_LOCAL_REMOTE_WORKERS_H
#define FANFOLD_DEPLOY_LOCAL_REMOTE_WORKERS_H

#include "deploy/local/arguments.h"
#include "deploy/ssh/ssh_workers.h"

struct remote_workers {
    struct ssh_workers_config config;
    const char **logins;
    const char **transfer;
    char **options; /* of the workers */
    char *key_file;
    char *endpoint_file;
};

/* Fills it in from the command line and the run's private directory. Borrows both, and
 * `worker`, the path of fanfold-worker. */
void remote_workers_init(struct remote_workers *remote,
                         const struct arguments *arguments, const char *private,
                         const char *worker);
void remote_workers_deinit(struct remote_workers *remote);

#endif
