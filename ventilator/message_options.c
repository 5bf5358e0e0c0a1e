/* SPDX-License-Identifier: MIT */
#include "ventilator/message_options.h"

#include "common/exit_status.h"
#include "common/memory.h"
#include "common/net/message_end.h"
#include "common/options.h"
#include "common/options/table.h"
#include "common/parse.h"
#include <stdlib.h>
#include <string.h>

#define SPOOL_MAX (UINT64_C(1) << 50)

/* ---- values ---- */

bool message_options_add(const struct argp_state *state, const char *text,
                         struct message_options *options)
{
    char error[512];
    struct message_end end;
    static const char exec[] = "exec:";
    if (strncmp(text, exec, strlen(exec)) == 0) {
        options->connector.command = text + strlen(exec);
        return true;
    }
    int result = message_end_parse(text, MESSAGES_IN, &end, error, sizeof error);
    if (result < 0) {
        fprintf(stderr, "%s: -i: %s\n", state->name, error);
        exit(STATUS_USAGE);
    }
    if (result == 0)
        return false;
    options->ends =
        reallocate(options->ends, options->count + 1, sizeof *options->ends);
    options->ends[options->count++] = end;
    return true;
}

static struct slice read_bytes(const struct argp_state *state, const char *option,
                               const char *text, char **bytes)
{
    size_t size = strlen(text);
    free(*bytes);
    *bytes = allocate(size + 1);
    if (!parse_escapes(text, *bytes, &size))
        options_bad(state, option, text, "a string with valid escapes");
    return (struct slice){(const uint8_t *)*bytes, size};
}

static void add_topic(struct message_options *options, const char *topic)
{
    uint32_t count = options->input.socket.topic_count++;
    options->topics = reallocate(options->topics, count + 1, sizeof *options->topics);
    options->topics[count] = topic;
}

static int64_t read_idle(const struct argp_state *state, const char *text)
{
    int64_t us;
    if (!parse_duration(text, &us) || us == 0)
        options_bad(state, "--idle", text, "a duration above 0, such as 10 or 500ms");
    return us;
}

