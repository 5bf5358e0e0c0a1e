/* SPDX-License-Identifier: MIT */
/* Where the run is, and with which key: what a ventilator wrote by --endpoint-file. */
#ifndef FANFOLD_DEPLOY_SSH_ENDPOINT_FILE_H
#define FANFOLD_DEPLOY_SSH_ENDPOINT_FILE_H

#include "deploy/ssh/ssh_config.h"
#include <sys/types.h>

/*
 * Waits for the file, which the ventilator writes as soon as it is bound, or until
 * there is something to read at `signals`. STATUS_OK: *ret_endpoint, on the heap, or
 * NULL: a signal came first; *ret_key, the text of a worker's certificate, or NULL:
 * links have none. Else the status to leave with, after a sentence for a person.
 */
int endpoint_file_await(const struct ssh_workers_config *config, int signals,
                        char **ret_endpoint, char **ret_key);

/* Removes the file (NULL: none) if it is still that of this ventilator, which was
 * killed and so could not do it. */
void endpoint_file_sweep(const char *path, pid_t ventilator);

#endif
