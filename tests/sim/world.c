/* SPDX-License-Identifier: MIT */
#include "world.h"
#include "books.h"
#include "checks.h"
#include "common/exit_status.h"
#include "faults.h"
#include "records.h"
#include "sim_sink.h"
#include "sim_ventilator.h"
#include "sim_worker.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LIMIT_US   (1500 * SECOND_US) /* of a leg */
#define LOOK_US    (2 * SECOND_US)
#define DISMISS_US (30 * SECOND_US)

enum { LEGS_MAX = 6 };

void world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
}

void world_deinit(struct world *world)
{
    arena_deinit(&world->arena);
    schedule_deinit(&world->schedule);
}

void world_violation(struct world *world, const char *format, ...)
{
    char *text = world->violation;
    if (*text)
        return;
    va_list arguments;
    va_start(arguments, format);
    int length = snprintf(text, sizeof world->violation, "at %.3f s: ",
                          (double)world->schedule.now_us / (double)SECOND_US);
    vsnprintf(text + length, sizeof world->violation - (size_t)length, format,
              arguments);
    va_end(arguments);
    TRACE(world, "VIOLATION %s", text);
}

void world_say(struct world *world, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("%10.3f  ", (double)world->schedule.now_us / (double)SECOND_US);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

void world_trouble_until(struct world *world, int64_t until_us)
{
    if (until_us > world->calm_us)
        world->calm_us = until_us;
}

/* ---- who is started ---- */

bool world_has(const struct world *world, uint32_t name)
{
    const struct process *process = world->stations[name].process;
    return process && process->alive;
}

static void start_now(void *subject, uint64_t detail)
{
    struct world *world = subject;
    uint32_t name = (uint32_t)detail;
    world->stations[name].returning = false;
    if (world_has(world, name) || (name == SINK && world->sink_over) || world->homeward)
        return;
    if (name == SINK && disk_locked(world)) { /* it waits for the lock */
        world_start(world, name, SECOND_US / 20);
        return;
    }
    if (name == SINK)
        sim_sink_start(world);
    else if (name == VENTILATOR)
        sim_ventilator_start(world);
    else
        sim_worker_start(world, name);
    TRACE(world, "START %s", process_name(world->stations[name].process));
}

void world_start(struct world *world, uint32_t name, int64_t delay_us)
{
    if (world->stations[name].returning)
        return;
    world->stations[name].returning = true;
    world_trouble_until(world, world->schedule.now_us + delay_us);
    schedule_at(&world->schedule, world->schedule.now_us + delay_us, start_now, world,
                name);
}

static bool troubled(const struct world *world)
{
    return world->output_closed || world->disk_full;
}

/* A sink that nobody said GOODBYE to is started again while there is somebody to. */
static void on_sink_exit(struct world *world, struct process *process)
{
    const struct sim_sink *sink = (struct sim_sink *)process;
    /* Without a journal one that is started on a complete output begins it anew. */
    bool done = sink->complete && !world->mix.journal;
    bool wanted = world_has(world, VENTILATOR) && !world->finishing && !done;
    if (!sink->parted && wanted && !troubled(world) && world->mix.ordered) {
        world_start(world, SINK, SECOND_US);
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
        world_start(world, process->name,
                    random_between(&world->random, SECOND_US, 9 * SECOND_US));
}

void world_on_exit(struct world *world, struct process *process, int status)
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

static bool run_goes_on(const struct world *world)
{
    for (uint32_t name = 0; name < world->station_count; name++) {
        bool idle = name >= WORKER && world->mix.stay;
        if (!idle && (world_has(world, name) || world->stations[name].returning))
            return true;
    }
    return false;
}

/* The whole is looked at now and then, and after each event those who act see for
 * themselves. */
static void step_until_over(struct world *world, int64_t limit_us)
{
    int64_t look_us = world->schedule.now_us + LOOK_US;
    while (!world->violation[0] && world->schedule.now_us < limit_us) {
        if (world->schedule.now_us >= look_us) {
            check_books(world);
            look_us = world->schedule.now_us + LOOK_US;
        }
        if (!world_has(world, VENTILATOR) && !world_has(world, SINK) &&
            !run_goes_on(world))
            return;
        if (!schedule_step(&world->schedule))
            return;
        world->tally->events++;
    }
}

/* ---- legs and runs ---- */

static void begin_leg(struct world *world, int64_t within_us)
{
    world->sink_over = world->finishing = world->earned = world->halted = false;
    world->interrupted = world->input_failed = world->output_closed = false;
    world->disk_full = world->ended_well = world->ended_early = false;
    world->position_lost = false;
    world->leg++;
    world->leg_us = world->schedule.now_us;
    for (uint32_t name = 0; name < world->station_count; name++)
        if (!world_has(world, name))
            world_start(world, name, random_between(&world->random, 0, within_us));
}

/* What ended the leg is put right. */
static void mend(struct world *world)
{
    struct mix *mix = &world->mix;
    if (mix->on_error == 0 || world->leg + 2 > LEGS_MAX)
        records_mend(world);
    if (world->leg + 2 > LEGS_MAX)
        mix->flaky = mix->crash = mix->limit_ms = mix->limit_percent = 0;
    mix->halt = 0;
    mix->input_fails = mix->output_closes = NOT_EVER;
    if (world->disk_full || mix->disk_room < NOT_EVER)
        disk_free(world);
    mix->disk_room = NOT_EVER;
}

static void run_legs(struct world *world)
{
    for (;;) {
        step_until_over(world, world->schedule.now_us + LIMIT_US);
        bool over = check_leg_end(world);
        if (world->violation[0] || over || !world->mix.journal ||
            world->leg == LEGS_MAX)
            break;
        TRACE(world, "---- resumed");
        world->tally->resumed++;
        mend(world);
        faults_plan(world, world->mix.until_ms * 1000 / 4);
        begin_leg(world, 3 * SECOND_US);
    }
    if (!world->violation[0])
        check_run_end(world);
}

/* Workers that stay serve the next run as well: another input, another output. */
static void begin_next_run(struct world *world)
{
    TRACE(world, "---- the next run");
    world->mix = world->drawn;
    world->run++;
    world->leg = 0;
    disk_clear(world);
    records_draw(world);
    faults_plan(world, world->mix.until_ms * 1000);
    begin_leg(world, SECOND_US);
}

static void send_home(struct world *world)
{
    TRACE(world, "---- workers are to leave");
    world->mix.stay = 0;
    world->homeward = true;
    for (uint32_t name = WORKER; name < world->station_count; name++)
        if (world_has(world, name))
            process_post(world->stations[name].process,
                         (struct item){.kind = ITEM_LEAVE});
    int64_t limit_us = world->schedule.now_us + DISMISS_US;
    while (run_goes_on(world) && !world->violation[0] &&
           world->schedule.now_us < limit_us && schedule_step(&world->schedule))
        world->tally->events++;
    check_all_left(world);
}

static void run_all(struct world *world)
{
    int64_t stay = world->mix.stay;
    begin_leg(world, 3 * SECOND_US);
    run_legs(world);
    for (int64_t more = stay; more > 0 && !world->violation[0]; more--) {
        begin_next_run(world);
        run_legs(world);
    }
    if (stay && !world->violation[0])
        send_home(world);
}

/* ---- a seed ---- */

static void clear(struct world *world)
{
    for (uint32_t name = 0; name < world->station_count; name++)
        if (world_has(world, name))
            process_kill(world->stations[name].process);
    schedule_reset(&world->schedule);
    arena_reset(&world->arena);
}

static void prepare(struct world *world, uint64_t seed)
{
    struct world fresh = {.schedule = world->schedule,
                          .arena = world->arena,
                          .tally = world->tally,
                          .with = world->with,
                          .tracing = world->tracing};
    *world = fresh;
    random_seed(&world->random, seed);
    mix_draw(&world->mix, &world->random, seed);
    mix_set(&world->mix, world->with);
    if (world->mix.salt)
        random_seed(&world->random, seed ^ (uint64_t)world->mix.salt << 40);
    if (world->tracing)
        mix_print(&world->mix, stdout);
    world->station_count = WORKER + (uint32_t)world->mix.workers;
    world->stations =
        arena_take(&world->arena, world->station_count * sizeof *world->stations);
    world->run = 1;
    world->drawn = world->mix;
    disk_clear(world);
    records_draw(world);
}

void world_run(struct world *world, uint64_t seed)
{
    prepare(world, seed);
    faults_plan(world, world->mix.until_ms * 1000);
    run_all(world);
    world->tally->runs++;
    world->tally->virtual_us += (uint64_t)world->schedule.now_us;
    clear(world);
}
