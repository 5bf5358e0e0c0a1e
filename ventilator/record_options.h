/* SPDX-License-Identifier: MIT */
/* The options that say what a record is: --format, --fixed, -L, -0, --recstart,
 * --recend and --regexp. Each is kept as it was said; together they make a format. */
#ifndef FANFOLD_VENTILATOR_RECORD_OPTIONS_H
#define FANFOLD_VENTILATOR_RECORD_OPTIONS_H

#include "ventilator/chunker.h"
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

/* A child parser; its input is a struct record_options. */
extern const struct argp record_argp;

/* Sets the format of `config`, whose other fields are settled. False: options
 * contradict each other, or an expression is wrong, which the person was told. */
bool record_options_settle(const struct record_options *options,
                           struct chunker_config *config);

#endif
