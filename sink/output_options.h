/* SPDX-License-Identifier: MIT */
/* The options of fanfold-sink that say what results become in the output. */
#ifndef FANFOLD_SINK_OUTPUT_OPTIONS_H
#define FANFOLD_SINK_OUTPUT_OPTIONS_H

#include "common/net/message_end.h"
#include "common/options.h"
#include "common/records/record_format.h"
#include "sink/output/framing.h"
#include "sink/output/rotation.h"

struct output_options {
    bool to_messages;
    struct message_end messages; /* valid if to_messages */
    bool envelope;
    uint32_t hwm;         /* 0: not given */
    const char *keys;     /* of --keys-out; NULL: none */
    const char *spool;    /* directory; NULL: none. Then the output is a file in it, and
                             not messages */
    uint64_t spool_bytes; /* 0: not given, until it is settled */
    const char *receiver; /* with it: what -o named */
    char *records_path;   /* with it: of the output; sink_options_deinit frees it */
    const char *connector;    /* a command, in place of `messages`; else NULL */
    struct rotation rotation; /* all zero: none */
    enum framing framing;
    const char *parts; /* the directory of parts; NULL: results go to the output */
    const char *join;  /* a manifest whose parts are to be joined, and nothing else */
    bool records_said; /* how results split; else as the input does */
    struct record_format records;
};

/* Reads one of these options, or the value of --output; a wrong value ends the program.
 * ARGP_ERR_UNKNOWN: it is another. */
error_t output_options_parse(int key, char *value, struct argp_state *state,
                             struct output_options *out);

/* Once all options are read: with a spool, the output is a file in it, which another
 * process sends. *output is what -o names, and becomes the file's path. */
void output_options_settle_spool(struct argp_state *state, struct output_options *out,
                                 bool unordered, const char **output);

/* What else there is to know of the output. */
struct output_facts {
    const char *path; /* NULL: standard output */
    bool unordered;
    bool supervised; /* --hwm may be for the input, which another program has */
    uint64_t max_result_bytes;
};
/* Once all options are read: those that contradict each other end the program. */
void output_options_check(struct argp_state *state, const struct output_options *out,
                          const struct output_facts *facts);
/* A pipe, a device and the like: found before it is opened, since opening a FIFO waits
 * for its reader. */
bool output_options_is_special(const char *path);

#endif
