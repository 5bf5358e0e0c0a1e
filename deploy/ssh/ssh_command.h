/* SPDX-License-Identifier: MIT */
/* The shell's text that this host runs for one login. Pure. */
#ifndef FANFOLD_DEPLOY_SSH_SSH_COMMAND_H
#define FANFOLD_DEPLOY_SSH_SSH_COMMAND_H

#include "deploy/ssh/login.h"
#include "deploy/ssh/ssh_config.h"

struct ssh_tunnel {
    char tasks[64], results[64]; /* paths on the other host */
};

/*
 * On the heap. `script` is for the host's /bin/sh; `tunnel`: NULL: none.
 */
char *ssh_command_text(const struct ssh_workers_config *config,
                       const struct login *login, const char *script,
                       const struct ssh_tunnel *tunnel);

#endif
