/* SPDX-License-Identifier: MIT */
/* The options that say what a record is: --format, --fixed, -L, -0, --recstart,
 * --recend and --regexp. Holds each as it was given; together they make a format. */
#ifndef FANFOLD_VENTILATOR_RECORD_OPTIONS_H
#define FANFOLD_VENTILATOR_RECORD_OPTIONS_H

#include "ventilator/source/chunker.h"
#include <argp.h>
#include <stdbool.h>

/* All zero: none was given. The strings live as long as argv. */
struct record_options {
    const char *format;
    uint64_t fixed; /* bytes; 0: not given */
    uint64_t lines; /* 0: not given */
    bool null;      /* -0 was given, and no --recend after it */
    const char *start, *end;
    bool regexp;
};

/* Reads one of these options; ARGP_ERR_UNKNOWN: it is another. */
error_t record_options_parse(int key, char *text, const struct argp_state *state,
                             struct record_options *options);

/* Sets the format of `config`, whose other fields are settled. False: options
 * contradict each other, or an expression is wrong; it has said so. */
bool record_options_settle(const struct record_options *options,
                           struct chunker_config *config);

#endif
