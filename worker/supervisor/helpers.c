/* SPDX-License-Identifier: MIT */
/*
 * Forks keeper, supervisor and zygote, each below the one before; waits for them; ends
 * them. The order matters: the worker makes what the children inherit before it forks
 * them, and each closes what only another needs. If the supervisor is killed, the
 * keeper ends what was below it; if the keeper is, the supervisor does. If somebody
 * kills both, the worker does, unless it has children of its own that it did not start.
 */
#include "worker/supervisor/helpers.h"
#include "common/exit_status.h"
#include "common/helper/sdk_path.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/process/child_wait.h"
#include "common/process/descendants.h"
#include "common/process/fds.h"
#include "common/process/process_handle.h"
#include "common/process/settle_in.h"
#include "common/process/strangers.h"
#include "worker/plugin_slot/plugin_channel.h"
#include "worker/supervisor/fork_server.h"
#include "worker/supervisor/keeper.h"
#include "worker/supervisor/spawner.h"
#include "worker/supervisor/supervisor.h"
#include "worker/supervisor/zygote.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
    OWN_DESCRIPTORS = 32,  /* of the worker itself, sockets and all */
    EXEC_DESCRIPTORS = 3,  /* of a slot: stdin, stdout, stderr */
    CLOSE_WAIT_MS = 15000, /* for the keeper, before it is killed itself */
    FINISH_WAIT_MS =
        9000, /* for the plugin's finish, which has five seconds, and the rest */
};

uint64_t helpers_descriptors(const struct program_config *config)
{
    uint64_t of_slot = config->mode == PROGRAM_PLUGIN ? 1 + PLUGIN_CHANNEL_FDS
                                                      : EXEC_DESCRIPTORS;
    return OWN_DESCRIPTORS + of_slot * config->slots;
}

uint64_t helpers_spare(const struct helpers *helpers)
{
    uint64_t needed = helpers_descriptors(&helpers->config);
    return helpers->limit.rlim_max > needed ? helpers->limit.rlim_max - needed : 0;
}

/* We may need many; a user's program gets the limit that we had (process_limits.h). */
static int raise_descriptors(struct helpers *helpers)
{
    if (getrlimit(RLIMIT_NOFILE, &helpers->limit) < 0)
        return -errno;
    helpers->config.open_files = helpers->limit.rlim_cur;
    struct rlimit raised = helpers->limit;
    raised.rlim_cur = raised.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &raised);
    return raised.rlim_max < helpers_descriptors(&helpers->config) ? -EMFILE : 0;
}

/* For a plugin's preparation, where that leaves enough. */
static void restore_descriptors(const struct helpers *helpers)
{
    /* The supervisor itself has a pipe or two a slot, and until it has closed them, the
     * worker's. */
    if (helpers->limit.rlim_cur >= 4 * (rlim_t)helpers->config.slots + 64)
        (void)setrlimit(RLIMIT_NOFILE, &helpers->limit);
}

static int open_errors(struct helpers *helpers, int *ret_errors)
{
    uint32_t slots = helpers->config.slots;
    helpers->errors = allocate(slots * sizeof *helpers->errors);
    for (uint32_t slot = 0; slot < slots; slot++)
        helpers->errors[slot] = -1;
    int result = 0;
    for (uint32_t slot = 0; slot < slots && result == 0; slot++)
        result = pipe_open(PIPE_READ, &ret_errors[slot], &helpers->errors[slot]);
    return result;
}

static void close_errors(struct helpers *helpers)
{
    for (uint32_t slot = 0; helpers->errors && slot < helpers->config.slots; slot++)
        fd_close(&helpers->errors[slot]);
    free(helpers->errors);
    helpers->errors = NULL;
}

bool helpers_prepares(const struct program_config *config)
{
    return config->mode == PROGRAM_PLUGIN ||
           (config->mode == PROGRAM_FRAMES && !config->prepare_each);
}

int helpers_init(struct helpers *helpers, const struct program_config *config,
                 int *ret_errors)
{
    *helpers = (struct helpers){
        .config = *config,
        .spawn_link = {-1, -1},
        .zygote_link = {-1, -1},
    };
    int result = raise_descriptors(helpers);
    if (result == 0)
        result = spawn_link_pair(helpers->spawn_link);
    if (result == 0 && helpers_prepares(config))
        result = spawn_link_pair(helpers->zygote_link);
    return result < 0 ? result : open_errors(helpers, ret_errors);
}

