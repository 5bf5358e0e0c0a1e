/* SPDX-License-Identifier: MIT */
/* The options of fanfold-sink. */
#ifndef FANFOLD_SINK_OPTIONS_H
#define FANFOLD_SINK_OPTIONS_H

#include "common/net/message_end.h"
#include "common/options.h"
#include "common/records/record_format.h"
#include "sink/output/framing.h"
#include "sink/output/rotation.h"
#include <stdbool.h>

struct sink_options {
    struct common_options common;
    const char *output;          /* NULL: standard output */
    struct message_end messages; /* what `output` means, if to_messages */
    bool to_messages;
    bool envelope;
    uint32_t hwm;
    const char *keys_out;       /* NULL: none */
    const char *tmpdir;         /* NULL: beside the output, else /var/tmp */
    const char *advertise;      /* NULL: where this host can be reached */
    const char *public_results; /* hidden: bound too, for other hosts; NULL: none */
    const char *dead_letters; /* NULL: beside the output, else the working directory */
    bool unordered;
    bool resume;
    bool committed; /* tells how far the output is, and does nothing else */
    struct rotation rotation; /* all zero: the output is not rotated */
    enum framing framing;
    bool records_said; /* how results split; else as the input does */
    struct record_format records;
    bool no_dead_letters;  /* hidden: whoever started the sink expects none */
    uint64_t command_hash; /* hidden: of the run's command and mode; 0: not known */
    const char *rerun; /* hidden: options and command of the run, quoted for a shell,
                          to run its dead letters again; NULL: not known */
    uint64_t max_result_bytes;
};

/* Strings are argv's. Exits on --help, --version and usage errors. */
void sink_options_parse(int argc, char **argv, struct sink_options *ret_options);

#endif
