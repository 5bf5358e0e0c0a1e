/* SPDX-License-Identifier: MIT */
/*
 * The launcher's command line. The table of options says which roles own an option. An
 * option with one owner is checked by that role alone.
 */
#ifndef FANFOLD_DEPLOY_LOCAL_ARGUMENTS_H
#define FANFOLD_DEPLOY_LOCAL_ARGUMENTS_H

#include "deploy/local/role.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct option_row {
    int key;
    int means; /* the key of the option that it is an alias of; else its own */
    const char *name;
    unsigned owners; /* roles that get it; 0: the launcher's own */
};

struct arguments {
    struct passed {
        const struct option_row *row;
        const char *value; /* NULL: it takes none */
    } * passed;            /* all, in the order of the command line */
    size_t count;
    const char *tasks;   /* NULL: in the private directory alone */
    const char *results; /* likewise */
    bool insecure;
    bool plugin; /* --plugin: no command is needed */
    bool quiet;
    uint32_t slurm;       /* jobs of Slurm instead of a worker here, at most; 0: none */
    uint32_t slurm_least; /* and at least */
    enum { SAID_NOTHING, SAID_YES, SAID_NO } progress;
    char **command;
};

/* 0, or an exit status after a line for a person. On --help, --version and unknown
 * options it exits itself, as options_parse does. Borrows the words of argv. */
int arguments_parse(struct arguments *arguments, int argc, char **argv);
void arguments_deinit(struct arguments *arguments);

/* Whether some role gets it. */
bool passed_to_some(const struct passed *passed);
/* Whether this role gets it. */
bool passed_to(const struct passed *passed, enum role role);
/* The long name of the option. */
const char *passed_name(const struct passed *passed);

/* The last value of the option of this long name; NULL: it was not given. */
const char *arguments_value(const struct arguments *arguments, const char *name);

/* The option has this value. */
bool arguments_value_is(const struct arguments *arguments, const char *name,
                        const char *what);
/* An endpoint as given, if other hosts reach it; the roles of this host meet in the
 * private directory. NULL: they do not, or it was not given. */
const char *arguments_public(const char *given);

/* The files that the command line names as input, in order, "-" for standard input; on
 * the heap, ended by NULL. If there are none, the input is standard input. */
const char **arguments_inputs(const struct arguments *arguments);

/* Whether the option of this long name was given. */
bool arguments_has(const struct arguments *arguments, const char *name);
/* Whether a process minds workers that ssh starts, by -S or a file of hosts. */
bool arguments_remote(const struct arguments *arguments);
/* Whether the input is messages of other programs, which has no end of its own. */
bool arguments_take_messages(const struct arguments *arguments);
/* Whether the output is messages to other programs, and no file. */
bool arguments_give_messages(const struct arguments *arguments);
/* Whether the run searches for bad records, some of which may end a worker. */
bool arguments_isolate(const struct arguments *arguments);

/* Whether the run shows a line of progress. Without an option: if standard error is a
 * terminal and the output is not. */
bool arguments_show_progress(const struct arguments *arguments);

#endif