static pid_t fork_zygote(struct helpers *helpers, const char *path)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    fd_close(&helpers->spawn_link[1]);
    if (helpers->config.mode == PROGRAM_FRAMES)
        fork_server_run(&(struct fork_server_config){
            .program = &helpers->config,
            .path = path,
            .link = helpers->zygote_link[1],
            .errors = helpers->errors,
            .worker = helpers->worker,
        });
    zygote_run(&(struct zygote_config){
        .program = &helpers->config,
        .link = helpers->zygote_link[1],
        .errors = helpers->errors,
        .worker = helpers->worker,
    });
}

static pid_t start_nothing(void *context, const struct request *request, pid_t group,
                           const int *fds, unsigned count)
{
    (void)context, (void)request, (void)group, (void)fds, (void)count;
    return -ENOSYS;
}

/* What the supervisor is forked with. */
struct birth {
    struct helpers *helpers;
    const char *path;
    const int *unwanted;
    uint32_t count;
};

static void prepare_supervisor(struct helpers *helpers, const char *path,
                               struct supervisor_service *service)
{
    unsetenv("FANFOLD_FORK"); /* the worker may be a child of such a program */
    if (helpers->config.mode == PROGRAM_FRAMES)
        sdk_path_announce();
    if (helpers_prepares(&helpers->config)) {
        service->zygote = fork_zygote(helpers, path);
        service->zygote_has_slots = true;
        fd_close(&helpers->zygote_link[1]);
        if (service->zygote < 0)
            _exit(STATUS_IO);
    }
    if (helpers->config.mode != PROGRAM_PLUGIN) {
        service->start = spawner_start;
        service->context = spawner_new(path, &helpers->config, helpers->errors);
        service->memory_bytes = helpers->config.memory_bytes;
        service->leads_groups = true;
        service->marks_tasks = helpers->config.mode == PROGRAM_EXEC;
    }
}

static void run_supervisor(void *context, int keeper)
{
    const struct birth *birth = context;
    struct helpers *helpers = birth->helpers;
    for (uint32_t i = 0; i < birth->count; i++)
        close(birth->unwanted[i]);
    fd_close(&helpers->spawn_link[0]);
    fd_close(&helpers->zygote_link[0]);
    restore_descriptors(helpers);
    settle_in("fanfold-superv"); /* the kernel keeps 15 bytes */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    struct supervisor_service service = {
        .link = helpers->spawn_link[1],
        .slots = helpers->config.slots,
        .worker = helpers->worker,
        .keeper = keeper,
        .start = start_nothing,
    };
    prepare_supervisor(helpers, birth->path, &service);
    if (supervisor_serve(&service))
        descendants_end_gently();
    if (descendants_end() > 0)
        descendants_tell_left();
    _exit(0);
}

int helpers_fork(struct helpers *helpers, const char *path, const int *ours,
                 uint32_t count)
{
    struct birth birth = {helpers, path, ours, count};
    helpers->worker = getpid();
    helpers->adopts = descendants_adopt();
    pid_t keeper = keeper_fork(helpers->config.keeper_fd, run_supervisor, &birth);
    if (keeper < 0)
        return keeper;
    helpers->keeper = keeper;
    strangers_spare(keeper);
    fd_close(&helpers->spawn_link[1]);
    fd_close(&helpers->zygote_link[1]);
    close_errors(helpers);
    return 0;
}

/* The zygote ended without a word; the supervisor reports how. */
static void explain_zygote(struct helpers *helpers, char *error, size_t size)
{
    struct report report;
    const char *plugin = helpers->config.argv[0];
    if (spawn_link_take_report(helpers->spawn_link[0], &report, 1) <= 0)
        snprintf(error, size, "%s: the supervisor ended while it was prepared", plugin);
    else if (WIFSIGNALED(report.value))
        snprintf(error, size, "%s: killed by signal %d (%s) while it was prepared",
                 plugin, WTERMSIG(report.value), strsignal(WTERMSIG(report.value)));
    else
        snprintf(error, size, "%s: called exit (%d) while it was prepared", plugin,
                 WEXITSTATUS(report.value));
}

