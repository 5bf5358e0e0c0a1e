/* SPDX-License-Identifier: MIT */
#include "deploy/slurm/fleet.h"

#include "common/clock.h"
#include "common/log.h"
#include "deploy/slurm/departure_report.h"
#include "deploy/slurm/job_script.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_US       (5 * SECOND_US)
#define LOOK_LEAST_US (SECOND_US / 4)
#define RETRY_US      (10 * SECOND_US) /* of what Slurm refuses to let go */

#define NOTHING_TO_EXCLUDE UINT32_MAX

enum { NAMED_MAX = 256 /* jobs in one command */ };

void fleet_init(struct fleet *fleet, const struct slurm_config *config,
                const char *directory, const struct ventilator_line *ventilator)
{
    *fleet = (struct fleet){.config = config,
                            .directory = directory,
                            .ventilator = ventilator,
                            .orders = {config, directory, COMMAND_NONE},
                            .excluding = NOTHING_TO_EXCLUDE};
    scaler_init(&fleet->scaler,
                &(struct scaler_config){.least = config->least,
                                        .most = config->most,
                                        .idle_release_us = config->idle_release_us});
}

void fleet_deinit(struct fleet *fleet)
{
    command_end(&fleet->orders.command);
    slurm_jobs_deinit(&fleet->jobs);
    scaler_deinit(&fleet->scaler);
}

/* `result` is that of the order. */
static void go(struct fleet *fleet, enum errand errand, int result)
{
    fleet->errand = errand;
    if (result == 0)
        return;
    say("cannot start a command of Slurm: %s", strerror(-result));
    fleet->failed = true;
}

static const char *shown(char *text, char *quoted, size_t size)
{
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '\n')
        length--;
    return log_quote(quoted, size, (const uint8_t *)text, length);
}

/* ---- submitting ---- */

static void submit(struct fleet *fleet, uint32_t count, int64_t now_us)
{
    char *nodes = scaler_excluded(&fleet->scaler, fleet->jobs.excluded);
    fleet->count = count;
    go(fleet, ERRAND_SUBMIT, order_submit(&fleet->orders, count, nodes, now_us));
    free(nodes);
}

static void on_refused(struct fleet *fleet, int64_t now_us)
{
    char quoted[2000], again[64] = "";
    int64_t pause_us = scaler_on_refused(&fleet->scaler, now_us);
    if (pause_us)
        snprintf(again, sizeof again, "; trying again in %lld s",
                 (long long)(pause_us / SECOND_US));
    say("cannot submit workers to Slurm: sbatch said: %s%s",
        shown(fleet->orders.command.text, quoted, sizeof quoted), again);
    if (!pause_us)
        fleet->failed = true;
}

static void on_submitted(struct fleet *fleet, int64_t now_us)
{
    const struct command *command = &fleet->orders.command;
    uint32_t array = command->status == 0 ? orders_read_array(command->text) : 0;
    if (!array) {
        on_refused(fleet, now_us);
        return;
    }
    slurm_jobs_submitted(&fleet->jobs, array, fleet->count);
    scaler_on_taken(&fleet->scaler, now_us);
    if (!fleet->config->quiet)
        say("submitted %lu worker%s to Slurm as job %lu", (unsigned long)fleet->count,
            fleet->count == 1 ? "" : "s", (unsigned long)array);
}

/* ---- looking ---- */

/* All arrays one after the other, and then a pause. */
static void look(struct fleet *fleet, int64_t now_us)
{
    fleet->array = slurm_jobs_next_array(&fleet->jobs, fleet->array);
    if (!fleet->array) {
        int64_t pause_us = fleet->config->liveness_us / 4;
        if (pause_us > LOOK_US)
            pause_us = LOOK_US;
        fleet->look_us = now_us + (pause_us > LOOK_LEAST_US ? pause_us : LOOK_LEAST_US);
        return;
    }
    go(fleet, ERRAND_LOOK, order_look(&fleet->orders, fleet->array, now_us));
}

static void on_departure(struct fleet *fleet, struct slurm_departure *departure,
                         int64_t now_us)
{
    char *log =
        job_log_tail(fleet->orders.directory, departure->array, departure->task);
    departure_look_at_log(departure, log);
    departure_look_at_limit(departure, fleet->config->drain_before_s);
    if (slurm_end_excuses(departure->end))
        ventilator_line_excuse(fleet->ventilator, departure->job, departure->restarts);
    bool excluded = scaler_on_departure(&fleet->scaler, departure, now_us);
    if (departure->end == SLURM_REFUSED && !fleet->refusal)
        fleet->refusal = departure->code;
    bool over = fleet->ending; /* and nobody wants to know who leaves */
    bool idle = departure->end == SLURM_RELEASED && fleet->config->quiet;
    if (!over && !idle)
        departure_report_say(departure, log);
    if (!over && excluded) {
        fleet->excluding = 0;
        departure_report_say_excluded(departure, log, fleet->config->worker,
                                      fleet->orders.directory);
    }
    free(log);
}

static void on_mute(struct fleet *fleet)
{
    char quoted[2000];
    bool first = slurm_jobs_mute(&fleet->jobs, fleet->array);
    if (!first && strstr(fleet->orders.command.text, "Invalid job id")) {
        slurm_jobs_forgotten(&fleet->jobs, fleet->array);
        return;
    }
    if (first)
        say("Slurm does not tell of job %lu: %s", (unsigned long)fleet->array,
            shown(fleet->orders.command.text, quoted, sizeof quoted));
}

