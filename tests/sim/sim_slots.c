/* SPDX-License-Identifier: MIT */
#include "sim_slots.h"
#include "checks.h"
#include "sim_ventilator.h"
#include "world.h"

/* So long after a disturbance a ventilator may still count a task as lost. */
#define DISTURBANCE_US (40 * SECOND_US)

static int64_t now(const struct sim_worker *w)
{
    return w->process.world->schedule.now_us;
}

static void run_ends(void *subject, uint64_t detail);

static int64_t run_us(struct world *world)
{
    struct random *random = &world->random;
    if (random_chance(random, 50))
        return random_between(random, 4 * SECOND_US, 12 * SECOND_US);
    if (world->mix.short_tasks)
        return random_between(random, 500, 20000);
    return random_between(random, 50000, SECOND_US);
}

static void lose(struct run *run)
{
    if (!run->disturbed)
        sim_ventilator_fate(&run->cargo->payload)->lost++;
    run->disturbed = true;
}

static void begin_first(struct slot *slot)
{
    struct run *run = slot->runs;
    struct world *world = slot->worker->process.world;
    if (!run || run->began_us > 0 || !slot->ready)
        return;
    run->began_us = world->schedule.now_us;
    run->older = slot->worker->latest;
    slot->worker->latest = run;
    const struct payload *chunk = &run->cargo->payload;
    bool poisoned = world->mix.poison >= chunk->first && world->mix.poison < chunk->end;
    if (run->began_us - DISTURBANCE_US < slot->worker->disturbed_us)
        lose(run);
    if (random_chance(&world->random, world->mix.crash))
        run->end = RUN_CRASHED;
    else if (poisoned || random_chance(&world->random, world->mix.flaky))
        run->end = RUN_FAILED;
    int64_t takes_us = run_us(world);
    schedule_at(&world->schedule, world->schedule.now_us + takes_us, run_ends, run, 0);
}

static void run_ends(void *subject, uint64_t detail)
{
    (void)detail;
    struct run *run = subject;
    if (run->killed || !run->slot->ready || run->slot->runs != run)
        return;
    run->slot->runs = run->next;
    if (run->end == RUN_CRASHED)
        run->slot->ready = false;
    process_post(&run->slot->worker->process,
                 (struct item){.kind = ITEM_RUN_END, .subject = run});
    begin_first(run->slot);
}

static void replaced(void *subject, uint64_t detail)
{
    (void)detail;
    struct slot *slot = subject;
    process_post(&slot->worker->process,
                 (struct item){.kind = ITEM_SLOT, .subject = slot});
}

void slot_replace(struct slot *slot)
{
    struct world *world = slot->worker->process.world;
    slot->ready = false;
    if (slot->replacing)
        return;
    slot->replacing = true;
    schedule_at(&world->schedule,
                world->schedule.now_us + random_between(&world->random, 500, 50000),
                replaced, slot, 0);
}

/* What was in the slot and never began goes back to the session. */
void slot_hand_back(struct slot *slot)
{
    for (struct run *run = slot->runs, *next; run; run = next) {
        next = run->next;
        if (!run->killed) {
            run->killed = true;
            session_on_unstarted(slot->worker->core, slot->number, run->seq,
                                 run->attempt);
        }
    }
    slot->runs = NULL;
}

static uint32_t slot_load(const struct slot *slot)
{
    uint32_t load = 0;
    for (const struct run *run = slot->runs; run; run = run->next)
        load += !run->killed;
    return load;
}

void slots_start(struct sim_worker *w, const struct session_action *action)
{
    struct world *world = w->process.world;
    if (action->slot >= w->slot_count) {
        world_violation(world, "START in slot %u, which there is not", action->slot);
        return;
    }
    struct slot *slot = &w->slots[action->slot];
    check_start(w, slot, slot_load(slot), action);
    struct run *run = arena_take(&world->arena, sizeof *run);
    *run = (struct run){.slot = slot,
                        .cargo = action->cargo,
                        .seq = action->seq,
                        .attempt = action->attempt};
    struct run **last = &slot->runs;
    while (*last)
        last = &(*last)->next;
    *last = run;
    begin_first(slot);
}

static struct run *find_run(struct slot *slot, uint64_t seq, uint32_t attempt)
{
    for (struct run *run = slot->runs; run; run = run->next)
        if (run->seq == seq && run->attempt == attempt && !run->killed)
            return run;
    return NULL;
}

/* The end of a run may wait in the mailbox; then it is not reported any more. */
static struct run *find_ended(struct sim_worker *w, uint64_t seq, uint32_t attempt)
{
    for (struct item *item = w->process.first_item; item; item = item->next) {
        struct run *run = item->kind == ITEM_RUN_END ? item->subject : NULL;
        if (run && run->seq == seq && run->attempt == attempt && !run->killed)
            return run;
    }
    return NULL;
}

void slots_kill(struct sim_worker *w, const struct session_action *action)
{
    struct slot *slot = &w->slots[action->slot];
    struct run *run = find_run(slot, action->seq, action->attempt);
    if (!run)
        run = find_ended(w, action->seq, action->attempt);
    if (run && run->began_us > 0)
        lose(run); /* that it was handed back may not be heard */
    if (run) /* else it has ended by itself, and was reported since KILL was decided */
        run->killed = true;
    slot_replace(slot);
}

/* Also those that ended: the news of it may be lost. */
void slots_lose(struct sim_worker *w)
{
    struct run *run = w->latest;
    for (; run && run->began_us > now(w) - DISTURBANCE_US; run = run->older)
        lose(run);
}
