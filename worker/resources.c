/* SPDX-License-Identifier: MIT */
/* Where a part cannot be opened, the ones before it are there and the ones after it are
 * NULL, which every destroy takes. */
#include "worker/resources.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/files/below.h"
#include "common/log.h"
#include "common/net/transport.h"
#include "common/process/fds.h"
#include "common/process/signals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ERROR_MAX = 4096 };

static int find_tasks(struct resources *resources, const struct common_options *common)
{
    char error[ERROR_MAX] = "";
    int result = 0;
    resources->results = ports_is_bound_only(common->results) ? NULL : common->results;
    if (resources->results)
        result = endpoint_check(common->results, resources->keyed || common->insecure,
                                error, sizeof error);
    if (result == 0 && common->tasks) {
        resources->tasks = common->tasks;
        result = endpoint_check(common->tasks, resources->keyed || common->insecure,
                                error, sizeof error);
    } else if (result == 0) {
        result = runtime_dir_open(common->name, &resources->runtime_dir, error,
                                  sizeof error);
        if (result == 0)
            resources->tasks = runtime_dir_endpoint(resources->runtime_dir, "tasks");
    }
    if (result == 0)
        return STATUS_OK;
    say("%s", error);
    return result == -EINVAL ? STATUS_USAGE : STATUS_IO;
}

static int open_keys(struct resources *resources, const struct common_options *common)
{
    char error[ERROR_MAX] = "";
    int given = keys_open(&resources->keys, KEY_WORKER, common->keys, common->insecure,
                          error, sizeof error);
    resources->keyed = given > 0;
    resources->curve = uplink_curve(&resources->keys.own);
    if (given < 0)
        say("%s", error);
    return keys_status(given);
}

/* A program that would run code out of a task asks first who may send one. */
static void announce_openness(bool insecure)
{
    if (insecure)
        setenv("FANFOLD_INSECURE", "1", 1);
    else
        unsetenv("FANFOLD_INSECURE"); /* of an outer run */
}

/* Before any thread or socket, because it forks; and before anybody counts on this
 * worker. */
static int open_program(struct resources *resources,
                        const struct worker_options *options,
                        const struct program_events *events)
{
    char error[ERROR_MAX] = "";
    struct program_config config = {
        .mode = options->mode,
        .argv = options->command,
        .plugin = options->plugin,
        .slots = options->slots,
        .shell = options->shell,
        .workdir = options->workdir,
        .niceness = options->niceness,
        .memory_bytes = options->memory_bytes,
        .prepare_each = options->prepare_each,
        .silence_us = options->silence_us,
        .worker = resources->identity.uuid_text,
        .keeper_fd = options->alive_fd,
    };
    announce_openness(options->common.insecure);
    int status =
        program_open(&config, events, &resources->program, error, sizeof error);
    if (status)
        say("%s", error);
    return status;
}

static int open_signals(struct resources *resources, bool supervised)
{
    resources->signals =
        signals_open(supervised ? SIGNALS_FROM_LAUNCHER : SIGNALS_FROM_PERSON);
    if (resources->signals >= 0)
        return STATUS_OK;
    say("cannot wait for signals: %s", strerror(-resources->signals));
    return STATUS_IO;
}

static int open_root(struct resources *resources, const char *root)
{
    if (!root)
        return STATUS_OK;
    resources->root = below_open_root(root);
    if (resources->root >= 0)
        return STATUS_OK;
    say("--root %s: %s", root, strerror(-resources->root));
    return STATUS_USAGE;
}

static int start_part_writer(struct resources *resources,
                             const struct worker_options *options)
{
    if (!options->parts)
        return STATUS_OK;
    int result =
        part_writer_start(options->parts, options->slots, &resources->part_writer);
    if (result == 0)
        return STATUS_OK;
    say("--parts %s: %s", options->parts, strerror(-result));
    return STATUS_USAGE;
}

static int open_transport(void)
{
    char error[ERROR_MAX] = "";
    if (transport_init(error, sizeof error) == 0)
        return STATUS_OK;
    say("%s", error);
    return STATUS_IO;
}

static void open_session(struct resources *resources,
                         const struct worker_options *options)
{
    struct session_config config = {
        .uuid = resources->identity.uuid,
        .slots = options->slots,
        .depth = program_depth(resources->program),
        .monitor = true,
        .stay = options->stay,
        .drains = resources->identity.drains,
        .liveness_us = options->common.liveness_us,
        .patience_us = options->common.patience_us,
        .wait_us = options->wait_us,
        .on_lost = options->on_lost,
    };
    resources->session = session_new(&config, clock_now_us());
}

int resources_open(struct resources *resources, const struct worker_options *options,
                   const struct program_events *events)
{
    *resources = (struct resources){.signals = -1, .root = -1};
    service_manager_open(&resources->manager, clock_now_us());
    identity_init(&resources->identity, options);
    if (options->strip_frame)
        resources->strip = options->mode == PROGRAM_LINES ? STRIP_FRAME_LINES
                                                          : STRIP_FRAME_ALONE;
    int status = open_root(resources, options->root);
    if (status == STATUS_OK)
        status = open_keys(resources, &options->common);
    if (status == STATUS_OK)
        status = find_tasks(resources, &options->common);
    if (status == STATUS_OK)
        status = open_program(resources, options, events);
    if (status == STATUS_OK)
        status = start_part_writer(resources, options);
    if (status == STATUS_OK)
        status = open_signals(resources, options->common.supervised);
    if (status == STATUS_OK)
        status = open_transport();
    if (status != STATUS_OK)
        return status;
    resources->uplink =
        uplink_new(resources->tasks, resources->keyed ? &resources->curve : NULL);
    resources->codec = payload_codec_new();
    resources->files = chunk_files_new(resources->root);
    resources->root = -1;
    resources->outbox = outbox_new(resources->uplink, resources->codec,
                                   &resources->identity.uuid, &resources->part_writer);
    open_session(resources, options);
    return STATUS_OK;
}

static void drop_task(void *cargo)
{
    struct task *task = cargo;
    task_destroy(&task);
}

void resources_close(struct resources *resources, bool hurry)
{
    if (hurry && resources->program)
        program_hurry(resources->program);
    program_close(&resources->program);
    session_destroy(&resources->session, drop_task);
    outbox_destroy(&resources->outbox);
    part_writer_stop(&resources->part_writer);
    chunk_files_destroy(&resources->files);
    if (resources->codec)
        payload_codec_log(resources->codec, "results");
    payload_codec_destroy(&resources->codec);
    uplink_destroy(&resources->uplink);
    transport_deinit();
    keys_close(&resources->keys);
    runtime_dir_close(&resources->runtime_dir);
    fd_close(&resources->root);
    fd_close(&resources->signals);
}
