/* SPDX-License-Identifier: MIT */
/* The way of the role: it waits for the endpoint, has jobs, and cancels them. */
#include "deploy/slurm/slurm.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include "deploy/slurm/fleet.h"
#include "deploy/slurm/job_script.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* X(NAME, what may follow) */
#define SLURM_PHASES(X)                                     \
    X(IDLE, BIT(WAITS) | BIT(ENDED))                        \
    X(WAITS, BIT(RUNS) | BIT(ENDED)) /* for the endpoint */ \
    X(RUNS, BIT(CANCELS) | BIT(ENDED))                      \
    X(CANCELS, BIT(ENDED))                                  \
    X(ENDED, 0)

enum slurm_phase {
#define X(name, next) PHASE_##name,
    SLURM_PHASES(X)
#undef X
};

struct slurm {
    const struct slurm_config *config;
    enum slurm_phase phase;
    bool began_due; /* a first job runs, and nobody has asked yet */
    bool began;     /* one has */
    bool ended_due; /* nobody has asked yet */
    int status;     /* valid once it has ended */
    char *directory;
    struct ventilator_line ventilator;
    struct fleet fleet;
};

static void set_phase(struct slurm *slurm, enum slurm_phase phase)
{
#define BIT(name)     (1U << PHASE_##name)
#define X(name, next) [PHASE_##name] = (next),
    static const unsigned next[] = {SLURM_PHASES(X)};
#undef X
#undef BIT
    if (!(next[slurm->phase] & 1U << phase))
        abort();
    slurm->phase = phase;
}

static void finish(struct slurm *slurm, int status)
{
    if (slurm->phase == PHASE_ENDED)
        return;
    set_phase(slurm, PHASE_ENDED);
    slurm->status = status;
    slurm->ended_due = true;
}

struct slurm *slurm_new(const struct slurm_config *config)
{
    struct slurm *slurm = allocate_zeroed(1, sizeof *slurm);
    slurm->config = config;
    slurm->directory = job_directory_make();
    if (!slurm->directory) {
        say("cannot make a directory here for the jobs of Slurm: %s", strerror(errno));
        free(slurm);
        return NULL;
    }
    int result = ventilator_line_open(&slurm->ventilator);
    fleet_init(&slurm->fleet, config, slurm->directory, &slurm->ventilator);
    if (result < 0) {
        say("cannot make a socket: %s", strerror(-result));
        slurm_close(&slurm);
    }
    return slurm;
}

void slurm_close(struct slurm **slurm_p)
{
    struct slurm *slurm = *slurm_p;
    if (!slurm)
        return;
    fleet_deinit(&slurm->fleet);
    ventilator_line_close(&slurm->ventilator);
    job_directory_remove(slurm->directory);
    free(slurm->directory);
    free(slurm);
    *slurm_p = NULL;
}

int slurm_ventilator_fd(const struct slurm *slurm)
{
    return slurm->ventilator.theirs;
}

void slurm_ventilator_started(struct slurm *slurm)
{
    ventilator_line_started(&slurm->ventilator);
}

void slurm_start(struct slurm *slurm)
{
    set_phase(slurm, PHASE_WAITS);
}

void slurm_cancel(struct slurm *slurm)
{
    slurm->fleet.ending = true;
}

/* What sbatch has taken must be known before it can be cancelled. */
void slurm_kill(struct slurm *slurm)
{
    struct fleet *fleet = &slurm->fleet;
    bool cancels = slurm->phase == PHASE_CANCELS;
    fleet->ending = true;
    if (cancels || fleet->errand != ERRAND_SUBMIT)
        command_end(&fleet->orders.command);
    if (cancels)
        finish(slurm, STATUS_OK);
}

/* ---- the loop ---- */

static void begin(struct slurm *slurm)
{
    int result =
        job_script_write(slurm->directory, slurm->config, slurm->ventilator.tasks);
    set_phase(slurm, PHASE_RUNS);
    if (result == 0)
        return;
    say("cannot write in %s: %s", slurm->directory, strerror(-result));
    finish(slurm, STATUS_IO);
}

/* sbatch has ended: it is known which jobs there are. */
static void cancel(struct slurm *slurm, int64_t now_us)
{
    if (slurm->phase != PHASE_CANCELS && fleet_cancel(&slurm->fleet, now_us))
        set_phase(slurm, PHASE_CANCELS);
    else
        finish(slurm, STATUS_OK);
}

static void turn(struct slurm *slurm, int64_t now_us)
{
    if (slurm->fleet.ending)
        cancel(slurm, now_us);
    else if (slurm->phase == PHASE_WAITS && slurm->ventilator.tasks)
        begin(slurm);
    if (slurm->phase == PHASE_RUNS)
        fleet_turn(&slurm->fleet, now_us);
    if (slurm->fleet.failed)
        finish(slurm, slurm->fleet.refusal ? slurm->fleet.refusal : STATUS_IO);
}

nfds_t slurm_poll(const struct slurm *slurm, struct pollfd *items)
{
    items[0] = (struct pollfd){.fd = slurm->ventilator.fd, .events = POLLIN};
    items[1] = (struct pollfd){.fd = slurm->fleet.orders.command.out, .events = POLLIN};
    return SLURM_POLL_MAX;
}

void slurm_tick(struct slurm *slurm, int64_t now_us)
{
    struct fleet *fleet = &slurm->fleet;
    ventilator_line_read(&slurm->ventilator);
    if (slurm->ventilator.news)
        scaler_on_load(&fleet->scaler, &slurm->ventilator.load);
    if (command_ended(&fleet->orders.command, now_us))
        fleet_on_command(fleet, now_us);
    slurm->began_due |= fleet->jobs.running > 0 && !slurm->began;
    slurm->began |= fleet->jobs.running > 0;
    if (slurm->phase != PHASE_ENDED && !fleet->orders.command.pid)
        turn(slurm, now_us);
}

int64_t slurm_due_us(const struct slurm *slurm)
{
    if (slurm->fleet.orders.command.pid)
        return slurm->fleet.orders.command.limit_us;
    if (slurm->phase == PHASE_ENDED)
        return slurm->ended_due ? 0 : NEVER_US;
    if (slurm->fleet.ending || (slurm->phase == PHASE_WAITS && slurm->ventilator.tasks))
        return 0;
    return slurm->phase == PHASE_RUNS ? fleet_due_us(&slurm->fleet) : NEVER_US;
}

bool slurm_began(struct slurm *slurm)
{
    bool due = slurm->began_due;
    slurm->began_due = false;
    return due;
}

bool slurm_ended(struct slurm *slurm, int *ret_status)
{
    if (!slurm->ended_due)
        return false;
    slurm->ended_due = false;
    *ret_status = slurm->status;
    return true;
}
