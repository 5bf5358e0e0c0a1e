/* SPDX-License-Identifier: MIT */
#include "sink/output_options.h"

#include "common/memory.h"
#include "common/net/message_end.h"
#include "common/net/transport.h"
#include "common/options/table.h"
#include "common/records/record_format_text.h"
#include "sink/sender/sender.h"
#include <string.h>
#include <sys/stat.h>

static const uint64_t spool_most_bytes = UINT64_C(1) << 40;

/* ---- values ---- */

bool output_options_is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) &&
           !S_ISDIR(status.st_mode);
}

static void read_output(struct argp_state *state, const char *value,
                        struct output_options *out)
{
    char error[512];
    if (*value == '\0')
        options_bad(state, "--output", value, "a file, or - for standard output");
    int kind =
        message_end_parse(value, MESSAGES_OUT, &out->messages, error, sizeof error);
    if (kind < 0)
        argp_error(state, "--output: %s", error);
    out->to_messages = kind > 0;
    out->connector = strncmp(value, "exec:", 5) == 0 ? value + 5 : NULL;
}

/* A word of --format. */
static bool parse_records(const char *word, struct record_format *ret_format)
{
    static const struct record_format lines = RECORD_FORMAT_DEFAULT;
    static const struct record_format nul = {
        .kind = RECORDS_LINES, .lines = 1, .end_size = 1};
    if (strcmp(word, "lines") == 0 || strcmp(word, "nul") == 0) {
        *ret_format = *word == 'l' ? lines : nul;
        return true;
    }
    return *word && !strchr(word, '=') &&
           record_format_parse((struct slice){(const uint8_t *)word, strlen(word)},
                               ret_format);
}

static void read_framing(struct argp_state *state, const char *value,
                         struct output_options *out)
{
    if (!framing_parse(value, &out->framing))
        options_bad(state, "--frames-out", value, "result, record or tagged");
}

static void read_records(struct argp_state *state, const char *value,
                         struct output_options *out)
{
    if (!parse_records(value, &out->records))
        options_bad(state, "--records-out", value,
                    "lines, nul, csv, fasta, fastq, frames or whole");
    out->records_said = true;
}

static void read_rotation(struct argp_state *state, const char *value,
                          struct output_options *out)
{
    if (!rotation_parse(value, &out->rotation))
        options_bad(state, "--rotate", value,
                    "a size such as 64M, or a duration such as 1h or 300s (5m could be "
                    "either)");
}