/* The zygote leaves by itself; takes the report of its end, which nobody expects
 * later. */
static void dismiss_zygote(struct helpers *helpers)
{
    struct report report;
    fd_close(&helpers->zygote_link[0]);
    while (spawn_link_take_report(helpers->spawn_link[0], &report, 1) > 0 &&
           report.kind != REPORT_ENDED)
        ;
}

int helpers_await(struct helpers *helpers, char *error, size_t error_size)
{
    struct report report;
    if (spawn_link_take_report(helpers->zygote_link[0], &report, 1) <= 0) {
        explain_zygote(helpers, error, error_size);
        return STATUS_CANNOT_EXECUTE;
    }
    if (report.kind == REPORT_REFUSED) {
        snprintf(error, error_size, "%s", report.text);
        return report.value;
    }
    helpers->prepared = (uint32_t)report.value;
    if (helpers->prepared == 0) {
        dismiss_zygote(helpers);
        log_event(LOG_LEVEL_INFO, "each_prepares",
                  "why=\"the program does not fork its slots\"");
    }
    return 0;
}

int helpers_starter(const struct helpers *helpers)
{
    return helpers->zygote_link[0] >= 0 ? helpers->zygote_link[0]
                                        : helpers->spawn_link[0];
}

/* Reaps it; false: it had to be killed, or nobody knows how it ended. */
static bool await_keeper(pid_t keeper, int *ret_status)
{
    bool ended = child_await_end(keeper, CLOSE_WAIT_MS);
    if (!ended)
        kill(keeper, SIGKILL);
    return child_wait(keeper, ret_status) == 0 && ended;
}

/* A plugin's `finish` ran in the zygote, and may have run for too long. */
static void tell_finish(const struct helpers *helpers)
{
    struct report report;
    if (helpers->config.mode != PROGRAM_PLUGIN ||
        spawn_link_take_report(helpers->spawn_link[0], &report, 0) <= 0 ||
        report.kind != REPORT_ENDED || report.value == 0)
        return;
    if (WIFSIGNALED(report.value) && WTERMSIG(report.value) == SIGALRM)
        log_event(LOG_LEVEL_WARN, "finish_overdue",
                  "why=\"the plugin's finish ran for %d s, and was ended\"",
                  ZYGOTE_FINISH_SECONDS);
    else if (WIFSIGNALED(report.value))
        log_event(LOG_LEVEL_WARN, "finish_failed",
                  "why=\"the plugin's finish was ended by signal %d (%s)\"",
                  WTERMSIG(report.value), strsignal(WTERMSIG(report.value)));
    else
        log_event(LOG_LEVEL_WARN, "finish_failed",
                  "why=\"the plugin's finish called exit (%d)\"",
                  WEXITSTATUS(report.value));
}

/* Lets plugin or program finish: the supervisor's next report is of the zygote's
 * end. */
static void end_zygote(struct helpers *helpers, bool in_order)
{
    if (helpers->zygote_link[0] < 0)
        return;
    (void)spawn_link_request(helpers->zygote_link[0],
                             &(struct request){.kind = REQUEST_FINISH}, NULL, 0);
    struct pollfd polled = {.fd = helpers->spawn_link[0], .events = POLLIN};
    if (in_order && poll(&polled, 1, FINISH_WAIT_MS) >= 0)
        tell_finish(helpers);
    fd_close(&helpers->zygote_link[0]);
}

void helpers_end(struct helpers *helpers, bool in_order)
{
    end_zygote(helpers, in_order);
    if (in_order && helpers->keeper)
        (void)spawn_link_request(helpers->spawn_link[0],
                                 &(struct request){.kind = REQUEST_FINISH}, NULL, 0);
    fd_close(&helpers->spawn_link[0]);
    fd_close(&helpers->spawn_link[1]);
    fd_close(&helpers->zygote_link[1]);
    close_errors(helpers);
    if (!helpers->keeper)
        return;
    int status = -1;
    bool ended = await_keeper(helpers->keeper, &status);
    if ((!ended || status != 0) && helpers->adopts)
        (void)descendants_end();
    strangers_release(helpers->keeper);
    helpers->keeper = 0;
}
