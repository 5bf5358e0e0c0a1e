/* SPDX-License-Identifier: MIT */
#include "world.h"
#include "checks.h"
#include "common/exit_status.h"
#include "faults.h"
#include "sim_sink.h"
#include "sim_ventilator.h"
#include "sim_worker.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LIMIT_US (900 * SECOND_US)

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

/* ---- who is started ---- */

static bool is_alive(const struct world *world, enum name name)
{
    return world->processes[name] && world->processes[name]->alive;
}

static void start_now(void *subject, uint64_t detail)
{
    struct world *world = subject;
    enum name name = (enum name)detail;
    world->returning[name] = false;
    if (is_alive(world, name) || (name == SINK && world->sink_over))
        return;
    if (name == SINK)
        sim_sink_start(world);
    else if (name == VENTILATOR)
        sim_ventilator_start(world);
    else
        sim_worker_start(world, name);
    TRACE(world, "START %s", process_name(world->processes[name]));
}

void world_start(struct world *world, enum name name, int64_t delay_us)
{
    if (world->returning[name])
        return;
    world->returning[name] = true;
    schedule_at(&world->schedule, world->schedule.now_us + delay_us, start_now, world,
                (uint64_t)name);
}

/* A sink that nobody said GOODBYE to is started again while there is somebody to. */
static void on_sink_exit(struct world *world, struct process *process)
{
    bool parted = ((struct sim_sink *)process)->parted;
    bool wanted = is_alive(world, VENTILATOR) && !world->finishing;
    if (!parted && wanted && !world->output_failed && world->mix.ordered) {
        world_start(world, SINK, SECOND_US);
        return;
    }
    if (parted)
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
    if (process->name == SINK) {
        on_sink_exit(world, process);
    } else if (process->name == VENTILATOR) {
        world->finishing = true;
        world->ended_well |= status == STATUS_OK;
        world->ended_early |= status != STATUS_OK;
    } else {
        on_worker_exit(world, process, status);
    }
}

/* ---- a run ---- */

static bool run_goes_on(const struct world *world)
{
    for (int name = 0; name < NAMES; name++) {
        bool idle = name >= WORKER_0 && world->mix.stay;
        if (!idle && (is_alive(world, (enum name)name) || world->returning[name]))
            return true;
    }
    return false;
}

static void step_until_over(struct world *world, int64_t limit_us)
{
    while (run_goes_on(world) && !world->violation[0] &&
           world->schedule.now_us < limit_us) {
        if (!schedule_step(&world->schedule))
            return;
        world->tally->events++;
    }
}

/* Workers that stay serve the next run as well: another input, another output. */
static void begin_next_run(struct world *world)
{
    TRACE(world, "---- the next run");
    disk_clear(world);
    world->sink_over = world->finishing = world->earned = false;
    world->interrupted = world->input_failed = world->output_failed = false;
    world->position_lost = world->ended_well = world->ended_early = false;
    world_start(world, SINK, random_between(&world->random, 0, SECOND_US));
    for (uint32_t name = VENTILATOR; name < WORKER_0 + world->mix.workers; name++)
        if (!is_alive(world, (enum name)name))
            world_start(world, (enum name)name,
                        random_between(&world->random, 0, SECOND_US));
}

static void send_home(struct world *world)
{
    TRACE(world, "---- workers are to leave");
    world->mix.stay = false;
    for (int name = WORKER_0; name < NAMES; name++)
        if (is_alive(world, (enum name)name))
            process_post(world->processes[name], (struct item){.kind = ITEM_LEAVE});
}

static void run_all(struct world *world)
{
    step_until_over(world, LIMIT_US);
    check_end(world);
    if (!world->mix.stay)
        return;
    if (!world->violation[0]) {
        begin_next_run(world);
        step_until_over(world, 2 * LIMIT_US);
        check_end(world);
    }
    send_home(world);
    step_until_over(world, 2 * LIMIT_US + 20 * SECOND_US);
    check_end(world);
}

static void clear(struct world *world)
{
    for (int name = 0; name < NAMES; name++)
        if (is_alive(world, (enum name)name))
            process_kill(world->processes[name]);
    schedule_reset(&world->schedule);
    arena_reset(&world->arena);
}

static void prepare(struct world *world, uint64_t seed)
{
    struct world fresh = {.schedule = world->schedule,
                          .arena = world->arena,
                          .tally = world->tally,
                          .breakage = world->breakage,
                          .tracing = world->tracing};
    *world = fresh;
    random_seed(&world->random, seed);
    mix_draw(&world->mix, &world->random);
    if (world->tracing)
        mix_print(&world->mix, stdout);
}

void world_run(struct world *world, uint64_t seed)
{
    prepare(world, seed);
    faults_plan(world);
    for (uint32_t name = 0; name < WORKER_0 + world->mix.workers; name++)
        world_start(world, (enum name)name,
                    random_between(&world->random, 0, 3 * SECOND_US));
    run_all(world);
    world->tally->runs++;
    world->tally->virtual_us += (uint64_t)world->schedule.now_us;
    clear(world);
}
