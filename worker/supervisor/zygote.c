/* SPDX-License-Identifier: MIT */
/*
 * Loads the plugin, prepares it, and serves the worker's requests for slots with the
 * supervisor's loop. The plugin's `prepare` and `finish` run here: if one of them
 * crashes, exits or hangs, the supervisor, this process's parent, notices.
 */
#include "worker/supervisor/zygote.h"
#include "common/exit_status.h"
#include "common/process/fds.h"
#include "worker/plugin_slot/plugin_slot.h"
#include "worker/supervisor/environment.h"
#include "worker/supervisor/process_limits.h"
#include "worker/supervisor/slots/program_signals.h"
#include "worker/supervisor/supervisor.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct zygote {
    const struct zygote_config *config;
    const struct fanfold_plugin *plugin;
    void *state;
    struct program_signals signals; /* as `prepare` left them */
};

static void refuse(const struct zygote *zygote, int status, const char *text)
{
    struct report report = {.kind = REPORT_REFUSED, .value = status};
    const char *colon = *text ? ": " : "";
    snprintf(report.text, sizeof report.text, "%s%s%.4000s",
             zygote->config->program->plugin, colon, text);
    (void)spawn_link_report(zygote->config->link, &report);
    _exit(status);
}

static void load(struct zygote *zygote)
{
    const char *file = zygote->config->program->plugin;
    char path[4096];
    /* Without a slash dlopen would search the system's folders. */
    snprintf(path, sizeof path, "%s%s", strchr(file, '/') ? "" : "./", file);
    if (access(path, F_OK) < 0)
        refuse(zygote, STATUS_NOT_FOUND, strerror(errno));
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!object)
        refuse(zygote, STATUS_CANNOT_EXECUTE, dlerror());
    zygote->plugin = dlsym(object, "fanfold_plugin");
    if (!zygote->plugin)
        refuse(zygote, STATUS_CANNOT_EXECUTE,
               "not a plugin: it exports no fanfold_plugin");
    char text[128];
    snprintf(text, sizeof text, "made for version %u of fanfold.h; this worker has %d",
             (unsigned)zygote->plugin->abi, FANFOLD_PLUGIN_ABI);
    if (zygote->plugin->abi != FANFOLD_PLUGIN_ABI)
        refuse(zygote, STATUS_CANNOT_EXECUTE, text);
    if (!zygote->plugin->process)
        refuse(zygote, STATUS_CANNOT_EXECUTE, "it has no process function");
}

/* After the plugin is loaded: its path is relative to the worker's directory, not to
 * --workdir. */
static void enter(const struct zygote *zygote)
{
    int error = process_limits_enter(zygote->config->program);
    if (error)
        refuse(zygote, STATUS_IO, strerror(error));
}

static void prepare(struct zygote *zygote)
{
    if (!zygote->plugin->prepare)
        return;
    int argc = 0;
    char **argv = zygote->config->program->argv;
    while (argv[argc])
        argc++;
    char message[4000] = "";
    struct fanfold_error error = {message, sizeof message};
    int code = zygote->plugin->prepare(argc, argv, &zygote->state, &error);
    message[sizeof message - 1] = '\0';
    if (code != 0)
        refuse(zygote, STATUS_CANNOT_EXECUTE,
               *message ? message : "prepare failed and did not say why");
}

static void become_slot(const struct zygote *zygote, uint32_t number, const int *fds)
{
    const struct zygote_config *config = zygote->config;
    char name[16];
    snprintf(name, sizeof name, "fanfold-slot %u", (unsigned)number + 1);
    prctl(PR_SET_NAME, name);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(config->errors[number], STDOUT_FILENO);
    dup2(config->errors[number], STDERR_FILENO);
    for (uint32_t slot = 0; slot < config->program->slots; slot++)
        close(config->errors[slot]);
    close(config->link);
    program_signals_give(&zygote->signals);
    environment_enter_slot(number);
    process_limits_restore(config->program);
    process_limits_limit_fork(config->program, getpid());
    struct plugin_channel channel;
    if (plugin_channel_open(&channel, fds) < 0)
        _exit(STATUS_IO);
    plugin_slot_serve(zygote->plugin, zygote->state, number, &channel);
}

static pid_t start_slot(void *context, const struct request *request, pid_t group,
                        const int *fds, unsigned count)
{
    (void)group; /* the slot leads one */
    const struct zygote *zygote = context;
    if (count != PLUGIN_CHANNEL_FDS) /* see spawn_link_take_request */
        return -EMFILE;
    fd_block(zygote->config->errors[request->slot]);
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        become_slot(zygote, request->slot, fds);
    setpgid(pid, pid); /* the slot does so too; one of the two is first */
    return pid;
}

static void finish(struct zygote *zygote)
{
    if (!zygote->plugin->finish)
        return;
    program_signals_give(&zygote->signals);
    signal(SIGALRM, SIG_DFL); /* ends this process, whatever the plugin made of it */
    alarm(ZYGOTE_FINISH_SECONDS);
    zygote->plugin->finish(zygote->state);
    fflush(NULL);
}

void zygote_run(const struct zygote_config *config)
{
    struct zygote zygote = {.config = config};
    prctl(PR_SET_NAME, "fanfold-zygote");
    dup2(STDERR_FILENO, STDOUT_FILENO);
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* a killed slot flushes nothing */
    /* Later it sees by itself that the worker is gone, and ends its slots. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    environment_enter(config->program->worker);
    program_signals_prepare();
    load(&zygote); /* a library may set signals, too */
    enter(&zygote);
    prepare(&zygote);
    program_signals_take(&zygote.signals);
    prctl(PR_SET_PDEATHSIG, 0);
    struct report report = {.kind = REPORT_PREPARED, .value = 1};
    (void)spawn_link_report(config->link, &report);
    struct supervisor_service service = {
        .link = config->link,
        .slots = config->program->slots,
        .worker = config->worker,
        .memory_bytes = config->program->memory_bytes,
        .start = start_slot,
        .context = &zygote,
    };
    if (supervisor_serve(&service))
        finish(&zygote);
    _exit(0);
}
