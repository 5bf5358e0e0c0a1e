/* SPDX-License-Identifier: MIT */
/* Which hosts a person wants: those of -S, and those of a file, which is read again
 * when it changes. */
#ifndef FANFOLD_DEPLOY_SSH_LOGIN_SOURCE_H
#define FANFOLD_DEPLOY_SSH_LOGIN_SOURCE_H

#include "deploy/ssh/login.h"
#include "deploy/ssh/ssh_config.h"
#include <stdint.h>
#include <sys/stat.h>

struct login_source {
    const struct ssh_workers_config *config;
    struct stat stamp; /* of the file, as it was read */
    struct stat seen;  /* at the last look: who writes it may not be ready */
    int64_t look_us;   /* when it is looked at again */
};

/* Reads all; false after a sentence for a person. */
bool login_source_open(struct login_source *source,
                       const struct ssh_workers_config *config,
                       struct login_list *list);
/* True: the file has changed, and these are all that are wanted now. A file that is
 * wrong, or gone, changes nothing. */
bool login_source_look(struct login_source *source, int64_t now_us,
                       struct login_list *ret_wanted);

/* The text of a file, cut at `max` bytes, on the heap; NULL with errno. */
char *text_file_read(const char *path, size_t max);

#endif
