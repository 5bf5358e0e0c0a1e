/* SPDX-License-Identifier: MIT */
/* What the options mean together and for the scheduler, and which contradict each
 * other. */
#include "ventilator/options.h"

#include "common/net/transport.h"
#include "common/options/table.h"
#include "common/random_id.h"
#include "ventilator/scheduler/state/chunk_sizer.h"

enum {
    LINGER_US = 1,           /* of messages: none, as 0 is for ever */
    BLOCK_EAGER_US = 100000, /* where the options do not say how long records wait */
};

static bool says_what_a_record_is(const struct record_options *options)
{
    return options->format || options->fixed || options->lines || options->null ||
           options->start || options->end || options->regexp;
}

/* Other programs bring its records, one by one. */
static bool brings_messages(const struct ventilator_options *options)
{
    return options->messages.count || options->messages.connector.command;
}

/* Messages come once, and nobody can ask for them again; a connector can. */
static bool agrees_with_messages(const struct ventilator_options *options)
{
    if (options->header_lines)
        say("--header: messages have no header lines");
    else if (options->whole_files)
        say("--whole-files: messages are no files: each is a record");
    else if (options->dry_run)
        say("--dry-run would take the messages and run nothing");
    else if (options->messages.spool.path && options->from_committed)
        say("--spool excludes --from-committed: a spool knows where the run stopped");
    else if (options->resume && !options->from_committed && options->messages.count &&
             !options->messages.spool.path)
        say("--resume: messages that were read cannot be read again: "
            "--resume --from-committed continues the output with those that come, and "
            "--spool keeps them");
    else
        return true;
    return false;
}

/* Whether the options do not contradict each other. */
static bool agree(const struct ventilator_options *options)
{
    if (options->halt.when != HALT_NEVER && options->on_error == ON_ERROR_STOP)
        say("--halt needs --on-error skip or --on-error isolate: without them, the "
            "first "
            "chunk that fails for good ends the run");
    else if (options->whole_files &&
             (options->chunker.records || says_what_a_record_is(&options->records)))
        say("--whole-files excludes -N and all that says what a record is: a file is "
            "one record");
    else if (options->latency_said + options->block_timeout_said +
                 options->linger_said >
             1)
        say("%s excludes %s: both say how long a record waits for its chunk to fill",
            options->latency_said ? "--latency" : "--linger",
            options->block_timeout_said ? "--block-timeout" : "--linger");
    else if (options->linger_said && !brings_messages(options))
        say("--linger is for inputs that are messages, such as "
            "-i pull:tcp://host:5557: another stream has --block-timeout");
    else if (options->from_committed && !options->resume)
        say("--from-committed needs --resume: it says how a run resumes");
    else if (options->from_committed && options->header_lines)
        say("--from-committed excludes --header: what the feeder sends begins in the "
            "middle, without a header");
    else if (options->by_reference && !options->root)
        say("--by-reference needs --root DIR: the directory that workers on other "
            "hosts "
            "see, too");
    else if (options->root && !options->by_reference)
        say("--root needs --by-reference: then workers that have --root, too, read the "
            "chunks below it themselves");
    else if (options->by_reference && options->by_value)
        say("--by-reference and --by-value exclude each other");
    else if (options->by_reference && brings_messages(options))
        say("--by-reference is for files: messages are in none");
    else if (brings_messages(options) && !agrees_with_messages(options))
        return false;
    else if (options->dry_run && options->resume)
        say("--dry-run and --resume exclude each other: only the sink knows where the "
            "run stopped");
    else
        return true;
    return false;
}

/* False: they contradict each other, and it has said so. */
static bool settle_records(struct ventilator_options *options)
{
    if (options->whole_files)
        options->chunker.format = (struct record_format){.kind = RECORDS_WHOLE};
    else if (!record_options_settle(&options->records, &options->chunker))
        return false;
    if (!options->strip_frame || options->chunker.format.kind == RECORDS_FRAMES)
        return true;
    say("--strip-frame needs --format frames: other records have no length of four "
        "bytes");
    return false;
}

