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

enum { ERROR_MAX = 1024 };

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

    if (output_open(options->output, &parts->output, error, sizeof error) == 0)
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

/* The output is opened first: before another descriptor can take the number of a closed
 * standard output, and while signals still end the process, because to open a FIFO may
 * take for ever. What is in it stays until there is something to write. */
int parts_open(struct parts *parts, const struct sink_options *options)
{
    *parts = (struct parts){.signals = -1};
    int status = open_output(parts, options);
    if (status != STATUS_OK)
        return status;
    transport_init();
    status = open_signals(parts);
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
    transport_deinit();
    meeting_close(&parts->meeting);
    output_close(&parts->output);
    store_destroy(&parts->store);
    if (parts->signals >= 0)
        close(parts->signals);
}
