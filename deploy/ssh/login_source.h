/* SPDX-License-Identifier: MIT */
/* Which hosts a person wants: those of -S, and those of a file, which is read again
 * when it changes, by a process of its own: a file system may take minutes. */
#ifndef FANFOLD_DEPLOY_SSH_LOGIN_SOURCE_H
#define FANFOLD_DEPLOY_SSH_LOGIN_SOURCE_H

#include "common/helper/helper_process.h"
#include "deploy/ssh/login.h"
#include "deploy/ssh/ssh_config.h"
#include <sys/stat.h>

struct login_source {
    const struct ssh_workers_config *config;
    struct stat stamp;            /* of the file, as it was read */
    struct helper_process helper; /* looks at it */
    char *text;                   /* what has come of its new text; NULL: nothing */
    size_t size;
};

/* Reads all; false after a sentence for a person. */
bool login_source_open(struct login_source *source,
                       const struct ssh_workers_config *config,
                       struct login_list *list);
/* Starts to look for changes; false after a sentence for a person. */
bool login_source_watch(struct login_source *source);
/* Readable when there is something to look at; -1: nothing will be. */
int login_source_fd(const struct login_source *source);
/* True: the file has changed, and these are all that are wanted now. A file that is
 * wrong, or gone, changes nothing. Does not wait. */
bool login_source_look(struct login_source *source, struct login_list *ret_wanted);
void login_source_close(struct login_source *source);

/* The text of a file, cut at `max` bytes, on the heap; NULL with errno. */
char *text_file_read(const char *path, size_t max);

#endif
