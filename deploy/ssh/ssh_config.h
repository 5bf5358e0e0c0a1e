/* SPDX-License-Identifier: MIT */
/* What the command line says of workers on other hosts. Plain data, borrowed. */
#ifndef FANFOLD_DEPLOY_SSH_SSH_CONFIG_H
#define FANFOLD_DEPLOY_SSH_SSH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

struct ssh_workers_config {
    const char *const *logins; /* values of --sshlogin */
    size_t login_count;
    const char *login_file;      /* --sshloginfile; NULL: none */
    const char *ssh;             /* a command of the shell's */
    const char *remote_bin;      /* NULL: as here */
    const char *local_worker;    /* the path of fanfold-worker here */
    const char *workdir;         /* on each host; NULL: none */
    const char *const *transfer; /* files that each host is given first */
    size_t transfer_count;
    bool tunnel;               /* the links go through ssh */
    bool copy_self;            /* a host that has no fanfold-worker is given this one */
    const char *endpoint_file; /* the ventilator's */
    const char *key_file;      /* of a worker; NULL: what the endpoint file names */
    const char *tasks, *results; /* this host's sockets, for a tunnel: paths */
    const char *const *options;  /* of the workers, ended by NULL */
    char *const *command;        /* likewise */
    int alive_fd;                /* written to when the first task is done; -1: none */
    bool quiet;
};

#endif
