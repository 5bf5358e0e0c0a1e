/* SPDX-License-Identifier: MIT */
#include "seed.h"
#include "checks.h"
#include "common/exit_status.h"
#include "faults.h"
#include "progress_checks.h"
#include "sim_sink.h"
#include "sim_ventilator.h"
#include "sim_worker.h"
#include "world/records.h"
#include "world/world.h"

#define LIMIT_US   (1500 * SECOND_US) /* of a leg */
#define TRIALS_US  (100 * SECOND_US)  /* of a chunk, where only bad hosts serve */
#define LOOK_US    (2 * SECOND_US)
#define DISMISS_US (30 * SECOND_US)

enum { LEGS_MAX = 6 };

/* ---- who is started ---- */

static void start_now(void *subject, uint64_t detail)
{
    struct world *world = subject;
    uint32_t name = (uint32_t)detail;
    world->hosts[name].returning = false;
    if (world_has(world, name) || (name == SINK && world->sink_over) ||
        world->dismissed)
        return;
    if (name == SINK && disk_locked(world)) { /* it waits for the lock */
        seed_start_process(world, name, SECOND_US / 20);
        return;
    }
    if (name == SINK)
        sim_sink_start(world);
    else if (name == VENTILATOR)
        sim_ventilator_start(world);
    else
        sim_worker_start(world, name);
    TRACE(world, "START %s", process_name(world->hosts[name].process));
}

void seed_start_process(struct world *world, uint32_t name, int64_t delay_us)
{
    if (world->hosts[name].returning)
        return;
    world->hosts[name].returning = true;
    world_trouble_until(world, world->schedule.now_us + delay_us);
    schedule_at(&world->schedule, world->schedule.now_us + delay_us, start_now, world,
                name);
}

static bool troubled(const struct world *world)
{
    return world->output_closed || world->disk_full;
}

/* A sink that left without a GOODBYE starts again as long as a ventilator lives. */
static void on_sink_exit(struct world *world, struct process *process)
{
    const struct sim_sink *sink = (struct sim_sink *)process;
    /* Without a journal one that is started on a complete output starts it over. */
    bool done = sink->complete && !world->scenario.journal;
    bool wanted = world_has(world, VENTILATOR) && !world->finishing && !done;
    if (!sink->parted && wanted && !troubled(world) && world->scenario.ordered) {
        seed_start_process(world, SINK, SECOND_US);
        return;
    }
    if (sink->parted && sink->complete)
        disk_remove_journal(world);
    world->sink_over = true;
}

static void on_worker_exit(struct world *world, struct process *process, int status)
{
    check_leave((struct sim_worker *)process, status);
    if (!world->finishing && !world->sink_over)
        seed_start_process(world, process->name,
                           random_between(&world->random, SECOND_US, 9 * SECOND_US));
}

static void on_exit(struct world *world, struct process *process, int status)
{
    bool well = status == STATUS_OK || status == STATUS_DEAD_LETTERS;
    if (process->name == SINK) {
        on_sink_exit(world, process);
    } else if (process->name == VENTILATOR) {
        world->finishing = true;
        world->ended_well |= well;
        world->ended_early |= !well;
    } else {
        on_worker_exit(world, process, status);
    }
}

/* ---- time passes ---- */

static bool run_continues(const struct world *world)
{
    for (uint32_t name = 0; name < world->host_count; name++) {
        bool idle = name >= WORKER && world->scenario.extra_runs;
        if (!idle && (world_has(world, name) || world->hosts[name].returning))
            return true;
    }
    return false;
}

/* Looks at the whole world now and then; the loops make the checks of single steps. */
static void step_until_over(struct world *world, int64_t limit_us)
{
    int64_t look_us = world->schedule.now_us + LOOK_US;
    while (!world->violation[0] && world->schedule.now_us < limit_us) {
        if (world->schedule.now_us >= look_us) {
            check_world_progress(world);
            look_us = world->schedule.now_us + LOOK_US;
        }
        if (!world_has(world, VENTILATOR) && !world_has(world, SINK) &&
            !run_continues(world))
            return;
        if (!schedule_step(&world->schedule))
            return;
        world->tally->events++;
    }
}

/* ---- legs and runs ---- */

/* Where no good host serves, those that are set aside try each chunk as often as it may
 * fail, and rest half a minute before each trial. */
static int64_t leg_limit_us(const struct scenario *scenario)
{
    return LIMIT_US + (scenario->bad_hosts ? scenario->records * TRIALS_US : 0);
}

