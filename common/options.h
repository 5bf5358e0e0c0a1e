/* SPDX-License-Identifier: MIT */
/*
 * The options that all roles share, and the one way to parse options: argp, in order
 * (the first word that is no option starts the command; "--" is optional). A usage
 * error exits with status 2 and names the option, the value and what is expected.
 */
#ifndef FANFOLD_COMMON_OPTIONS_H
#define FANFOLD_COMMON_OPTIONS_H

#include "common/log.h"
#include "common/ports.h"
#include "common/timing.h"
#include <argp.h>
#include <stdint.h>

/* The values of --tasks, --results, --name, --port-range, --interface, --keys,
 * --insecure, --liveness, --patience, --quiet and --log-level. */
struct common_options {
    const char *tasks;       /* NULL: the one in the run's directory */
    const char *results;     /* likewise */
    const char *name;        /* NULL: no --name */
    struct port_range ports; /* from which "*" is chosen */
    const char *range;       /* as it was given; NULL: it was not */
    const char *interface;   /* for a host of "*"; NULL: all */
    const char *keys;        /* NULL: no --keys; see common/keys/key_source.h */
    bool insecure;
    bool quiet;
    bool supervised; /* hidden: another program tells the person why the run ended */
    enum log_level log_level;
    int64_t liveness_us; /* default LIVENESS_S */
    int64_t patience_us; /* < 0: not given */
};

/* What each program's --help says of values, once. */
#define OPTIONS_UNITS                                                                  \
    "SIZE is in bytes, or with K M G T (powers of 1024) or k m g t (powers of 1000). " \
    "DURATION is in seconds, or with us ms s m h d, as in 500ms or 1h30m."

#define COMMON_OPTIONS_DEFAULT                                                     \
    {                                                                              \
        .log_level = LOG_LEVEL_WARN, .liveness_us = LIVENESS_S * INT64_C(1000000), \
        .patience_us = -1, .ports = {                                              \
            PORT_FIRST,                                                            \
            PORT_LAST                                                              \
        }                                                                          \
    }

/* A range of ports is of no use where no endpoint has a port of *: ends the program. */
void options_check_range(const struct argp_state *state,
                         const struct common_options *options);

/* Likewise an interface, where no endpoint has a host of *. */
void options_check_interface(const struct argp_state *state,
                             const struct common_options *options);

/* An option, and whether it does anything beside the others. */
struct option_use {
    const char *option; /* as a person writes it */
    bool given, serves;
    const char *use; /* "--x is for USE" */
};

/* The first that is given and does nothing: "--x is for USE", which lives until the
 * next call; NULL: there is none. */
const char *options_find_idle(const struct option_use *uses, size_t count);

/* Reads one of the shared options. A role's parser calls it for a key that is not its
 * own. ARGP_ERR_UNKNOWN: the key is not a shared one either. */
error_t options_parse_common(int key, char *value, const struct argp_state *state,
                             struct common_options *options);

/*
 * Parses; on --help, --version and usage errors it exits itself (0, 0, 2), as argp
 * does. `ret_rest` is the index of the first word that is no option. If there is such a
 * word, argp does not report ARGP_KEY_END: check for required options after this
 * returns.
 */
void options_parse(const struct argp *argp, int argc, char **argv, int *ret_rest,
                   void *input);

/* The value of an option; a wrong one ends the program by options_bad. A size is at
 * least 1 byte. */
uint64_t options_number(const struct argp_state *state, const char *option,
                        const char *value, uint64_t min, uint64_t max,
                        const char *expected);
uint64_t options_size(const struct argp_state *state, const char *option,
                      const char *value, uint64_t max, const char *expected);
/* Of all options whose value is a duration, or has one in it: at least `min_us`. */
int64_t options_duration_us(const struct argp_state *state, const char *option,
                            const char *value, int64_t min_us, const char *expected);
/* An endpoint, with `port` where it has none; the text lives as long as the program. */
const char *options_endpoint(const struct argp_state *state, const char *option,
                             const char *value, unsigned port);
/* Values that the launcher checks before it passes the text on. */
int64_t options_liveness_us(const struct argp_state *state, const char *value);
int64_t options_patience_us(const struct argp_state *state, const char *value);
int64_t options_drain_before_us(const struct argp_state *state, const char *value);
/* Of --on-lost=wait=DURATION; false: it is another word. */
bool options_wait_us(const struct argp_state *state, const char *value,
                     int64_t *ret_us);
struct port_range options_ports(const struct argp_state *state, const char *value);
const char *options_interface(const struct argp_state *state, const char *value);
enum log_level options_log_level(const struct argp_state *state, const char *value);

/* "fanfold-sink: --tmpdir: '/nowhere': expected a directory" and exit status 2;
 * `option` as a person writes it, "--tmpdir" or "-j". */
void options_bad(const struct argp_state *state, const char *option, const char *value,
                 const char *expected) __attribute__((noreturn));

#endif
