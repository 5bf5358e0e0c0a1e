/* SPDX-License-Identifier: MIT */
/* The options of fanfold-sink. */
#ifndef FANFOLD_SINK_OPTIONS_H
#define FANFOLD_SINK_OPTIONS_H

#include "common/options.h"
#include <stdbool.h>

struct sink_options {
    struct common_options common;
    const char *output;    /* NULL: standard output */
    const char *tmpdir;    /* NULL: beside the output, else /var/tmp */
    const char *advertise; /* NULL: the endpoint that is bound */
    const char *letters;   /* NULL: beside the output, else in the working directory */
    bool unordered;
    bool resume;
    bool no_letters; /* hidden: whoever started this knows that there will be none */
    uint64_t max_result_bytes;
};

/* Strings are argv's. Exits on --help, --version and usage errors. */
void sink_options_parse(int argc, char **argv, struct sink_options *ret_options);

#endif
