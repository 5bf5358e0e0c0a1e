/* SPDX-License-Identifier: MIT */
#include "faults.h"
#include "net.h"
#include "sim_sink.h"
#include "sim_worker.h"
#include "world.h"

enum { NUDGES_MAX = 9, AIMED_NUDGES_MAX = 25, AIMED = 1 };

static void disturb_workers(struct world *world, const struct process *process)
{
    for (int name = WORKER_0; name < NAMES; name++) {
        struct process *worker = world->processes[name];
        if (worker && worker->alive &&
            (process == worker || process->name == VENTILATOR))
            sim_worker_disturb(worker);
    }
}

/* ---- the faults ---- */

static void kill_one(struct world *world, struct process *process)
{
    struct random *random = &world->random;
    enum name name = process->name;
    int64_t soon = random_between(random, 20000, 300000);
    int64_t late = random_between(random, 200000, 9000000);
    TRACE(world, "FAULT: kill %s", process_name(process));
    disturb_workers(world, process);
    process_kill(process);
    bool told = name == SINK && ((struct sim_sink *)process)->told;
    if (name == SINK && !world->mix.journal && (told || world->finishing))
        world->sink_over = true; /* another would begin the output anew */
    else if (name == SINK || !world->finishing)
        world_start(world, name, RANDOM_PICK(random, soon, late));
}

static uint32_t list_living(struct world *world, bool aimed,
                            struct process **ret_living)
{
    uint32_t count = 0;
    for (int name = 0; name < (aimed ? WORKER_0 : NAMES); name++)
        if (world->processes[name] && world->processes[name]->alive)
            ret_living[count++] = world->processes[name];
    return count;
}

static void kill_many(struct world *world)
{
    struct process *living[NAMES];
    uint32_t count = list_living(world, false, living);
    int64_t kills = random_between(&world->random, 2, 4);
    for (; kills > 0 && count > 0; kills--) {
        uint64_t i = random_below(&world->random, count);
        kill_one(world, living[i]);
        living[i] = living[--count];
    }
}

static void go_on(void *subject, uint64_t detail)
{
    (void)detail;
    struct process *process = subject;
    TRACE(process->world, "%s continues", process_name(process));
    process_continue(process);
    disturb_workers(process->world, process);
}

static void stop_one(struct world *world, struct process *process)
{
    if (process->stopped)
        return;
    int64_t length = random_between(&world->random, 500000, 12 * SECOND_US);
    TRACE(world, "FAULT: stop %s for %d ms", process_name(process),
          (int)(length / 1000));
    disturb_workers(world, process);
    process_stop(process);
    schedule_at(&world->schedule, world->schedule.now_us + length, go_on, process, 0);
}

/* Half open for some time, or for ever where no keepalive watches it: only the link
 * between worker and sink has one. */
static int64_t notice_us(struct world *world, bool bounded)
{
    struct random *random = &world->random;
    int64_t late = bounded ? random_between(random, 0, 2 * LIVENESS_US) : NEVER_US;
    return RANDOM_PICK(random, 0, 0, random_between(random, 0, 4 * SECOND_US), late);
}

static void break_dial(struct world *world, struct dial *dial)
{
    if (!dial->conn)
        return;
    TRACE(world, "FAULT: break %s - %s", process_name(dial->owner),
          name_text(dial->to));
    int64_t dial_lag = notice_us(world, dial->to == SINK);
    conn_break(dial->conn, dial_lag, notice_us(world, false));
}

static void part_dial(struct world *world, struct dial *dial)
{
    int64_t *until_us = &world->blocked_until_us[dial->owner->name][dial->to];
    int64_t end_us = world->schedule.now_us +
                     random_between(&world->random, 500000, 15 * SECOND_US);
    TRACE(world, "FAULT: part %s - %s for %d ms", process_name(dial->owner),
          name_text(dial->to), (int)((end_us - world->schedule.now_us) / 1000));
    if (*until_us < end_us)
        *until_us = end_us;
    break_dial(world, dial);
}

