/* SPDX-License-Identifier: MIT */
/* What the command line of fanfold-ventilator says. */
#ifndef FANFOLD_VENTILATOR_OPTIONS_H
#define FANFOLD_VENTILATOR_OPTIONS_H

#include "common/options.h"
#include "ventilator/chunker.h"
#include "ventilator/dispatch.h"
#include "ventilator/record_options.h"

struct ventilator_options {
    struct common_options common;
    const char **inputs; /* in order; "-" is standard input; NULL: that alone */
    uint32_t input_count;
    bool whole_files;
    bool as_it_is;            /* what is compressed is not decompressed */
    uint32_t header_lines;    /* 0: none */
    int64_t block_timeout_us; /* 0: none */
    bool dry_run;
    struct record_options records; /* which are settled in the chunker's format */
    struct chunker_config chunker;
    uint32_t header_out;   /* lines of each result that are a header; 0: none */
    uint64_t block_most;   /* bytes of a chunk that is more than one record */
    uint32_t window;       /* tasks; 0: not given */
    uint64_t buffer_bytes; /* the run's, of which the sink has half */
    uint32_t retries;
    enum on_error on_error;
    struct halt halt;
    uint32_t limit_ms;      /* of an attempt; 0: none */
    uint32_t limit_percent; /* of the median run time; 0: none */
    bool speculate;
    bool resume;
    const char *job_log; /* a file, with a + before it to append; NULL: none */
    uint32_t min_workers;
    bool progress;
    bool progress_said; /* by an option */
};

/* Fills all of `ret_options`, whose strings live as long as argv; to be given to
 * ventilator_options_deinit. On --help, --version and bad usage it exits, as
 * options_parse does. False: words that are no option, or options that contradict each
 * other, which the person was told. */
bool ventilator_options_parse(int argc, char **argv,
                              struct ventilator_options *ret_options);
void ventilator_options_deinit(struct ventilator_options *options);

#endif
