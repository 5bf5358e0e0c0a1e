/* SPDX-License-Identifier: MIT */
/*
 * The launcher's command line, and the ones that it makes of it for the three roles.
 * One table says which option belongs to whom; what has one owner is judged by it
 * alone.
 */
#ifndef FANFOLD_DEPLOY_LOCAL_ARGUMENTS_H
#define FANFOLD_DEPLOY_LOCAL_ARGUMENTS_H

#include "deploy/local/role.h"
#include <stdbool.h>
#include <stddef.h>

struct option_row;

struct arguments {
    struct passed {
        const struct option_row *row;
        const char *value; /* NULL: it takes none */
    } * passed;            /* in the order in which they were given */
    size_t count;
    const char *tasks;   /* NULL: in the private directory */
    const char *results; /* the same */
    bool insecure;
    bool plugin; /* --plugin: no command is needed */
    bool quiet;
    enum { SAID_NOTHING, SAID_YES, SAID_NO } progress;
    char **command;
};

/* 0, or an exit status after a line for a person. On --help, --version and unknown
 * options it exits by itself, as options_parse does. The words of argv are borrowed. */
int arguments_parse(struct arguments *arguments, int argc, char **argv);
void arguments_deinit(struct arguments *arguments);

/* The value that was given last for the option of this long name; NULL: none. */
const char *arguments_value(const struct arguments *arguments, const char *name);

/* The files that it names as input, in order, "-" for standard input; heap, ended by
 * NULL. None: standard input alone. */
const char **arguments_inputs(const struct arguments *arguments);

/* Whether the option of this long name was given. */
bool arguments_has(const struct arguments *arguments, const char *name);
/* Whether bad records are looked for, some of which may end a worker. */
bool arguments_isolate(const struct arguments *arguments);

/* Whether a line of progress is shown: where nothing was said, where standard error is
 * a terminal and no output goes to one. */
bool arguments_show_progress(const struct arguments *arguments);

/* What only the run knows. */
struct run_words {
    const char *tasks; /* the endpoints where none was given */
    const char *results;
    int alive_fd;  /* the worker's */
    bool progress; /* it is shown, by the ventilator */
};

/* The role's argv, ended by NULL; to be given to arguments_free_words. */
char **arguments_for(const struct arguments *arguments, enum role role,
                     const struct run_words *run);
void arguments_free_words(char ***words_p);

/* The endpoint by which a program on this host reaches one that was bound:
 * "tcp://127.0.0.1:5557" for "tcp://STAR:5557" or "tcp://0.0.0.0:5557". Heap. */
char *endpoint_from_here(const char *bound);

#endif
