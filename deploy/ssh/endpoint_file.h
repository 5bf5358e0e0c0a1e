/* SPDX-License-Identifier: MIT */
/* Reads what a ventilator wrote by --endpoint-file. */
#ifndef FANFOLD_DEPLOY_SSH_ENDPOINT_FILE_H
#define FANFOLD_DEPLOY_SSH_ENDPOINT_FILE_H

#include <stdbool.h>

struct endpoint_file {
    char *tasks;    /* the first endpoint */
    char *key_file; /* NULL: none */
};

/* False: it is not there yet, or has no endpoint. */
bool endpoint_file_read(const char *path, struct endpoint_file *ret_file);
void endpoint_file_deinit(struct endpoint_file *file);

#endif
