/* SPDX-License-Identifier: MIT */
/*
 * Forking the keeper and, below it, the zygote; waiting for them; ending them. The
 * order matters: what the children inherit is made before they are forked, and each
 * closes what is the other's. Should the keeper be killed, its children become ours,
 * and we end them.
 */
#include "worker/household.h"
#include "common/descendants.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include "worker/channel.h"
#include "worker/keeper.h"
#include "worker/sdk.h"
#include "worker/spawner.h"
#include "worker/template.h"
#include "worker/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    OWN_DESCRIPTORS = 32,  /* of the worker itself, sockets and all */
    EXEC_DESCRIPTORS = 3,  /* of a slot: stdin, stdout, stderr */
    CLOSE_WAIT_MS = 10000, /* for the keeper, before it is killed itself */
    FINISH_WAIT_MS = 6000, /* for the plugin's finish, which has five seconds */
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

uint64_t household_descriptors(const struct program_config *config)
{
    uint64_t of_slot = config->mode == PROGRAM_PLUGIN ? 1 + CHANNEL_FDS
                                                      : EXEC_DESCRIPTORS;
    return OWN_DESCRIPTORS + of_slot * config->slots;
}

/* Ours may be many; a user's program gets the limit that we were given. */
static int raise_descriptors(struct household *household)
{
    if (getrlimit(RLIMIT_NOFILE, &household->limit) < 0)
        return -errno;
    struct rlimit raised = household->limit;
    raised.rlim_cur = raised.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &raised);
    return raised.rlim_max < household_descriptors(&household->config) ? -EMFILE : 0;
}

static void restore_descriptors(const struct household *household)
{
    /* The keeper itself has a pipe or two a slot, and the worker's until it closed
     * them. */
    if (household->limit.rlim_cur >= 4 * (rlim_t)household->config.slots + 64)
        (void)setrlimit(RLIMIT_NOFILE, &household->limit);
}

static int open_errors(struct household *household, int *ret_errors)
{
    uint32_t slots = household->config.slots;
    household->errors = allocate(slots * sizeof *household->errors);
    for (uint32_t slot = 0; slot < slots; slot++)
        household->errors[slot] = -1;
    for (uint32_t slot = 0; slot < slots; slot++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return -errno;
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        ret_errors[slot] = ends[0];
        household->errors[slot] = ends[1];
    }
    return 0;
}

static void close_errors(struct household *household)
{
    for (uint32_t slot = 0; household->errors && slot < household->config.slots; slot++)
        close_fd(&household->errors[slot]);
    free(household->errors);
    household->errors = NULL;
}

bool household_prepares(const struct program_config *config)
{
    return config->mode == PROGRAM_PLUGIN ||
           (config->mode == PROGRAM_FRAMES && !config->prepare_each);
}

int household_init(struct household *household, const struct program_config *config,
                   int *ret_errors)
{
    *household = (struct household){
        .config = *config,
        .keeper_link = {-1, -1},
        .zygote_link = {-1, -1},
    };
    int result = raise_descriptors(household);
    if (result == 0)
        result = link_pair(household->keeper_link);
    if (result == 0 && household_prepares(config))
        result = link_pair(household->zygote_link);
    return result < 0 ? result : open_errors(household, ret_errors);
}

static pid_t fork_zygote(struct household *household, const char *path)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    close_fd(&household->keeper_link[1]);
    if (household->config.mode == PROGRAM_FRAMES)
        template_run(&(struct template_config){
            .program = &household->config,
            .path = path,
            .link = household->zygote_link[1],
            .errors = household->errors,
        });
    zygote_run(&(struct zygote_config){
        .program = &household->config,
        .link = household->zygote_link[1],
        .errors = household->errors,
    });
}

static pid_t start_nothing(void *context, const struct request *request, const int *fds,
                           unsigned count)
{
    (void)context, (void)request, (void)fds, (void)count;
    return -ENOSYS;
}

static void run_keeper(struct household *household, const char *path)
{
    close_fd(&household->keeper_link[0]);
    close_fd(&household->zygote_link[0]);
    restore_descriptors(household);
    keeper_settle_in("fanfold-keeper");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    struct keeper_service service = {
        .link = household->keeper_link[1],
        .slots = household->config.slots,
        .start = start_nothing,
    };
    unsetenv("FANFOLD_FORK"); /* ours may have been started by such a program itself */
    if (household->config.mode == PROGRAM_FRAMES)
        sdk_announce();
    if (household_prepares(&household->config)) {
        service.zygote = fork_zygote(household, path);
        service.deputed = true;
        close_fd(&household->zygote_link[1]);
        if (service.zygote < 0)
            _exit(STATUS_IO);
    }
    if (household->config.mode != PROGRAM_PLUGIN) {
        service.start = spawner_start;
        service.context = spawner_new(path, &household->config, household->errors);
        service.memory_bytes = household->config.memory_bytes;
    }
    keeper_serve(&service);
    descendants_end();
    _exit(0);
}

