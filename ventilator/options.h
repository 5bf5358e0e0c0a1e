/* SPDX-License-Identifier: MIT */
/* The command line of fanfold-ventilator. */
#ifndef FANFOLD_VENTILATOR_OPTIONS_H
#define FANFOLD_VENTILATOR_OPTIONS_H

#include "common/options.h"
#include "ventilator/message_options.h"
#include "ventilator/record_options.h"
#include "ventilator/scheduler/dispatch.h"
#include "ventilator/source/chunker.h"

struct ventilator_options {
    struct common_options common;
    const char *endpoint_file; /* NULL: none */
    const char *ready_file;    /* hidden: the same, for whoever starts workers */
    const char *join_key;     /* hidden: the file of the run's worker key; NULL: none */
    const char *join_words;   /* hidden: options and command of a worker; NULL: the
                                 person knows how workers join */
    int places_fd;            /* hidden: see places.h; -1: none */
    const char *public_tasks; /* hidden: bound too, for other hosts; NULL: none */
    const char **inputs;      /* in order; "-" is standard input; NULL: that alone */
    uint32_t input_count;
    bool whole_files;
    bool no_decompress;       /* compressed input stays compressed */
    uint32_t header_lines;    /* 0: none */
    int64_t block_timeout_us; /* 0: none */
    int64_t block_eager_us;   /* likewise, while a slot is free; 0: no less */
    bool block_timeout_said;  /* by an option of this name */
    bool latency_said;        /* --latency said it */
    bool linger_said;         /* --linger did */
    bool at_once;             /* nothing waits while a slot is free: of messages */
    struct message_options messages;
    int committed_fd;    /* see report/committed_line.h; -1: none */
    char **arguments;    /* argv, for the process that receives messages into a spool */
    bool from_committed; /* a run that resumes begins with what its feeder sends */
    bool dry_run;
    bool records_said;             /* an option says what a record is */
    struct record_options records; /* of which the chunker's format is made */
    bool strip_frame; /* workers give programs each record of frames alone */
    bool block_said;
    struct chunker_config chunker;
    uint32_t header_out;   /* lines of each result that are a header; 0: none */
    uint64_t block_most;   /* bytes of a chunk that is more than one record */
    uint32_t window;       /* tasks; 0: not given */
    uint64_t buffer_bytes; /* of the run; the sink has the larger share */
    uint32_t retries;
    enum on_error on_error;
    struct halt halt;
    uint32_t limit_ms;      /* of an attempt; 0: none */
    uint32_t limit_percent; /* of the median run time; 0: none */
    bool speculate;
    bool resume;
    enum payload_compression compression; /* of links between hosts */
    bool by_value;       /* workers never read a file's chunks by themselves */
    bool by_reference;   /* those on other hosts do, too, below the root */
    const char *root;    /* NULL: none */
    const char *job_log; /* a file, with a + before it to append; NULL: none */
    uint32_t min_workers;
    bool progress;
    bool progress_said; /* an option said so, or not */
};

/* Fills all of `ret_options`, whose strings live as long as argv; the caller gives it
 * to ventilator_options_deinit. On --help, --version and bad usage it exits, as
 * options_parse does. False: arguments that are no option, or options that contradict
 * each other; it has said so. */
bool ventilator_options_parse(int argc, char **argv,
                              struct ventilator_options *ret_options);
/* What the options mean together, once each is read: fills in what follows from others.
 * False: they contradict each other, and it has said so. */
bool ventilator_options_settle(struct ventilator_options *options);
/* What they mean for the scheduler. `keeps_bytes` is as in the config; the sink has
 * `sink_share` of --buffer. */
struct dispatch_config dispatch_config_of(const struct ventilator_options *options,
                                          bool keeps_bytes, uint64_t sink_share);
void ventilator_options_deinit(struct ventilator_options *options);

#endif
