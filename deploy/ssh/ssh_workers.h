/* SPDX-License-Identifier: MIT */
/*
 * Starts workers on other hosts, one ssh a host, by the user's own ssh, and minds them.
 * It stands where the worker of this host stands in a run: a process that ends when the
 * workers have heard of the run's end, and is told by signals to leave.
 */
#ifndef FANFOLD_DEPLOY_SSH_SSH_WORKERS_H
#define FANFOLD_DEPLOY_SSH_SSH_WORKERS_H

#include "deploy/ssh/ssh_config.h"

/* Whether the logins can be read; a sentence for a person if not. */
bool ssh_workers_check(const struct ssh_workers_config *config);
/* Runs to the end; returns an exit status. */
int ssh_workers_run(const struct ssh_workers_config *config);

#endif
