/* SPDX-License-Identifier: MIT */
#include "faults.h"
#include "seed.h"
#include "sim_sink.h"
#include "sim_worker.h"
#include "world/net.h"
#include "world/world.h"

enum { NUDGES_MAX = 9, AIMED_NUDGES_MAX = 25, AIMED = 1 };

static void disturb_workers(struct world *world, const struct process *process)
{
    if (process->name >= WORKER) {
        sim_worker_disturb((struct process *)(uintptr_t)process);
        return;
    }
    for (uint32_t name = WORKER; name < world->host_count; name++) {
        struct process *worker = world->hosts[name].process;
        if (worker && worker->alive && process->name == VENTILATOR)
            sim_worker_disturb(worker);
    }
}

/* ---- the faults ---- */

static void kill_one(struct world *world, struct process *process, int64_t least_us)
{
    struct random *random = &world->random;
    uint32_t name = process->name;
    int64_t soon = least_us + random_between(random, 20000, 300000);
    int64_t late = least_us + random_between(random, 200000, 9000000);
    TRACE(world, "FAULT: kill %s", process_name(process));
    disturb_workers(world, process);
    process_kill(process);
    bool told = name == SINK && ((struct sim_sink *)process)->told;
    if (name == SINK && !world->scenario.journal && (told || world->finishing))
        world->sink_over = true; /* another would start the output over */
    else if (name == SINK || !world->finishing)
        seed_start_process(world, name, RANDOM_PICK(random, soon, late));
}

void faults_kill_worker(struct process *process)
{
    process->world->tally->faults[FAULT_KILLER]++;
    kill_one(process->world, process, 0);
}

static bool is_living(const struct world *world, uint32_t name)
{
    return world->hosts[name].process && world->hosts[name].process->alive;
}

/* Any process, or sink and ventilator only; NULL: none is alive. */
static struct process *pick_living(struct world *world, bool aimed)
{
    uint32_t count = aimed ? WORKER : world->host_count, living = 0;
    for (uint32_t name = 0; name < count; name++)
        living += is_living(world, name);
    if (living == 0)
        return NULL;
    uint64_t skip = random_below(&world->random, living);
    uint32_t name = 0;
    while (!is_living(world, name) || skip-- > 0)
        name++;
    return world->hosts[name].process;
}

static void kill_many(struct world *world)
{
    int64_t kills = random_between(&world->random, 2, 4);
    if (random_chance(&world->random, 100)) /* all at once */
        kills = world->host_count;
    for (; kills > 0; kills--) {
        struct process *process = pick_living(world, false);
        if (process)
            kill_one(world, process, 0);
    }
}

/* The host of the sink: the ventilator is there as well or elsewhere, and so is each
 * worker. */
static void cut_power(struct world *world)
{
    struct random *random = &world->random;
    TRACE(world, "FAULT: power cut");
    int64_t boot_us = random_between(random, SECOND_US / 2, 6 * SECOND_US);
    uint32_t share = (uint32_t)RANDOM_PICK(random, 0, 500, 1000);
    for (uint32_t name = SINK; name < world->host_count; name++)
        if (is_living(world, name) && (name == SINK || random_chance(random, share)))
            kill_one(world, world->hosts[name].process, boot_us);
    disk_lose_power(world);
}

static void go_on(void *subject, uint64_t detail)
{
    (void)detail;
    struct process *process = subject;
    TRACE(process->world, "%s continues", process_name(process));
    process_continue(process);
    if (process->alive)
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
    world_trouble_until(world, world->schedule.now_us + length);
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
    int64_t server_lag = notice_us(world, false);
    if (dial_lag != NEVER_US)
        world_trouble_until(world, world->schedule.now_us + dial_lag);
    conn_break(dial->conn, dial_lag, server_lag);
}

static void part_dial(struct world *world, struct dial *dial)
{
    int64_t *until_us = &world->hosts[dial->owner->name].blocked_until_us[dial->to];
    int64_t end_us = world->schedule.now_us +
                     random_between(&world->random, 500000, 15 * SECOND_US);
    TRACE(world, "FAULT: part %s - %s for %d ms", process_name(dial->owner),
          name_text(dial->to), (int)((end_us - world->schedule.now_us) / 1000));
    if (*until_us < end_us)
        *until_us = end_us;
    world_trouble_until(world, end_us);
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
    world_trouble_until(world, world->schedule.now_us + length);
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
    if (process->name < WORKER)
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
        kill_one(world, process, 0);
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
    case FAULT_POWER:
        world->tally->faults[fault]++;
        cut_power(world);
        break;
    default:
        trouble_link(world, process, fault);
        break;
    }
}