static void on_looked(struct fleet *fleet, int64_t now_us)
{
    struct slurm_departure departure;
    if (fleet->orders.command.status != 0) {
        on_mute(fleet);
        return;
    }
    uint32_t gone =
        slurm_jobs_look(&fleet->jobs, fleet->array, fleet->orders.command.text);
    uint32_t ours = gone < fleet->withdrawn ? gone : fleet->withdrawn;
    fleet->withdrawn -= ours;
    scaler_on_withdrawn(&fleet->scaler, gone - ours);
    while (slurm_jobs_next(&fleet->jobs, &departure))
        on_departure(fleet, &departure, now_us);
}

/* ---- letting go ---- */

/* Jobs that run need no word of it; those that Slurm requeues later have it. */
static bool exclude(struct fleet *fleet, int64_t now_us)
{
    if (fleet->excluding == NOTHING_TO_EXCLUDE)
        return false;
    do
        fleet->excluding = slurm_jobs_next_array(&fleet->jobs, fleet->excluding);
    while (fleet->excluding && !slurm_jobs_array_waits(&fleet->jobs, fleet->excluding));
    if (!fleet->excluding) {
        fleet->excluding = NOTHING_TO_EXCLUDE;
        return false;
    }
    char *nodes = scaler_excluded(&fleet->scaler, fleet->jobs.excluded);
    go(fleet, ERRAND_EXCLUDE,
       order_exclude(&fleet->orders, fleet->excluding, nodes, now_us));
    free(nodes);
    return true;
}

/* One that begins to run just now stays. */
static bool withdraw(struct fleet *fleet, int64_t now_us)
{
    struct slurm_task tasks[NAMED_MAX];
    uint32_t count = scaler_withdraw(&fleet->scaler, now_us), found = 0;
    while (found < count && found < NAMED_MAX &&
           slurm_jobs_find_pending(&fleet->jobs, found, &tasks[found]))
        found++;
    if (!found)
        return false;
    fleet->withdrawn += found;
    go(fleet, ERRAND_WITHDRAW, order_withdraw(&fleet->orders, tasks, found, now_us));
    return true;
}

/* Of those that the ventilator calls idle, the ones that may be told to leave. */
static size_t find_idle(const struct fleet *fleet, struct scaler_idle *idle)
{
    const struct ventilator_line *line = fleet->ventilator;
    struct slurm_task task;
    size_t count = 0;
    for (size_t i = 0; i < line->idle_count; i++)
        if (slurm_jobs_find_running(&fleet->jobs, line->idle[i].job,
                                    line->idle[i].restarts, &task))
            idle[count++] = line->idle[i];
    return count;
}

/* What a worker was given meanwhile it finishes, or hands back. */
static bool release(struct fleet *fleet, int64_t now_us)
{
    struct slurm_task tasks[VENTILATOR_LINE_IDLE];
    struct scaler_idle idle[VENTILATOR_LINE_IDLE];
    size_t count = now_us < fleet->release_us ? 0 : find_idle(fleet, idle);
    fleet->released_count = scaler_release(&fleet->scaler, idle, count);
    if (!fleet->released_count)
        return false;
    for (uint32_t i = 0; i < fleet->released_count; i++) {
        slurm_jobs_find_running(&fleet->jobs, idle[i].job, idle[i].restarts, &tasks[i]);
        slurm_jobs_release(&fleet->jobs, idle[i].job, true);
        fleet->released[i] = idle[i].job;
    }
    go(fleet, ERRAND_RELEASE,
       order_release(&fleet->orders, tasks, fleet->released_count, now_us));
    return true;
}

static void on_released(struct fleet *fleet, int64_t now_us)
{
    if (fleet->orders.command.status == 0)
        return;
    fleet->release_us = now_us + RETRY_US;
    for (uint32_t i = 0; i < fleet->released_count; i++)
        slurm_jobs_release(&fleet->jobs, fleet->released[i], false);
}

/* ---- the end ---- */

bool fleet_cancel(struct fleet *fleet, int64_t now_us)
{
    if (!slurm_jobs_next_array(&fleet->jobs, 0))
        return false;
    go(fleet, ERRAND_CANCEL, order_cancel(&fleet->orders, &fleet->jobs, now_us));
    return true;
}

static void on_cancelled(struct fleet *fleet)
{
    char quoted[2000];
    if (fleet->orders.command.status != 0)
        say("cannot cancel the jobs of Slurm: %s: scancel them yourself, squeue --me "
            "shows them",
            shown(fleet->orders.command.text, quoted, sizeof quoted));
}

/* ---- the loop ---- */

void fleet_on_command(struct fleet *fleet, int64_t now_us)
{
    switch (fleet->errand) {
    case ERRAND_SUBMIT:
        on_submitted(fleet, now_us);
        break;
    case ERRAND_LOOK:
        on_looked(fleet, now_us);
        break;
    case ERRAND_RELEASE:
        on_released(fleet, now_us);
        break;
    case ERRAND_CANCEL:
        on_cancelled(fleet);
        break;
    case ERRAND_EXCLUDE: /* Slurm refuses that for a job that has begun meanwhile */
    case ERRAND_WITHDRAW:
        break;
    }
}

void fleet_turn(struct fleet *fleet, int64_t now_us)
{
    scaler_on_jobs(&fleet->scaler, &fleet->jobs);
    if (scaler_is_over(&fleet->scaler)) {
        say("all jobs of Slurm have ended, and no worker is left");
        fleet->failed = true;
        return;
    }
    uint32_t count = scaler_ask(&fleet->scaler, now_us);
    if (count)
        submit(fleet, count, now_us);
    else if (!exclude(fleet, now_us) && !withdraw(fleet, now_us) &&
             !release(fleet, now_us) && now_us >= fleet->look_us)
        look(fleet, now_us);
}

int64_t fleet_due_us(const struct fleet *fleet)
{
    return clock_earlier(fleet->look_us, scaler_due_us(&fleet->scaler));
}
