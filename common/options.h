/* SPDX-License-Identifier: MIT */
/*
 * The options that all roles share, and the one way in which options are parsed: argp,
 * in order (the first word that is no option starts the command; "--" optional), exit
 * status 2 for a usage error, which names the option, the value and what is expected.
 */
#ifndef FANFOLD_COMMON_OPTIONS_H
#define FANFOLD_COMMON_OPTIONS_H

#include "common/log.h"
#include <argp.h>
#include <stdint.h>

/* --tasks, --results, --name, --insecure, --liveness, --patience, --quiet, --log-level
 */
struct common_options {
    const char *tasks;   /* NULL: the default place's */
    const char *results; /* NULL: the default place's */
    const char *name;    /* NULL: no --name */
    bool insecure;
    bool quiet;
    bool supervised; /* hidden: another program tells the person why the run ended */
    enum log_level log_level;
    int64_t liveness_us; /* default 10 s */
    int64_t patience_us; /* < 0: not given */
};

#define COMMON_OPTIONS_DEFAULT                                                  \
    {                                                                           \
        .log_level = LOG_LEVEL_WARN, .liveness_us = 10000000, .patience_us = -1 \
    }

/* A child parser; its input is a struct common_options. A program's parser sets
 * state->child_inputs[i] in ARGP_KEY_INIT. */
extern const struct argp common_argp;

/* Keys of own long options start here; common ones lie below 0x400. */
enum { OPTION_KEY_FIRST = 0x400 };

/*
 * Parses; on --help, --version and usage errors it exits by itself (0, 0, 2), as argp
 * does. `ret_rest` is the index of the first word that is no option. Where there is
 * such a word, argp does not say ARGP_KEY_END: check what must be given after this
 * returns.
 */
void options_parse(const struct argp *argp, int argc, char **argv, int *ret_rest,
                   void *input);

/* The value of an option; a wrong one ends the program as options_bad does. Sizes begin
 * at 1 byte. */
uint64_t options_number(const struct argp_state *state, const char *option,
                        const char *value, uint64_t min, uint64_t max,
                        const char *expected);
uint64_t options_size(const struct argp_state *state, const char *option,
                      const char *value, uint64_t max, const char *expected);
/* Those of the common options, for who passes them on unread. */
int64_t options_liveness_us(const struct argp_state *state, const char *value);
int64_t options_patience_us(const struct argp_state *state, const char *value);
enum log_level options_log_level(const struct argp_state *state, const char *value);

/* "fanfold-sink: --tmpdir: '/nowhere': expected a directory" and exit status 2;
 * `option` as a person writes it, "--tmpdir" or "-j". */
void options_bad(const struct argp_state *state, const char *option, const char *value,
                 const char *expected) __attribute__((noreturn));

#endif
