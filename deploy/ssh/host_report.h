/* SPDX-License-Identifier: MIT */
/* The lines about hosts, for a person. */
#ifndef FANFOLD_DEPLOY_SSH_HOST_REPORT_H
#define FANFOLD_DEPLOY_SSH_HOST_REPORT_H

#include "deploy/ssh/connection.h"
#include "deploy/ssh/ssh_config.h"

struct host_report {
    const struct login *login;
    enum placement_notice notice;
    const struct connection *connection; /* that the notice is of */
    bool some_left;                      /* other hosts, if this one is given up */
};

void host_report_say(const struct host_report *report,
                     const struct ssh_workers_config *config);

#endif
