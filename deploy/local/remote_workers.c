/* SPDX-License-Identifier: MIT */
#include "deploy/local/remote_workers.h"

#include "common/memory.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* All values of the option, ended by NULL. */
static const char **values_of(const struct arguments *arguments, const char *name,
                              size_t *ret_count)
{
    const char **values = allocate_zeroed(arguments->count + 1, sizeof *values);
    size_t count = 0;
    for (size_t i = 0; i < arguments->count; i++)
        if (strcmp(passed_name(&arguments->passed[i]), name) == 0)
            values[count++] = arguments->passed[i].value;
    if (ret_count)
        *ret_count = count;
    return values;
}

/* The keys are the run's business, and the directory is made before the worker starts;
 * both are given apart. */
static bool is_for_workers(const struct passed *passed)
{
    static const char *const not [] = {"keys",       "workdir",   "tasks",    "results",
                                       "port-range", "interface", "log-level"};
    for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
        if (strcmp(passed_name(passed), not [i]) == 0)
            return false;
    return passed_to(passed, ROLE_WORKER);
}

static char **worker_options(const struct arguments *arguments)
{
    char **options = allocate_zeroed(arguments->count + 1, sizeof *options);
    size_t count = 0;
    for (size_t i = 0; i < arguments->count; i++) {
        const struct passed *passed = &arguments->passed[i];
        if (!is_for_workers(passed))
            continue;
        options[count++] =
            passed->value ? allocate_text("--%s=%s", passed_name(passed), passed->value)
                          : allocate_text("--%s", passed_name(passed));
    }
    return options;
}

/* The person's own keys are a directory, or a worker's alone. */
static char *key_file(const struct arguments *arguments)
{
    const char *keys = arguments_value(arguments, "keys");
    struct stat status;
    if (!keys)
        return NULL;
    if (stat(keys, &status) == 0 && S_ISDIR(status.st_mode))
        return allocate_text("%s/worker.key_secret", keys);
    return allocate_text("%s", keys);
}

void remote_workers_init(struct remote_workers *remote,
                         const struct arguments *arguments, const char *private,
                         const char *worker)
{
    const char *ssh = arguments_value(arguments, "ssh");
    *remote = (struct remote_workers){
        .options = worker_options(arguments),
        .key_file = key_file(arguments),
        .endpoint_file = allocate_text("%s/endpoint", private),
        .config = {
            .login_file = arguments_value(arguments, "sshloginfile"),
            .ssh = ssh ? ssh : "ssh",
            .remote_bin = arguments_value(arguments, "remote-bin"),
            .local_worker = worker,
            .workdir = arguments_value(arguments, "workdir"),
            .tunnel = arguments_has(arguments, "tunnel"),
            .copy_self = arguments_has(arguments, "copy-self"),
            .command = arguments->command,
            .alive_fd = -1,
            .quiet = arguments->quiet,
        }};
    struct ssh_workers_config *config = &remote->config;
    remote->logins = values_of(arguments, "sshlogin", &config->login_count);
    remote->transfer = values_of(arguments, "transfer-file", &config->transfer_count);
    config->logins = remote->logins;
    config->transfer = remote->transfer;
    config->options = (const char *const *)remote->options;
    config->key_file = remote->key_file;
    config->endpoint_file = remote->endpoint_file;
}

void remote_workers_deinit(struct remote_workers *remote)
{
    if (!remote->options)
        return;
    for (char **option = remote->options; *option; option++)
        free(*option);
    free(remote->options);
    free(remote->logins);
    free(remote->transfer);
    free(remote->key_file);
    free(remote->endpoint_file);
    *remote = (struct remote_workers){.logins = NULL};
}