int household_fork(struct household *household, const char *path, const int *ours,
                   uint32_t count)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    household->keeper = fork();
    if (household->keeper < 0) {
        household->keeper = 0;
        return -errno;
    }
    if (household->keeper == 0) {
        for (uint32_t i = 0; i < count; i++)
            close(ours[i]);
        run_keeper(household, path);
    }
    close_fd(&household->keeper_link[1]);
    close_fd(&household->zygote_link[1]);
    close_errors(household);
    return 0;
}

/* The zygote went without a word: the keeper knows how. */
static void explain_zygote(struct household *household, char *error, size_t size)
{
    struct report report;
    const char *plugin = household->config.argv[0];
    if (link_take_report(household->keeper_link[0], &report, 1) <= 0)
        snprintf(error, size, "%s: the keeper ended while it was prepared", plugin);
    else if (WIFSIGNALED(report.value))
        snprintf(error, size, "%s: killed by signal %d (%s) while it was prepared",
                 plugin, WTERMSIG(report.value), strsignal(WTERMSIG(report.value)));
    else
        snprintf(error, size, "%s: called exit (%d) while it was prepared", plugin,
                 WEXITSTATUS(report.value));
}

/* It leaves by itself, and nobody else is to wonder at that. */
static void part_with_zygote(struct household *household)
{
    struct report report;
    close_fd(&household->zygote_link[0]);
    while (link_take_report(household->keeper_link[0], &report, 1) > 0 &&
           report.kind != REPORT_ENDED)
        ;
}

int household_await(struct household *household, char *error, size_t error_size)
{
    struct report report;
    if (link_take_report(household->zygote_link[0], &report, 1) <= 0) {
        explain_zygote(household, error, error_size);
        return STATUS_CANNOT_EXECUTE;
    }
    if (report.kind == REPORT_REFUSED) {
        snprintf(error, error_size, "%s", report.text);
        return report.value;
    }
    household->prepared = (uint32_t)report.value;
    if (household->prepared == 0) {
        part_with_zygote(household);
        log_event(LOG_LEVEL_INFO, "each_prepares",
                  "why=\"the program does not fork its slots\"");
    }
    return 0;
}

int household_starter(const struct household *household)
{
    return household->zygote_link[0] >= 0 ? household->zygote_link[0]
                                          : household->keeper_link[0];
}

/* True: it has ended in time. */
static bool await_keeper(pid_t keeper, int *ret_status)
{
    int handle = (int)syscall(SYS_pidfd_open, keeper, 0);
    struct pollfd polled = {.fd = handle, .events = POLLIN};
    bool ended = handle < 0 || poll(&polled, 1, CLOSE_WAIT_MS) > 0;
    if (handle >= 0)
        close(handle);
    if (!ended)
        kill(keeper, SIGKILL);
    while (waitpid(keeper, ret_status, 0) < 0 && errno == EINTR)
        ;
    return ended;
}

/* Lets plugin or program finish. The keeper reports nothing else than the zygote's end.
 */
static void end_zygote(struct household *household, bool in_order)
{
    if (household->zygote_link[0] < 0)
        return;
    (void)link_request(household->zygote_link[0],
                       &(struct request){.kind = REQUEST_FINISH}, NULL, 0);
    struct pollfd polled = {.fd = household->keeper_link[0], .events = POLLIN};
    if (in_order)
        (void)poll(&polled, 1, FINISH_WAIT_MS);
    close_fd(&household->zygote_link[0]);
}

void household_end(struct household *household, bool in_order)
{
    end_zygote(household, in_order);
    close_fd(&household->keeper_link[0]);
    close_fd(&household->keeper_link[1]);
    close_fd(&household->zygote_link[1]);
    close_errors(household);
    if (!household->keeper)
        return;
    int status = -1;
    bool ended = await_keeper(household->keeper, &status);
    if (!ended || status != 0)
        descendants_end();
    household->keeper = 0;
}