static void stall_dial(struct world *world, struct dial *dial)
{
    struct random *random = &world->random;
    int64_t ways = RANDOM_PICK(random, 1, 2, 3);
    if (!dial->conn)
        return;
    int64_t length = random_between(random, SECOND_US, 12 * SECOND_US);
    TRACE(world, "FAULT: stall %s - %s%s%s for %d ms", process_name(dial->owner),
          name_text(dial->to), ways & 1 ? " in" : "", ways & 2 ? " back" : "",
          (int)(length / 1000));
    conn_stall(dial->conn, ways & 1, ways & 2, world->schedule.now_us + length);
}

static void trouble_link(struct world *world, struct process *process, enum fault fault)
{
    struct dial *dials[2];
    uint32_t count = 0;
    for (int i = 0; i < 2; i++)
        if (process->dials[i])
            dials[count++] = process->dials[i];
    if (count == 0)
        return;
    struct dial *dial = dials[random_below(&world->random, count)];
    if (dial->to == VENTILATOR)
        disturb_workers(world, process);
    world->tally->faults[fault]++;
    if (fault == FAULT_BREAK)
        break_dial(world, dial);
    else if (fault == FAULT_PART)
        part_dial(world, dial);
    else
        stall_dial(world, dial);
}

static void leave_one(struct world *world, struct process *process)
{
    if (process->name < WORKER_0)
        return;
    TRACE(world, "FAULT: %s is to leave", process_name(process));
    world->tally->faults[FAULT_LEAVE]++;
    process_post(process, (struct item){.kind = ITEM_LEAVE});
}

static void inflict(struct world *world, struct process *process, enum fault fault)
{
    switch ((int)fault) {
    case FAULT_KILL:
        world->tally->faults[fault]++;
        kill_one(world, process);
        break;
    case FAULT_MANY:
        world->tally->faults[fault]++;
        kill_many(world);
        break;
    case FAULT_STOP:
        world->tally->faults[fault]++;
        stop_one(world, process);
        break;
    case FAULT_LEAVE:
        leave_one(world, process);
        break;
    default:
        trouble_link(world, process, fault);
        break;
    }
}

/* ---- when ---- */

static enum fault pick_fault(struct world *world)
{
    uint64_t skip = random_below(&world->random, world->mix.kind_count);
    int fault = 0;
    while (!world->mix.kinds[fault] || skip-- > 0)
        fault++;
    return (enum fault)fault;
}

static bool all_started(const struct world *world)
{
    for (uint32_t name = 0; name < WORKER_0 + world->mix.workers; name++)
        if (!world->processes[name])
            return false;
    return true;
}

static void strike(void *subject, uint64_t detail)
{
    struct world *world = subject;
    struct process *living[NAMES];
    uint32_t count = list_living(world, detail == AIMED, living);
    if (!all_started(world) || count == 0 || world->sink_over)
        return;
    inflict(world, living[random_below(&world->random, count)], pick_fault(world));
}

void faults_nudge(struct world *world, bool takeover)
{
    bool aimed = takeover && world->mix.aim;
    if (world->mix.kind_count == 0 ||
        world->nudges >= (aimed ? AIMED_NUDGES_MAX : NUDGES_MAX) ||
        !random_chance(&world->random, aimed ? 500 : 100))
        return;
    world->nudges++;
    int64_t delay = random_between(&world->random, 0, aimed ? 300000 : SECOND_US);
    schedule_at(&world->schedule, world->schedule.now_us + delay, strike, world,
                aimed ? AIMED : 0);
}

static void interrupt(void *subject, uint64_t detail)
{
    (void)detail;
    struct world *world = subject;
    struct process *ventilator = world->processes[VENTILATOR];
    if (!ventilator || !ventilator->alive || world->finishing)
        return;
    TRACE(world, "FAULT: interrupt");
    process_post(ventilator, (struct item){.kind = ITEM_INTERRUPT});
}

void faults_plan(struct world *world)
{
    const struct mix *mix = &world->mix;
    if (mix->outcast)
        world->blocked_until_us[WORKER_0][SINK] = NEVER_US;
    if (mix->interrupted)
        schedule_at(&world->schedule, random_between(&world->random, 0, 20 * SECOND_US),
                    interrupt, world, 0);
    if (mix->kind_count == 0)
        return;
    int64_t at_us = random_gap(&world->random, mix->fault_gap_us);
    for (; at_us < mix->faults_until_us;
         at_us += random_gap(&world->random, mix->fault_gap_us))
        schedule_at(&world->schedule, at_us, strike, world, 0);
}
