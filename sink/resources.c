/* SPDX-License-Identifier: MIT */
/* Opens each resource, or tells a person why not. */
#include "sink/resources.h"

#include "common/exit_status.h"
#include "common/net/transport.h"
#include "common/options/table.h"
#include "common/process/signals.h"
#include "sink/output/output_messages.h"
#include "sink/sender/sender_position.h"
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ERROR_MAX = 1024,
    COMMIT_WAIT_US = 30000000, /* for the last commit of a killed sink, whose disk may
                                  be slow */
};

static int open_signals(struct resources *resources, const struct sink_options *options)
{
    resources->signals = signals_open(options->common.supervised ? SIGNALS_FROM_LAUNCHER
                                                                 : SIGNALS_FROM_PERSON);
    if (resources->signals >= 0)
        return STATUS_OK;
    say("cannot receive signals: %s", strerror(-resources->signals));
    return STATUS_IO;
}

static int open_transport(struct resources *resources)
{
    char error[ERROR_MAX] = "";
    resources->transport = true;
    if (transport_init(error, sizeof error) == 0)
        return STATUS_OK;
    say("%s", error);
    return STATUS_IO;
}

/* As with inputs: whoever is bound has the ventilator's key, whoever connects a
 * worker's, so that the output of a run can be the input of another. 1: there are keys;
 * 0: none; -errno. */
static int open_keys_out(struct resources *resources,
                         const struct sink_options *options, char *error,
                         size_t error_size)
{
    const struct message_end *end = &options->out.messages;
    if (!options->out.keys || !transport_is_tcp(end->endpoint))
        return 0;
    return keys_open(&resources->keys_out, end->binds ? KEY_VENTILATOR : KEY_WORKER,
                     options->out.keys, false, error, error_size);
}

/* The socket comes later: ZeroMQ has threads, and files are opened before. */
static int prepare_messages(struct resources *resources,
                            const struct sink_options *options)
{
    char error[ERROR_MAX] = "";
    int given = open_keys_out(resources, options, error, sizeof error);
    if (given < 0) {
        say("%s", error);
        return keys_status(given);
    }
    const struct message_sender_config config = {
        .end = options->out.messages,
        .hwm = options->out.hwm ? options->out.hwm : DEFAULT_HWM,
        .keys = given ? &resources->keys_out.own : NULL,
        .quiet = options->common.quiet,
    };
    struct message_sender *sender = message_sender_new(&config);
    resources->output =
        output_of_messages(&sender, options->output, options->out.envelope);
    return STATUS_OK;
}

static int open_output(struct resources *resources, const struct sink_options *options)
{
    char error[ERROR_MAX] = "";
    if (options->out.to_messages)
        return prepare_messages(resources, options);
    int64_t wait_us = options->common.liveness_us;
    if (wait_us < COMMIT_WAIT_US)
        wait_us = COMMIT_WAIT_US;
    if (output_open(options->output, wait_us, &resources->output, error,
                    sizeof error) == 0)
        return STATUS_OK;
    say("%s", error);
    return STATUS_IO;
}

/* Before an output is touched: a wrong key is a slip of the command line. */
static int open_keys(struct resources *resources, const struct common_options *options)
{
    char error[ERROR_MAX] = "";
    int given = keys_open(&resources->keys, KEY_SINK, options->keys, options->insecure,
                          error, sizeof error);
    resources->curve = uplink_curve(&resources->keys.own);
    if (given < 0)
        say("%s", error);
    return keys_status(given);
}

static int open_zap(struct resources *resources, char *error, size_t error_size)
{
    if (!resources->keys.keyring && !resources->keys_out.keyring)
        return 0;
    resources->zap = zap_new(resources->keys.keyring);
    if (resources->zap)
        zap_set_input(resources->zap, resources->keys_out.keyring);
    if (resources->zap)
        return 0;
    snprintf(error, error_size, "cannot ask for keys: %s", zmq_strerror(errno));
    return -errno;
}

/* The launcher's ventilator says it for both. */
static void warn_of_strangers(const struct resources *resources,
                              const struct common_options *common)
{
    const char *bound = intake_bound(resources->intake);
    if (!resources->keys.keyring && transport_is_tcp(bound) && !common->quiet &&
        !common->supervised)
        say("warning: --insecure: anyone who can reach %s can put results into the "
            "output",
            bound);
}

/* Of what comes before a socket is bound. */
static int status_of(int result)
{
    return result == -EINVAL  ? STATUS_USAGE
           : result == -EBUSY ? STATUS_PEER
                              : STATUS_IO;
}

