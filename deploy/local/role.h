/* SPDX-License-Identifier: MIT */
/* The three programs that the launcher starts, in this order. Where several have ended,
 * it handles their ends in this order too, the worker's last. */
#ifndef FANFOLD_DEPLOY_LOCAL_ROLE_H
#define FANFOLD_DEPLOY_LOCAL_ROLE_H

/* X(NAME, folder in the build tree, program) */
#define ROLES(X)                                      \
    X(VENTILATOR, "ventilator", "fanfold-ventilator") \
    X(SINK, "sink", "fanfold-sink")                   \
    X(WORKER, "worker", "fanfold-worker")

enum role {
#define X(name, folder, program) ROLE_##name,
    ROLES(X)
#undef X
        ROLE_COUNT
};

static const char *const role_folders[ROLE_COUNT] = {
#define X(name, folder, program) folder,
    ROLES(X)
#undef X
};

static const char *const role_programs[ROLE_COUNT] = {
#define X(name, folder, program) program,
    ROLES(X)
#undef X
};

#endif
