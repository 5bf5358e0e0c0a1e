/* SPDX-License-Identifier: MIT */
/* The command lines that the launcher makes of its own for the roles. */
#ifndef FANFOLD_DEPLOY_LOCAL_ROLE_WORDS_H
#define FANFOLD_DEPLOY_LOCAL_ROLE_WORDS_H

#include "deploy/local/arguments.h"

/* The parts of a role's command line that come from the run. */
struct run_words {
    const char *tasks; /* where the roles of this host meet: in the private directory */
    const char *results;
    int alive_fd;           /* the worker's */
    int places_fd;          /* the ventilator's; below 1: nobody places workers */
    bool progress;          /* the ventilator shows it */
    const char *ready_file; /* that the ventilator writes; NULL: none */
    const char *keys;       /* a directory of them; NULL: none of the run's own */
    const char *join_key;   /* the file that workers on other hosts need; NULL: none */
    const char *join_words; /* for the ventilator: see join_words; NULL: not known */
    const char *letters;    /* the sink's dead letters are private there; NULL: not */
    const char *rerun;      /* for the sink: see rerun_words; NULL: not known */
};

/* The role's argv, ended by NULL; free it with role_words_free. */
char **role_words(const struct arguments *arguments, enum role role,
                  const struct run_words *run);
void role_words_free(char ***words_p);

/* What a person knows the role's process by. */
const char *role_name(const struct arguments *arguments, enum role role);

#endif