/* Likewise. */
static bool settle_block(struct ventilator_options *options)
{
    struct chunker_config *chunker = &options->chunker;
    options->block_most = chunker->block_bytes;
    if (!chunker->block_auto)
        return true;
    bool whole = chunker->format.kind == RECORDS_WHOLE;
    if (chunker->records || whole) {
        say("--block auto contradicts %s, which says what a chunk is",
            whole ? "a format of whole inputs" : "-N");
        return false;
    }
    options->block_most = CHUNK_SIZER_LONGEST;
    if (options->block_most > chunker->max_record_bytes)
        options->block_most = chunker->max_record_bytes;
    if (chunker->block_bytes > options->block_most)
        chunker->block_bytes = options->block_most;
    return true;
}

/* With -N, a chunk of a stream has exactly N records, however long they take to come;
 * messages wait no longer than others. */
static void settle_waits(struct ventilator_options *options)
{
    bool messages = brings_messages(options);
    options->at_once = messages && !options->block_timeout_said;
    if (options->block_timeout_us >= 0)
        return;
    options->block_timeout_us = messages                   ? LINGER_US
                                : options->chunker.records ? 0
                                                           : DEFAULT_BLOCK_TIMEOUT_US;
    options->block_eager_us = BLOCK_EAGER_US;
}

/* A program that gets one record at a time gets it as a chunk. */
static void settle_strip(struct ventilator_options *options)
{
    if (options->strip_frame && !options->block_said && !options->whole_files &&
        !options->chunker.records)
        options->chunker.records = 1;
}

static bool has_keys(const struct message_options *messages)
{
    for (uint32_t i = 0; i < messages->count; i++)
        if (transport_is_tcp(messages->ends[i].endpoint))
            return true;
    return false;
}

/* False: one does nothing beside the others, and it has said so. */
static bool are_all_of_use(const struct ventilator_options *options)
{
    static const char whole[] = "inputs that are cut into chunks, and a whole input is "
                                "one chunk";
    bool cuts = options->chunker.format.kind != RECORDS_WHOLE;
    const struct option_use uses[] = {
        {"--block", options->block_said, cuts, whole},
        {"--block-timeout", options->block_timeout_said, cuts, whole},
        {"--latency", options->latency_said, cuts, whole},
        {"--no-decompress", options->no_decompress, !brings_messages(options),
         "files and streams: neither a message nor a connector's record is "
         "decompressed"},
        {"--keys-in", options->messages.input.socket.keys, has_keys(&options->messages),
         "messages over tcp://: nothing is encrypted over ipc://"},
    };
    const char *idle = options_find_idle(uses, sizeof uses / sizeof *uses);
    if (idle)
        say("%s", idle);
    return !idle;
}

bool ventilator_options_settle(struct ventilator_options *options)
{
    settle_strip(options);
    settle_waits(options);
    if (!agree(options))
        return false;
    options->records_said = options->whole_files ||
                            says_what_a_record_is(&options->records);
    options->messages.input.resumes = options->resume;
    return settle_records(options) && settle_block(options) &&
           message_options_settle(&options->messages, options->input_count,
                                  &options->chunker, options->common.quiet) &&
           are_all_of_use(options);
}

/* ---- for the scheduler ---- */

enum {
    LOSSES_MAX = 10, /* attempts of a chunk that may be lost with their workers */
};

struct dispatch_config dispatch_config_of(const struct ventilator_options *options,
                                          bool keeps_bytes, uint64_t sink_share)
{
    return (struct dispatch_config){
        .uid = id_random(),
        .window = options->window,
        .buffer_bytes = options->buffer_bytes - sink_share,
        .block_bytes = options->block_most,
        .block_auto = options->chunker.block_auto,
        .keeps_bytes = keeps_bytes,
        .retries = options->retries,
        .losses = LOSSES_MAX,
        .liveness_us = options->common.liveness_us,
        .on_error = options->on_error,
        .halt = options->halt,
        .limit_ms = options->limit_ms,
        .limit_percent = options->limit_percent,
        .speculate = options->speculate,
        .resume = options->resume,
        .strangers = !options->common.supervised,
        .tells_completions = options->job_log,
        .awaits_header = options->header_lines > 0,
        .min_workers = options->min_workers,
        .patience_us = options->common.patience_us,
    };
}