static error_t parse_spool(int key, char *value, struct argp_state *state,
                           struct output_options *out)
{
    switch (key) {
    case KEY_SPOOL_OUT:
        if (*value == '\0')
            options_bad(state, "--spool-out", value, "a directory");
        out->spool = value;
        return 0;
    case KEY_SPOOL_OUT_SIZE:
        out->spool_bytes = options_size(state, "--spool-out-size", value,
                                        spool_most_bytes,
                                        "a size from 1 to 1T, such as 1G");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

error_t output_options_parse(int key, char *value, struct argp_state *state,
                             struct output_options *out)
{
    switch (key) {
    case KEY_OUTPUT:
        read_output(state, value, out);
        return ARGP_ERR_UNKNOWN; /* the path is not ours */
    case KEY_ROTATE:
        read_rotation(state, value, out);
        return 0;
    case KEY_FRAMES_OUT:
        read_framing(state, value, out);
        return 0;
    case KEY_RECORDS_OUT:
        read_records(state, value, out);
        return 0;
    case KEY_ENVELOPE:
        out->envelope = true;
        return 0;
    case KEY_KEYS_OUT:
        out->keys = value;
        return 0;
    case KEY_PARTS:
        if (*value == '\0')
            options_bad(state, "--parts", value, "a directory");
        out->parts = value;
        return 0;
    case KEY_JOIN:
        out->join = value;
        return 0;
    case KEY_HWM:
        out->hwm = (uint32_t)options_number(state, "--hwm", value, 1, HWM_MAX,
                                            "a number from 1 to 1000000");
        return 0;
    default:
        return parse_spool(key, value, state, out);
    }
}

/* ---- together ---- */

void output_options_settle_spool(struct argp_state *state, struct output_options *out,
                                 bool unordered, const char **output)
{
    if (!out->spool && out->connector)
        argp_error(state,
                   "-o exec:COMMAND: expected --spool-out beside it: records are "
                   "kept until the command has stored them");
    if (!out->spool && out->spool_bytes)
        argp_error(state, "--spool-out-size: expected --spool-out beside it");
    if (!out->spool)
        return;
    if (!out->to_messages && !out->connector)
        argp_error(state, "--spool-out: expected -o with a receiver, such as "
                          "dealer:tcp://host:5558 or exec:COMMAND");
    if (out->framing != FRAMING_NONE)
        argp_error(state, "--frames-out: a spool has frames of its own");
    if (rotation_is_wanted(&out->rotation))
        argp_error(state, "--rotate: expected no --spool-out, which has no parts");
    if (unordered)
        argp_error(state,
                   "--unordered: expected no --spool-out, which numbers records");
    if (out->spool_bytes == 0)
        out->spool_bytes = DEFAULT_SPOOL_OUT_SIZE_BYTES;
    out->receiver = *output;
    *output = out->records_path = allocate_text("%s/" SENDER_RECORDS, out->spool);
    out->framing = FRAMING_RECORD;
    out->to_messages = false;
}

static void check_framing(struct argp_state *state, const struct output_options *out,
                          const struct output_facts *facts)
{
    if (out->framing != FRAMING_NONE && facts->max_result_bytes > FRAME_BODY_MAX)
        argp_error(state, "--frames-out: expected a --max-result of less than 4G: the "
                          "length of a frame has four bytes");
    if (out->records_said && out->framing != FRAMING_RECORD && !out->to_messages)
        argp_error(state,
                   "--records-out: expected --frames-out=record beside it, or -o "
                   "with a socket such as push:tcp://host:5558");
}

/* A link would get the name of a part, and not the file. */
static void check_rotation(struct argp_state *state, const struct output_options *out,
                           const struct output_facts *facts)
{
    struct stat status;
    if (!rotation_is_wanted(&out->rotation))
        return;
    if (!facts->path || out->to_messages || output_options_is_special(facts->path))
        argp_error(state, "--rotate: expected -o FILE, a regular file");
    if (lstat(facts->path, &status) == 0 && S_ISLNK(status.st_mode))
        argp_error(state, "--rotate: expected a regular file, and %s is a link",
                   facts->path);
    if (facts->unordered)
        argp_error(state, "--rotate: expected no --unordered, which has no journal");
}

/* The manifest is an output of bytes with a journal, and nothing is added to it. */
static void check_parts(struct argp_state *state, const struct output_options *out,
                        const struct output_facts *facts)
{
    if (out->join && !out->parts)
        argp_error(state, "--join: expected --parts DIR, the directory of the parts");
    if (!out->parts || out->join)
        return;
    if (!facts->path || out->to_messages || out->receiver ||
        output_options_is_special(facts->path))
        argp_error(state,
                   "--parts: expected -o FILE, a regular file, for the manifest");
    if (facts->unordered)
        argp_error(state, "--parts: expected no --unordered, which has no journal");
    if (rotation_is_wanted(&out->rotation) || out->framing != FRAMING_NONE)
        argp_error(state, "--parts: expected no %s: each result is a file",
                   out->framing != FRAMING_NONE ? "--frames-out" : "--rotate");
}

static void check_messages(struct argp_state *state, const struct output_options *out,
                           const struct output_facts *facts)
{
    bool messages = out->to_messages || (out->receiver && !out->connector);
    static const char expected[] = "expected -o with a socket such as "
                                   "push:tcp://host:5558";
    if (out->to_messages && out->framing != FRAMING_NONE)
        argp_error(state, "--frames-out: expected an output of bytes: a message needs "
                          "no length");
    if (!messages && out->envelope)
        argp_error(state, "--envelope: %s", expected);
    if (!messages && out->keys)
        argp_error(state, "--keys-out: %s", expected);
    if (!messages && out->hwm && !facts->supervised)
        argp_error(state, "--hwm: %s", expected);
    if (out->keys && !transport_is_tcp(out->messages.endpoint))
        argp_error(state, "--keys-out is for messages over tcp://: nothing is "
                          "encrypted over ipc://");
}

void output_options_check(struct argp_state *state, const struct output_options *out,
                          const struct output_facts *facts)
{
    check_framing(state, out, facts);
    check_messages(state, out, facts);
    check_parts(state, out, facts);
    check_rotation(state, out, facts);
}
