/* SPDX-License-Identifier: MIT */
/* Each is opened, or a person is told why not. */
#include "sink/parts.h"

#include "common/exit_status.h"
#include "common/signals.h"
#include "common/transport.h"
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    ERROR_MAX = 1024,
    COMMIT_WAIT_US = 30000000, /* for the last commit of a killed sink, whose disk may
                                  be slow */
};

static int open_signals(struct parts *parts)
{
    parts->signals = signals_open();
    if (parts->signals >= 0)
        return STATUS_OK;
    say("cannot receive signals: %s", strerror(-parts->signals));
    return STATUS_IO;
}

static int open_output(struct parts *parts, const struct sink_options *options)
{
    char error[ERROR_MAX] = "";

    int64_t wait_us = options->common.liveness_us;
    if (wait_us < COMMIT_WAIT_US)
        wait_us = COMMIT_WAIT_US;
    if (output_open(options->output, wait_us, &parts->output, error, sizeof error) == 0)
        return STATUS_OK;
    say("%s", error);
    return STATUS_IO;
}

/* Given wrong; taken by another; or the system's. */
static int status_of(int result)
{
    if (result == -EINVAL)
        return STATUS_USAGE;
    return result == -EBUSY || result == -EADDRINUSE ? STATUS_PEER : STATUS_IO;
}

static int open_sockets(struct parts *parts, const struct sink_options *options)
{
    char error[ERROR_MAX] = "";
    int result = meeting_open(&options->common, &parts->meeting, error, sizeof error);

    if (result == 0)
        result = intake_open(meeting_results(parts->meeting), options->advertise,
                             options->max_result_bytes, &parts->intake, error,
                             sizeof error);
    if (result < 0) {
        say("%s", error);
        return status_of(result);
    }
    log_event(LOG_LEVEL_INFO, "bound", "results=%s advertised=%s",
              transport_endpoint(intake_socket(parts->intake)),
              intake_endpoint(parts->intake));
    parts->uplink = uplink_new(meeting_tasks(parts->meeting));
    return STATUS_OK;
}

static void open_store(struct parts *parts, const struct sink_options *options)
{
    char path[PATH_MAX] = "";
    const char *directory = options->tmpdir;

    if (directory == NULL && options->output != NULL &&
        output_is_regular(parts->output)) {
        snprintf(path, sizeof path, "%s", options->output);
        directory = dirname(path);
    }
    parts->store = store_new(directory != NULL ? directory : "/var/tmp");
}

static int start_committer(struct parts *parts)
{
    if (parts->outset.journal == NULL)
        return STATUS_OK;
    int result = committer_start(output_descriptor(parts->output),
                                 parts->outset.journal, parts->outset.letters,
                                 &parts->committer);
    if (result == 0)
        return STATUS_OK;
    say("cannot start a process: %s", strerror(-result));
    return STATUS_IO;
}

/* The journal is read under the output's lock, and whoever writes it is forked before
 * there is a thread. */
static int open_file(struct parts *parts, const struct sink_options *options)
{
    int status = open_output(parts, options);
    if (status == STATUS_OK)
        status = outset_find(&parts->outset, options, parts->output);
    if (status == STATUS_OK)
        status = start_committer(parts);
    return status;
}

/* The output is opened first: before another descriptor can take the number of a closed
 * standard output, and while signals still end the process, because to open a FIFO may
 * take for ever. What is in it stays until there is something to write. */
int parts_open(struct parts *parts, const struct sink_options *options)
{
    *parts = (struct parts){.signals = -1};
    int status = open_file(parts, options);
    if (status == STATUS_OK) {
        transport_init();
        parts->transport = true;
        status = open_signals(parts);
    }
    if (status == STATUS_OK)
        status = open_sockets(parts, options);
    if (status == STATUS_OK)
        open_store(parts, options);
    else
        output_discard(parts->output);
    return status;
}

void parts_close(struct parts *parts)
{
    uplink_destroy(&parts->uplink);
    intake_close(&parts->intake);
    if (parts->transport)
        transport_deinit();
    meeting_close(&parts->meeting);
    output_close(&parts->output);
    committer_stop(&parts->committer);
    outset_deinit(&parts->outset);
    store_destroy(&parts->store);
    if (parts->signals >= 0)
        close(parts->signals);
}
