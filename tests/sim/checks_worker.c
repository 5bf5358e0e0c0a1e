/* SPDX-License-Identifier: MIT */
#include "checks.h"
#include "common/exit_status.h"
#include "world/world.h"

enum { ROOM = 2 };

static struct world *of(const struct process *process)
{
    return process->world;
}

/* A worker has at most as many tasks as slots and prefetch, as many results again, and
 * two. The prefetch lasts for 20 ms and for a round trip of half a second at most:
 * tasks that run for 50 ms are so many a slot, tasks that run for 600 ms one. */
void check_ledger(const struct sim_worker *w)
{
    const struct world *world = of(&w->process);
    uint64_t prefetch = scenario_window(&world->scenario) / 2;
    uint64_t a_slot = world->scenario.even_tasks ? 1 : 520 / 50 + 1;
    if (!world->scenario.short_tasks && prefetch > a_slot * w->slot_count)
        prefetch = a_slot * w->slot_count;
    uint64_t limit = 2 * (w->slot_count + prefetch) + ROOM;
    if (w->held_count > limit)
        world_violation(of(&w->process), "%s has %u tasks on its ledger",
                        process_name(&w->process), w->held_count);
}

void check_start(const struct sim_worker *w, const struct slot *slot, uint32_t load,
                 const struct session_action *action)
{
    struct world *world = of(&w->process);
    const struct cargo *cargo = action->cargo;
    bool part = cargo->isolation && cargo->began_us; /* it keeps its slot */
    if (slot->replacing && !part)
        world_violation(world, "START in slot %u, which is being replaced",
                        slot->number);
    if (load >= world->scenario.depth)
        world_violation(world, "slot %u is given more than %jd tasks", slot->number,
                        (intmax_t)world->scenario.depth);
    if (cargo->dropped || cargo->payload.seq != action->seq)
        world_violation(world, "START of %ju with the cargo of another",
                        (uintmax_t)action->seq);
}

/* Each has failed alone: a chunk has no more than are sampled. */
void check_none_good(const struct sim_worker *w, const struct cargo *cargo)
{
    const struct payload *payload = &cargo->payload;
    for (uint32_t record = payload->first; record < payload->end; record++)
        if (!payload->failed_alone[record - payload->first])
            world_violation(of(&w->process),
                            "record %u is given up with the others of its chunk, and "
                            "nobody ran it",
                            record);
}

void check_sent(const struct sim_worker *w, const struct cargo *cargo)
{
    struct world *world = of(&w->process);
    if (cargo->dropped)
        world_violation(world, "a result is sent that was dropped");
    if (cargo->probe)
        world_violation(world, "the result of a probe is sent");
    if (cargo->epoch != session_epoch(w->core))
        world_violation(world, "a result of epoch %ju is sent as one of epoch %ju",
                        (uintmax_t)cargo->epoch, (uintmax_t)session_epoch(w->core));
}

/* It leaves as its ventilator is lost, rightly so: that was silent for twice the
 * liveness time, and if runs are to be finished, none was broken off. */
static void check_left_lost(const struct sim_worker *w)
{
    struct world *world = of(&w->process);
    int64_t silent_us = world->schedule.now_us - w->told_us;
    if (silent_us < 2 * LIVENESS_US)
        world_violation(world, "%s gives its ventilator up after %jd ms",
                        process_name(&w->process), (intmax_t)(silent_us / 1000));
    if (world->scenario.on_lost == ON_LOST_FINISH &&
        w->broke_off_us == world->schedule.now_us)
        world_violation(world, "%s breaks off what it runs, and was to finish it",
                        process_name(&w->process));
}

/* It gives up only where faults have followed each other for as long as its patience
 * lasts, or when the run is over. */
void check_leave(const struct sim_worker *w, int status)
{
    struct world *world = of(&w->process);
    bool quiet = !scenario_has_faults(&world->scenario) &&
                 w->welcomed; /* STOP came through */
    bool impatient = w->alone && world_is_troubled(world, PATIENCE_US);
    if (status != STATUS_OK && world->scenario.on_lost && w->welcomed) {
        check_left_lost(w);
        return;
    }
    if (status != STATUS_OK && !impatient &&
        (quiet || (!world->finishing && !world->sink_over)))
        world_violation(world, "%s gives up with status %d, and was not told to",
                        process_name(&w->process), status);
}
