/* SPDX-License-Identifier: MIT */
/* The options of fanfold-sink. */
#ifndef FANFOLD_SINK_OPTIONS_H
#define FANFOLD_SINK_OPTIONS_H

#include "common/options.h"
#include "sink/output_options.h"
#include <stdbool.h>

struct sink_options {
    struct common_options common;
    char **arguments;           /* argv, for the process that sends a spool's records */
    const char *output;         /* NULL: standard output */
    const char *tmpdir;         /* NULL: beside the output, else /var/tmp */
    const char *advertise;      /* NULL: where this host can be reached */
    const char *public_results; /* hidden: bound too, for other hosts; NULL: none */
    const char *dead_letters; /* NULL: beside the output, else the working directory */
    bool unordered;
    bool resume;
    bool committed; /* tells how far the output is, and does nothing else */
    struct output_options out;
    bool no_dead_letters;  /* hidden: whoever started the sink expects none */
    bool from_messages;    /* hidden: the input is messages, which nobody keeps */
    uint64_t command_hash; /* hidden: of the run's command and mode; 0: not known */
    const char *rerun; /* hidden: options and command of the run, quoted for a shell,
                          to run its dead letters again; NULL: not known */
    uint64_t max_result_bytes;
};

/* Strings are argv's, or are freed by sink_options_deinit. Exits on --help, --version
 * and usage errors. */
void sink_options_parse(int argc, char **argv, struct sink_options *ret_options);
void sink_options_deinit(struct sink_options *options);

#endif