static error_t parse(int key, char *text, const struct argp_state *state,
                     struct message_options *options)
{
    struct message_input_config *input = &options->input;
    switch (key) {
    case KEY_TOPIC:
        add_topic(options, text);
        return 0;
    case KEY_SUB_SEQ:
        if (!number_place_parse(text, &input->sub_seq))
            options_bad(state, "--sub-seq", text,
                        "the number of a field, or a frame, such as 2, frame:2, "
                        "frame:2:be or frame:2:le");
        return 0;
    case KEY_KEYS_IN:
        if (*text == '\0')
            options_bad(state, "--keys-in", text,
                        "a directory that fanfold-keygen made");
        input->socket.keys = text;
        return 0;
    case KEY_HWM:
        input->socket.hwm = (uint32_t)options_number(state, "--hwm", text, 1, HWM_MAX,
                                                     "a number from 1 to 1000000");
        return 0;
    case KEY_FRAME:
        input->framing.frame = (uint32_t)options_number(
            state, "--frame", text, 1, UINT32_MAX, "a number from 1 on");
        return 0;
    case KEY_FRAME_SEP:
        input->framing.separator =
            read_bytes(state, "--frame-sep", text, &options->separator);
        options->separated = true;
        return 0;
    case KEY_END_MESSAGE:
        input->end_message =
            read_bytes(state, "--end-message", text, &options->end_message);
        return 0;
    case KEY_IDLE:
        input->idle_us = read_idle(state, text);
        return 0;
    case KEY_SPOOL:
        if (*text == '\0')
            options_bad(state, "--spool", text, "a directory");
        options->spool.path = text;
        return 0;
    case KEY_SPOOL_SIZE:
        options->spool.size_max =
            options_size(state, "--spool-size", text, SPOOL_MAX, "a size, such as 1G");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The name of each, for who uses it without messages. */
static const char *option_name(int key)
{
    return key == KEY_TOPIC         ? "--topic"
           : key == KEY_SUB_SEQ     ? "--sub-seq"
           : key == KEY_KEYS_IN     ? "--keys-in"
           : key == KEY_HWM         ? "--hwm"
           : key == KEY_FRAME       ? "--frame"
           : key == KEY_FRAME_SEP   ? "--frame-sep"
           : key == KEY_SPOOL       ? "--spool"
           : key == KEY_SPOOL_SIZE  ? "--spool-size"
           : key == KEY_END_MESSAGE ? "--end-message"
                                    : "--idle";
}

error_t message_options_parse(int key, char *text, const struct argp_state *state,
                              bool shared, struct message_options *options)
{
    error_t result = parse(key, text, state, options);
    if (result == 0 && !options->first && !(shared && key == KEY_HWM))
        options->first = option_name(key);
    return result;
}

/* ---- together ---- */

static bool are_of_one_kind(const struct message_options *options)
{
    for (uint32_t i = 1; i < options->count; i++)
        if (options->ends[i].kind != options->ends[0].kind)
            return false;
    return true;
}

static bool agree(const struct message_options *options, uint32_t inputs,
                  const struct chunker_config *chunker)
{
    const struct message_input_config *input = &options->input;
    if (options->count < inputs)
        say("-i: expected messages alone or files alone: a run merges messages as they "
            "come, and reads files one after the other");
    else if (!are_of_one_kind(options))
        say("-i: expected sockets of one kind, not %s: and others",
            message_kind_word(options->ends[0].kind));
    else if (input->socket.topic_count && options->ends[0].kind != MESSAGE_SUB)
        say("--topic is for sub: alone; a %s socket is sent all messages",
            message_kind_word(options->ends[0].kind));
    else if (input->sub_seq.index && options->ends[0].kind != MESSAGE_SUB)
        say("--sub-seq is for sub: alone; a %s socket is sent all messages",
            message_kind_word(options->ends[0].kind));
    else if (input->sub_seq.index && options->count > 1)
        say("--sub-seq: expected one -i: each publisher has numbers of its own");
    else if (options->separated && input->framing.frame)
        say("--frame and --frame-sep contradict each other: one frame needs no "
            "separator");
    else if (!message_framing_takes(&chunker->format))
        say("a message is one record: expected --format lines, nul or frames, and no "
            "other option that says what a record is");
    else if (options->spool.size_max && !options->spool.path)
        say("--spool-size is for --spool: it says how large the spool may be");
    else
        return true;
    return false;
}

static bool settle_connector(struct message_options *options, uint32_t inputs,
                             const struct chunker_config *chunker, bool quiet)
{
    struct connector_config *connector = &options->connector;
    if (inputs > 1)
        say("-i: expected exec: alone: a connector is a run's only input");
    else if (*connector->command == '\0')
        say("-i: exec: expected a command behind it");
    else if (options->first)
        say("%s is for inputs that are messages, and not for exec:", options->first);
    else if (!message_framing_takes(&chunker->format))
        say("a connector says what a record is: expected --format lines, nul or "
            "frames, and no other option that says that");
    else {
        connector->framing.format = chunker->format;
        connector->framing.max_record_bytes = chunker->max_record_bytes;
        connector->quiet = quiet;
        return true;
    }
    return false;
}

/* So that a message that is too long is read, and named: libzmq closes the connection
 * of a frame above this without a word, and whoever sent it may be gone. */
static uint64_t frame_bytes_max(uint64_t max_record_bytes)
{
    const uint64_t least = UINT64_C(1) << 30, most = 2 * max_record_bytes + (1 << 20);
    return most > least ? most : least;
}

bool message_options_settle(struct message_options *options, uint32_t inputs,
                            const struct chunker_config *chunker, bool quiet)
{
    struct message_input_config *input = &options->input;
    if (options->connector.command)
        return settle_connector(options, inputs, chunker, quiet);
    if (options->count == 0 && options->first) {
        say("%s is for inputs that are messages, such as -i pull:tcp://host:5557",
            options->first);
        return false;
    }
    if (options->count == 0)
        return true;
    if (!agree(options, inputs, chunker))
        return false;
    if (input->socket.hwm == 0)
        input->socket.hwm = DEFAULT_HWM;
    input->socket.ends = options->ends;
    input->socket.count = options->count;
    input->socket.topics = options->topics;
    input->socket.quiet = quiet;
    input->socket.answers = options->spool.path &&
                            options->ends[0].kind == MESSAGE_DEALER;
    if (options->spool.size_max == 0)
        options->spool.size_max = DEFAULT_SPOOL_SIZE_BYTES;
    input->socket.message_bytes = frame_bytes_max(chunker->max_record_bytes);
    input->framing.format = chunker->format;
    input->framing.max_record_bytes = chunker->max_record_bytes;
    return true;
}

void message_options_deinit(struct message_options *options)
{
    free(options->ends);
    free(options->topics);
    free(options->separator);
    free(options->end_message);
    *options = (struct message_options){.count = 0};
}