static void begin_leg(struct world *world, int64_t within_us)
{
    world->sink_over = world->finishing = world->earned = world->halted = false;
    world->interrupted = world->input_failed = world->output_closed = false;
    world->disk_full = world->ended_well = world->ended_early = false;
    world->position_lost = world->in_doubt = world->impatient = false;
    world->leg++;
    world->leg_us = world->schedule.now_us;
    for (uint32_t name = 0; name < world->host_count; name++)
        if (!world_has(world, name))
            seed_start_process(world, name,
                               random_between(&world->random, 0, within_us));
}

/* Puts right what ended the leg. */
static void mend(struct world *world)
{
    struct scenario *scenario = &world->scenario;
    if (scenario->on_error == 0 || world->leg + 2 > LEGS_MAX)
        records_mend(world);
    if (world->leg + 2 > LEGS_MAX)
        scenario->flaky = scenario->crash = scenario->slips = scenario->limit_ms =
            scenario->limit_percent = scenario->file_waits = scenario->opens =
                scenario->shifts = scenario->sends = 0;
    if (scenario->on_error == 0 || world->leg + 2 > LEGS_MAX)
        scenario->bad_hosts = scenario->mute_hosts = 0;
    scenario->halt = 0;
    scenario->input_fails = scenario->output_closes = NOT_EVER;
    if (world->disk_full || scenario->disk_room < NOT_EVER)
        disk_free(world);
    scenario->disk_room = NOT_EVER;
}

static void run_legs(struct world *world)
{
    for (;;) {
        step_until_over(world, world->schedule.now_us + leg_limit_us(&world->scenario));
        bool over = check_leg_end(world);
        if (world->violation[0] || over || !world->scenario.journal ||
            world->leg == LEGS_MAX)
            break;
        TRACE(world, "---- resumed");
        world->tally->resumed++;
        mend(world);
        faults_plan(world, world->scenario.until_ms * 1000 / 4);
        begin_leg(world, 3 * SECOND_US);
    }
    if (!world->violation[0])
        check_run_end(world);
}

/* Workers that stay serve the next run as well: another input, another output. */
static void begin_next_run(struct world *world)
{
    TRACE(world, "---- the next run");
    world->scenario = world->drawn;
    world->run++;
    world->leg = 0;
    world->shifted = NULL;
    world->doubt_told = false;
    disk_clear(world);
    records_draw(world);
    faults_plan(world, world->scenario.until_ms * 1000);
    begin_leg(world, SECOND_US);
}

static void dismiss_workers(struct world *world)
{
    TRACE(world, "---- workers are to leave");
    world->scenario.extra_runs = 0;
    world->dismissed = true;
    for (uint32_t name = WORKER; name < world->host_count; name++)
        if (world_has(world, name))
            process_post(world->hosts[name].process, (struct item){.kind = ITEM_LEAVE});
    int64_t limit_us = world->schedule.now_us + DISMISS_US;
    while (run_continues(world) && !world->violation[0] &&
           world->schedule.now_us < limit_us && schedule_step(&world->schedule))
        world->tally->events++;
    check_all_left(world);
}

static void run_all(struct world *world)
{
    int64_t stay = world->scenario.extra_runs;
    begin_leg(world, 3 * SECOND_US);
    run_legs(world);
    for (int64_t more = stay; more > 0 && !world->violation[0]; more--) {
        begin_next_run(world);
        run_legs(world);
    }
    if (stay && !world->violation[0])
        dismiss_workers(world);
}

/* ---- a seed ---- */

static void clear(struct world *world)
{
    for (uint32_t name = 0; name < world->host_count; name++)
        if (world_has(world, name))
            process_kill(world->hosts[name].process);
    schedule_reset(&world->schedule);
    arena_reset(&world->arena);
}

static void prepare(struct world *world, uint64_t seed)
{
    struct world fresh = {.on_exit = on_exit,
                          .schedule = world->schedule,
                          .arena = world->arena,
                          .tally = world->tally,
                          .with = world->with,
                          .tracing = world->tracing};
    *world = fresh;
    random_seed(&world->random, seed);
    scenario_draw(&world->scenario, &world->random, seed);
    scenario_set(&world->scenario, world->with);
    if (world->scenario.salt)
        random_seed(&world->random, seed ^ (uint64_t)world->scenario.salt << 40);
    if (world->tracing)
        scenario_print(&world->scenario, stdout);
    world->host_count = WORKER + (uint32_t)world->scenario.workers;
    world->hosts = arena_take(&world->arena, world->host_count * sizeof *world->hosts);
    world->run = 1;
    world->drawn = world->scenario;
    disk_clear(world);
    records_draw(world);
}

void seed_run(struct world *world, uint64_t seed)
{
    prepare(world, seed);
    faults_plan(world, world->scenario.until_ms * 1000);
    run_all(world);
    world->tally->runs++;
    world->tally->virtual_us += (uint64_t)world->schedule.now_us;
    clear(world);
}