static int open_sockets(struct resources *resources, const struct sink_options *options)
{
    char error[ERROR_MAX] = "";
    bool tcp = resources->keys.keyring || options->common.insecure;
    int result = open_zap(resources, error, sizeof error);
    if (result == 0)
        result = endpoints_open(&options->common, tcp, &resources->endpoints, error,
                                sizeof error);
    bool binds = result == 0;
    if (binds)
        result = intake_open(
            &(struct intake_config){
                .endpoint = endpoints_results(resources->endpoints),
                .public_endpoint = options->public_results,
                .ports = options->common.ports,
                .interface = options->common.interface,
                .advertise = options->advertise,
                .max_result_bytes = options->max_result_bytes,
                .keys = resources->keys.keyring ? &resources->keys.own : NULL,
                .zap = resources->keys.keyring ? resources->zap : NULL,
            },
            &resources->intake, error, sizeof error);
    if (result == 0 && resources->keys.keyring &&
        (result = zap_watch(resources->zap, intake_socket(resources->intake),
                            ZAP_RESULTS)) < 0)
        snprintf(error, sizeof error, "cannot watch for strangers: %s",
                 zmq_strerror(-result));
    if (result < 0) {
        say("%s", error);
        return binds ? transport_bind_status(-result) : status_of(result);
    }
    char advertised[ERROR_MAX];
    endpoint_list_text(intake_endpoints(resources->intake), advertised,
                       sizeof advertised);
    log_event(LOG_LEVEL_INFO, "bound", "results=%s advertised=%s",
              intake_bound(resources->intake), advertised);
    warn_of_strangers(resources, &options->common);
    resources->uplink = uplink_new(endpoints_tasks(resources->endpoints),
                                   resources->keys.keyring ? &resources->curve : NULL);
    return STATUS_OK;
}

static int open_messages(struct resources *resources)
{
    char error[ERROR_MAX] = "";
    struct message_sender *sender = output_sender(resources->output);
    int result = sender ? message_sender_open(sender, error, sizeof error) : 0;
    if (result == 0)
        return STATUS_OK;
    say("%s", error);
    return transport_bind_status(-result);
}

static void open_result_memory(struct resources *resources,
                               const struct sink_options *options)
{
    char path[PATH_MAX] = "";
    const char *directory = options->tmpdir;
    if (!directory && options->output && output_is_regular(resources->output) &&
        output_is_owned(resources->output)) {
        snprintf(path, sizeof path, "%s", options->output);
        directory = dirname(path);
    }
    resources->memory = result_memory_new(directory != NULL ? directory : "/var/tmp");
}

static int start_stall_watch(struct resources *resources,
                             const struct sink_options *options)
{
    struct stall_watch_config config = {
        .curve = resources->keys.keyring ? &resources->curve : NULL,
        .liveness_us = options->common.liveness_us,
        .quiet = options->common.quiet,
        .places =
            {
                [STALL_OUTPUT] = output_name(resources->output),
                [STALL_DEAD_LETTERS] = resources->resume.dead_letters,
                [STALL_SPILL] = result_memory_directory(resources->memory),
            },
    };
    return stall_watch_start(&config, &resources->stall_watch);
}

static int start_commits(struct resources *resources,
                         const struct sink_options *options)
{
    const struct commit_process_config config = {
        .output = output_descriptor(resources->output),
        .journal = resources->resume.journal,
        .dead_letters = resources->resume.dead_letters,
        .part_files = resources->part_files ? part_files_path(resources->part_files)
                                            : NULL,
        .parts_of = rotation_is_wanted(&options->out.rotation) ? options->output : NULL,
    };
    return config.journal ? commit_process_start(&config, &resources->commit_process)
                          : 0;
}

static int start_helpers(struct resources *resources,
                         const struct sink_options *options)
{
    int result = start_commits(resources, options);
    if (result == 0 && resources->keys.keyring)
        result = keyring_watch(resources->keys.keyring);
    if (result == 0 && resources->keys_out.keyring)
        result = keyring_watch(resources->keys_out.keyring);
    if (result == 0)
        result = start_stall_watch(resources, options);
    if (result == 0)
        return STATUS_OK;
    say("cannot start a process: %s", strerror(-result));
    return STATUS_IO;
}

/* The directory is there before its files are opened. */
static int make_spool(const struct sink_options *options)
{
    if (!options->out.spool || mkdir(options->out.spool, 0700) == 0 || errno == EEXIST)
        return STATUS_OK;
    say("cannot make %s: %s", options->out.spool, strerror(errno));
    return STATUS_IO;
}

