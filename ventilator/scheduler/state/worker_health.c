/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/state/worker_health.h"

enum {
    /* Chunks in a row. One that fails may be to blame itself. */
    DOUBT_AT = 2,
    REST_AT = 3,
    ASIDE_AT = 3,          /* of the row, which others have done, */
    ASIDE_UNPROVEN_AT = 2, /* where the worker has never done any */
    PAUSE_US = 250000,     /* before the first trial; each that fails doubles it */
    DOUBLINGS_MAX = 7,     /* half a minute */
};

bool worker_health_on_done(struct worker_health *health)
{
    bool was_aside = health->aside;
    *health = (struct worker_health){.proven = true,
                                     .round = health->round + 1,
                                     .told = health->told,
                                     .told_back = health->told_back};
    return was_aside;
}

static void rest(struct worker_health *health, bool trial, int64_t now_us)
{
    if (trial && health->trials < DOUBLINGS_MAX)
        health->trials++;
    health->trial_us = now_us + ((int64_t)PAUSE_US << health->trials);
}

void worker_health_on_failed(struct worker_health *health, bool first, bool trial,
                             int64_t now_us)
{
    bool rested = worker_health_rests(health);
    health->failed += first;
    if (worker_health_rests(health) && (trial || !rested))
        rest(health, trial, now_us);
}

static bool is_outdone(const struct worker_health *health)
{
    return health->outdone >= (health->proven ? ASIDE_AT : ASIDE_UNPROVEN_AT);
}

bool worker_health_on_outdone(struct worker_health *health)
{
    health->outdone++;
    return is_outdone(health) && !health->aside;
}

void worker_health_set_aside(struct worker_health *health, int64_t now_us)
{
    if (!worker_health_rests(health))
        rest(health, false, now_us);
    health->aside = true;
}

void worker_health_on_stuck(struct worker_health *health, bool trial, int64_t now_us)
{
    if (trial || !worker_health_rests(health))
        rest(health, trial, now_us);
    health->stuck = true;
}

bool worker_health_on_started(struct worker_health *health)
{
    bool back = health->stuck && health->aside && !is_outdone(health);
    health->stuck = false;
    health->aside &= !back;
    return back;
}

void worker_health_on_mute(struct worker_health *health, bool trial, int64_t now_us)
{
    if (trial || !worker_health_rests(health))
        rest(health, trial, now_us);
    health->mute = true;
}

static bool is_out(const struct worker_health *health)
{
    return health->aside || health->stuck || health->mute;
}

bool worker_health_in_doubt(const struct worker_health *health)
{
    return is_out(health) || health->failed >= DOUBT_AT;
}

bool worker_health_may_do(const struct worker_health *health)
{
    return health->proven && !is_out(health);
}

unsigned worker_health_hopes(const struct worker_health *health)
{
    bool sound = !worker_health_in_doubt(health);
    unsigned hopes = worker_health_may_do(health) ? 1U << PROVEN : 0;
    if (sound)
        hopes |= 1U << NOT_IN_DOUBT;
    if (sound && health->proven)
        hopes |= 1U << SURE;
    if (sound && health->failed == 0)
        hopes |= 1U << WELL;
    return hopes;
}

uint32_t worker_health_rank(const struct worker_health *health)
{
    if (worker_health_in_doubt(health))
        return worker_health_may_do(health) ? RANK_WORST - 1 : RANK_WORST;
    return health->failed > 0;
}

bool worker_health_rests(const struct worker_health *health)
{
    return is_out(health) || health->failed >= REST_AT;
}
