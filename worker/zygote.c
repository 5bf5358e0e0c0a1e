/* SPDX-License-Identifier: MIT */
/*
 * Loads the plugin, prepares it, and serves the worker's requests for slots with the
 * keeper's loop. User code runs here in `prepare` and `finish`: should it crash, exit
 * or hang, it is the keeper, its parent, that notices.
 */
#include "worker/zygote.h"
#include "common/exit_status.h"
#include "worker/conditions.h"
#include "worker/environment.h"
#include "worker/keeper.h"
#include "worker/slot.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { FINISH_SECONDS = 5 };

struct zygote {
    const struct zygote_config *config;
    const struct fanfold_plugin *plugin;
    void *state;
};

static void refuse(const struct zygote *zygote, int status, const char *text)
{
    struct report report = {.kind = REPORT_REFUSED, .value = status};
    const char *colon = *text ? ": " : "";
    snprintf(report.text, sizeof report.text, "%s%s%.4000s",
             zygote->config->program->plugin, colon, text);
    (void)link_report(zygote->config->link, &report);
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

/* The plugin's file is the worker's to find, and no business of the directory in which
 * the plugin works. */
static void enter(const struct zygote *zygote)
{
    int error = conditions_enter(zygote->config->program);
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
    keeper_reset_signals();
    environment_enter_slot(number);
    conditions_limit_fork(config->program, getpid());
    struct channel channel;
    if (channel_open(&channel, fds) < 0)
        _exit(STATUS_IO);
    slot_serve(zygote->plugin, zygote->state, number, &channel);
}

static pid_t start_slot(void *context, const struct request *request, const int *fds,
                        unsigned count)
{
    const struct zygote *zygote = context;
    if (count != CHANNEL_FDS) /* see link_take_request */
        return -EMFILE;
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        become_slot(zygote, request->slot, fds);
    setpgid(pid, pid); /* whoever comes first */
    return pid;
}

static void finish(struct zygote *zygote)
{
    if (!zygote->plugin->finish)
        return;
    keeper_reset_signals();
    alarm(FINISH_SECONDS);
    zygote->plugin->finish(zygote->state);
    fflush(NULL);
}

void zygote_run(const struct zygote_config *config)
{
    struct zygote zygote = {.config = config};
    prctl(PR_SET_NAME, "fanfold-zygote");
    dup2(STDERR_FILENO, STDOUT_FILENO);
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* a slot is killed, not ended */
    /* Later it sees by itself that the worker is gone, and ends its slots. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    environment_enter(config->program->worker);
    load(&zygote);
    enter(&zygote);
    prepare(&zygote);
    prctl(PR_SET_PDEATHSIG, 0);
    struct report report = {.kind = REPORT_PREPARED, .value = 1};
    (void)link_report(config->link, &report);
    struct keeper_service service = {
        .link = config->link,
        .slots = config->program->slots,
        .memory_bytes = config->program->memory_bytes,
        .start = start_slot,
        .context = &zygote,
    };
    if (keeper_serve(&service))
        finish(&zygote);
    _exit(0);
}