/* Before the process that commits begins, which syncs it. */
static int open_part_files(struct resources *resources,
                           const struct sink_options *options)
{
    char error[ERROR_MAX];
    const struct position *start = &resources->resume.start.position;
    int result = options->out.parts
                     ? part_files_open(options->out.parts, &start->run, start->next > 0,
                                       &resources->part_files, error, sizeof error)
                     : 0;
    if (result == 0)
        return STATUS_OK;
    say("%s", error);
    return result == -ENOENT ? STATUS_USAGE : STATUS_IO;
}

/* It makes holes in the file where all is stored. */
static int start_sender(struct resources *resources, const struct sink_options *options)
{
    if (!options->out.spool)
        return STATUS_OK;
    output_unwatch(resources->output);
    int result = resources->resume.start.offset == 0
                     ? sender_position_prepare(options->out.spool)
                     : 0;
    if (result < 0) {
        say("%s: cannot make position: %s", options->out.spool, strerror(-result));
        return STATUS_IO;
    }
    result = sender_child_start(&resources->sender, options->arguments);
    if (result == 0)
        return STATUS_OK;
    say("cannot start a process: %s", strerror(-result));
    return STATUS_IO;
}

/* Reads the journal under the output's lock, and forks the helpers before there is a
 * thread. */
static int open_file(struct resources *resources, const struct sink_options *options)
{
    const struct resume_request request = {
        .output = options->output,
        .dead_letters = options->dead_letters,
        .unordered = options->unordered,
        .resume = options->resume,
        .no_dead_letters = options->no_dead_letters,
        .command = options->command_hash,
        .framing = options->out.parts ? JOURNAL_PARTS : options->out.framing,
        .rotates = rotation_is_wanted(&options->out.rotation),
    };
    int status = make_spool(options);
    if (status == STATUS_OK)
        status = open_output(resources, options);
    if (status == STATUS_OK)
        status = resume_point_find(&resources->resume, &request, resources->output);
    if (status == STATUS_OK)
        open_result_memory(resources, options);
    if (status == STATUS_OK)
        status = open_part_files(resources, options);
    if (status == STATUS_OK)
        status = start_helpers(resources, options);
    if (status == STATUS_OK)
        status = start_sender(resources, options);
    return status;
}

/* Opens the output first: before another descriptor can take the number of a closed
 * standard output, and while signals still end the process, because opening a FIFO may
 * take for ever. What is in the output stays until there is something to write. */
int resources_open(struct resources *resources, const struct sink_options *options)
{
    *resources =
        (struct resources){.signals = -1, .sender = {.commands = -1, .notices = -1}};
    int status = open_keys(resources, &options->common);
    if (status == STATUS_OK)
        status = open_file(resources, options);
    if (status == STATUS_OK)
        status = open_transport(resources);
    if (status == STATUS_OK)
        status = open_signals(resources, options);
    if (status == STATUS_OK)
        status = open_sockets(resources, options);
    if (status == STATUS_OK)
        status = open_messages(resources);
    if (status != STATUS_OK)
        output_discard(resources->output);
    return status;
}

/* Returns the sooner of the two deadlines. */
static int64_t tick_keyring(struct keyring *keyring, int64_t now_us, int64_t due_us)
{
    int64_t keys_us = keyring ? keyring_tick(keyring, now_us) : due_us;
    return keys_us < due_us ? keys_us : due_us;
}

int64_t resources_tick(struct resources *resources, int64_t now_us)
{
    int64_t due_us = intake_tick(resources->intake, now_us);
    due_us = tick_keyring(resources->keys.keyring, now_us, due_us);
    due_us = tick_keyring(resources->keys_out.keyring, now_us, due_us);
    if (resources->keys_out.keyring)
        message_sender_say_revoked(keyring_revoked(resources->keys_out.keyring));
    zap_answer(resources->zap);
    return due_us;
}

void resources_disconnect(struct resources *resources)
{
    uplink_destroy(&resources->uplink);
    zap_unwatch(resources->zap);
    intake_close(&resources->intake);
    zap_destroy(&resources->zap);
    keys_close(&resources->keys);
    keys_close(&resources->keys_out);
    if (resources->output && output_is_sent(resources->output))
        output_close(&resources->output);
    if (resources->transport)
        transport_deinit();
    resources->transport = false;
    endpoints_close(&resources->endpoints);
}

void resources_close(struct resources *resources)
{
    sender_child_stop(&resources->sender);
    resources_disconnect(resources);
    output_close(&resources->output);
    commit_process_stop(&resources->commit_process);
    stall_watch_stop(&resources->stall_watch);
    part_files_close(&resources->part_files);
    resume_point_deinit(&resources->resume);
    result_memory_destroy(&resources->memory);
    if (resources->signals >= 0)
        close(resources->signals);
}
