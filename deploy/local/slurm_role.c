/* SPDX-License-Identifier: MIT */
#include "deploy/local/slurm_role.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/options/table.h"
#include "common/parse.h"
#include "deploy/local/rerun_words.h"
#include "deploy/slurm/time_limit.h"
#include <signal.h>
#include <stdlib.h>

static const char default_drain_before[] = "60s";

static int64_t duration_us(const struct arguments *arguments, const char *name,
                           int64_t otherwise_us)
{
    int64_t us = otherwise_us;
    const char *said = arguments_value(arguments, name);
    if (said && !parse_duration(said, &us))
        us = otherwise_us;
    return us;
}

/* Workers that may run no longer than what is kept back leave at once. What only Slurm
 * knows, such as the limit of a partition, shows when the first has left. */
static bool time_allowed(const struct arguments *arguments, uint64_t drain_before_s)
{
    uint64_t limit_s;
    if (!time_limit_of_options(arguments_value(arguments, "slurm-options"), &limit_s) ||
        !time_limit_is_short(limit_s, drain_before_s))
        return true;
    say("--slurm-options: --time gives a job %llu s, and a worker leaves %llu s before "
        "its end, or up to a quarter earlier (--drain-before): expected a longer "
        "--time, or a shorter --drain-before",
        (unsigned long long)limit_s, (unsigned long long)drain_before_s);
    return false;
}

static void leave_signals(const void *context)
{
    launcher_signals_leave_to_child(context);
}

int slurm_role_open(struct slurm_role *role, const struct arguments *arguments,
                    const char *worker, const char *key_file,
                    const struct launcher_signals *signals)
{
    if (!arguments->slurm)
        return STATUS_OK;
    const char *drain_before = arguments_value(arguments, "drain-before");
    int64_t drain_us = 0;
    if (!drain_before)
        drain_before = default_drain_before;
    parse_duration(drain_before, &drain_us);
    uint64_t drain_before_s = (uint64_t)(drain_us / SECOND_US);
    if (!time_allowed(arguments, drain_before_s))
        return STATUS_USAGE;
    role->words = join_words(arguments);
    if (!role->words) {
        say("the command is too long, or has bytes that are no text: put it into a "
            "script, and name that");
        return STATUS_USAGE;
    }
    role->config = (struct slurm_config){
        .least = arguments->slurm_least,
        .most = arguments->slurm,
        .idle_release_us =
            duration_us(arguments, "idle-release", DEFAULT_IDLE_RELEASE_US),
        .options = arguments_value(arguments, "slurm-options"),
        .drain_before = drain_before,
        .drain_before_s = drain_before_s,
        .on_lost = arguments_value(arguments, "on-lost"),
        .worker = worker,
        .key_file = key_file,
        .words = role->words,
        .liveness_us = duration_us(arguments, "liveness", DEFAULT_LIVENESS_US),
        .patient = arguments_has(arguments, "patience"),
        .quiet = arguments->quiet,
        .in_child = leave_signals,
        .context = signals,
    };
    role->slurm = slurm_new(&role->config);
    return role->slurm ? STATUS_OK : STATUS_IO;
}

void slurm_role_close(struct slurm_role *role)
{
    slurm_close(&role->slurm);
    free(role->words);
    role->words = NULL;
}

int slurm_role_fd(const struct slurm_role *role)
{
    return role->slurm ? slurm_ventilator_fd(role->slurm) : -1;
}

void slurm_role_started(struct slurm_role *role)
{
    if (role->slurm)
        slurm_ventilator_started(role->slurm);
}

bool slurm_role_start(struct slurm_role *role)
{
    if (role->slurm)
        slurm_start(role->slurm);
    return role->slurm != NULL;
}

bool slurm_role_signal(struct slurm_role *role, int signal)
{
    if (!role->slurm)
        return false;
    if (signal == SIGKILL)
        slurm_kill(role->slurm);
    else
        slurm_cancel(role->slurm);
    return true;
}

nfds_t slurm_role_poll(struct slurm_role *role, struct pollfd *items,
                       int64_t *deadline_us)
{
    if (!role->slurm)
        return 0;
    int64_t due_us = slurm_due_us(role->slurm);
    if (due_us < *deadline_us)
        *deadline_us = due_us;
    return slurm_poll(role->slurm, items);
}

void slurm_role_tick(struct slurm_role *role, struct launcher *launcher, int64_t now_us)
{
    int status;
    if (!role->slurm)
        return;
    if (launcher->roles[ROLE_VENTILATOR].state == ROLE_ENDED)
        slurm_cancel(role->slurm);
    slurm_tick(role->slurm, now_us);
    if (slurm_began(role->slurm))
        launcher_on_alive(launcher);
    enum role_state state = launcher->roles[ROLE_WORKER].state;
    if (slurm_ended(role->slurm, &status) && state != ROLE_DUE && state != ROLE_ENDED)
        launcher_on_end(launcher, ROLE_WORKER, (struct ending){false, status}, now_us);
}
