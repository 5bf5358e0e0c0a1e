/* SPDX-License-Identifier: MIT */
/* The options of inputs that other programs bring, messages and connectors: which of -i
 * are some, --topic, --sub-seq, --keys-in, --hwm, --frame, --frame-sep, --end-message,
 * --idle, --spool and --spool-size. */
#ifndef FANFOLD_VENTILATOR_MESSAGE_OPTIONS_H
#define FANFOLD_VENTILATOR_MESSAGE_OPTIONS_H

#include "ventilator/source/chunker.h"
#include "ventilator/source/kinds/connector_input.h"
#include "ventilator/source/kinds/message_input.h"
#include "ventilator/source/receive/receiver.h"
#include <argp.h>
#include <stdbool.h>

/* All zero: none was given. The strings live as long as argv. */
struct message_options {
    struct message_end *ends; /* of all inputs that are messages */
    uint32_t count;
    const char **topics;
    const char *first; /* one of the options that only messages have; NULL: none */
    bool separated;    /* --frame-sep was given */
    char *separator, *end_message;     /* without escapes */
    struct connector_config connector; /* of exec: */
    struct spool_config spool;         /* path NULL: none */
    struct message_input_config input; /* the whole of it, once it is settled */
};

/* Reads one of these options; ARGP_ERR_UNKNOWN: it is another. `shared`: --hwm may be
 * for the output, which another program has. */
error_t message_options_parse(int key, char *text, const struct argp_state *state,
                              bool shared, struct message_options *options);
/* Whether `text`, a value of -i, is messages, which are added; ends the program where
 * it is wrong. */
bool message_options_add(const struct argp_state *state, const char *text,
                         struct message_options *options);
/* Once all options are read: there are `inputs` inputs, and this is how they are cut.
 * False: they contradict each other; it has said so. */
bool message_options_settle(struct message_options *options, uint32_t inputs,
                            const struct chunker_config *chunker, bool quiet);
void message_options_deinit(struct message_options *options);

#endif
