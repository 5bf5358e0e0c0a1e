/* SPDX-License-Identifier: MIT */
#include "ventilator/inputs.h"

#include "common/exit_status.h"
#include "common/helper/piped_child.h"
#include "common/log.h"
#include "common/net/transport.h"
#include <errno.h>
#include <string.h>

enum { TEXT_MAX = 4096 };

/* Of standard input whoever starts the run may not know what it is. */
static bool names_all(const struct ventilator_options *options)
{
    for (size_t i = 0; i < options->input_count; i++)
        if (strcmp(options->inputs[i], "-") == 0)
            return false;
    return options->input_count > 0;
}

/* What a file has is there at once: no option says how long to wait for it. */
static bool waits_for_files(const struct ventilator_options *options,
                            const struct source *source)
{
    bool files = names_all(options) && source_can_reread(source);
    const struct option_use uses[] = {
        {"--block-timeout", options->block_timeout_said, !files, "streams"},
        {"--latency", options->latency_said, !files, "streams"},
    };
    const char *idle = options_find_idle(uses, sizeof uses / sizeof *uses);
    if (idle)
        say("%s: a file has all its records already", idle);
    return idle;
}

/* A person who asks for references learns why there are none. */
static void check_ages(const struct source *source)
{
    const char *name = source_unsettled(source);
    if (name)
        say("warning: %s was changed a moment ago, and a further change might not "
            "show: its chunks are sent to all workers (a file that nobody has changed "
            "for 6 s is read in place)",
            name);
}

int inputs_open(const struct ventilator_options *options, struct source **ret_source)
{
    char error[TEXT_MAX];
    const struct source_config config = {
        .paths = options->inputs,
        .count = options->input_count,
        .chunker = options->chunker,
        .header_lines = options->header_lines,
        .header_out = options->header_out,
        .whole_files = options->whole_files,
        .no_decompress = options->no_decompress || options->from_committed,
        .root = options->root,
        .messages = options->messages.count ? &options->messages.input : NULL,
        .connector = options->messages.connector.command ? &options->messages.connector
                                                         : NULL,
        .spool = options->messages.spool.path,
        .arguments = options->arguments,
        .from_committed = options->from_committed,
    };
    int result = source_open(&config, ret_source, error, sizeof error);
    if (result < 0) {
        say("%s", error);
        return result == -EINVAL || result == -EPERM ? STATUS_USAGE : STATUS_IO;
    }
    if (waits_for_files(options, *ret_source))
        return STATUS_USAGE;
    if (options->by_reference && !options->common.quiet)
        check_ages(*ret_source);
    if (source_is_terminal(*ret_source) && !options->common.quiet)
        say("reading from the terminal; end with Ctrl-D");
    return STATUS_OK;
}

int inputs_receive(int argc, char **argv)
{
    struct ventilator_options options;
    int status = STATUS_USAGE;
    argv = piped_child_begin(&argc, argv);
    if (ventilator_options_parse(argc, argv, &options)) {
        log_set_level(options.common.log_level);
        status = receiver_run(&options.messages.input, &options.messages.spool);
    }
    ventilator_options_deinit(&options);
    return status;
}

int inputs_connect(struct source *source, struct front *front)
{
    char error[TEXT_MAX];
    int result = front_guard_input(front, source_keyring(source));
    if (result != STATUS_OK)
        return result;
    result = source_connect(source, error, sizeof error);
    if (result == 0)
        return STATUS_OK;
    say("%s", error);
    return transport_bind_status(-result);
}