/* ---- when ---- */

static enum fault pick_fault(struct world *world)
{
    const int64_t *allowed = world->scenario.faults;
    uint64_t count = 0, fault = 0;
    for (int i = 0; i < FAULT_KINDS; i++)
        count += allowed[i] != 0;
    uint64_t skip = random_below(&world->random, count);
    while (!allowed[fault] || skip-- > 0)
        fault++;
    return (enum fault)fault;
}

static bool all_started(const struct world *world)
{
    for (uint32_t name = 0; name < world->host_count; name++)
        if (!world->hosts[name].process)
            return false;
    return true;
}

static void strike(void *subject, uint64_t detail)
{
    struct world *world = subject;
    world_trouble_until(world, world->schedule.now_us);
    if (!all_started(world) || world->sink_over)
        return;
    struct process *process = pick_living(world, detail == AIMED);
    if (process)
        inflict(world, process, pick_fault(world));
}

void faults_nudge(struct world *world, bool takeover)
{
    bool aimed = takeover && world->scenario.aim;
    if (!scenario_has_faults(&world->scenario) ||
        world->nudges >= (aimed ? AIMED_NUDGES_MAX : NUDGES_MAX) ||
        !random_chance(&world->random, aimed ? 500 : 100))
        return;
    world->nudges++;
    int64_t delay = random_between(&world->random, 0, aimed ? 300000 : SECOND_US);
    world_trouble_until(world, world->schedule.now_us + delay);
    schedule_at(&world->schedule, world->schedule.now_us + delay, strike, world,
                aimed ? AIMED : 0);
}

static void interrupt(void *subject, uint64_t detail)
{
    (void)detail;
    struct world *world = subject;
    if (world->finishing || !is_living(world, VENTILATOR))
        return;
    TRACE(world, "FAULT: interrupt");
    process_post(world->hosts[VENTILATOR].process,
                 (struct item){.kind = ITEM_INTERRUPT});
}

/* From now on the first worker does not reach the sink. */
static void cut_off_worker(void *subject, uint64_t detail)
{
    (void)detail;
    struct world *world = subject;
    struct process *worker = world->hosts[WORKER].process;
    TRACE(world, "FAULT: worker-0 - sink parted for good");
    world->hosts[WORKER].blocked_until_us[SINK] = NEVER_US;
    if (worker && worker->alive && worker->dials[1] && worker->dials[1]->conn)
        conn_break(worker->dials[1]->conn, notice_us(world, true), 0);
}

static void make_sink_wait(void *subject, uint64_t detail)
{
    (void)detail;
    struct world *world = subject;
    struct process *sink = world->hosts[SINK].process;
    if (!all_started(world) || !sink->alive || sink->waits || world->sink_over)
        return;
    int64_t length_us =
        random_between(&world->random, SECOND_US, world->scenario.wait_ms * 1000);
    world->tally->faults[FAULT_FILES]++;
    world_trouble_until(world, world->schedule.now_us + length_us);
    sim_sink_wait(sink, length_us);
}

static void plan_waits(struct world *world, int64_t length_us)
{
    for (int64_t i = 0; i < world->scenario.file_waits; i++) {
        int64_t after_us = random_between(&world->random, 0, length_us);
        schedule_at(&world->schedule, world->schedule.now_us + after_us, make_sink_wait,
                    world, 0);
    }
}

static void plan_interrupts(struct world *world)
{
    int64_t at_us = random_between(&world->random, 0, 20 * SECOND_US);
    for (int64_t i = 0; i < world->scenario.interrupts; i++) {
        schedule_at(&world->schedule, world->schedule.now_us + at_us, interrupt, world,
                    0);
        at_us += random_between(&world->random, 0, 4 * SECOND_US);
    }
}

void faults_plan(struct world *world, int64_t length_us)
{
    const struct scenario *scenario = &world->scenario;
    int64_t from_us = world->schedule.now_us, gap_us = scenario->gap_ms * 1000;
    if (scenario->cut_off && world->leg == 0)
        schedule_at(&world->schedule,
                    from_us + RANDOM_PICK(&world->random, 0, 8 * SECOND_US),
                    cut_off_worker, world, 0);
    if (world->leg == 0)
        plan_interrupts(world);
    plan_waits(world, length_us);
    if (!scenario_has_faults(scenario))
        return;
    int64_t at_us = random_gap(&world->random, gap_us);
    for (; at_us < length_us; at_us += random_gap(&world->random, gap_us))
        schedule_at(&world->schedule, from_us + at_us, strike, world, 0);
    world_trouble_until(world, from_us + length_us);
}
