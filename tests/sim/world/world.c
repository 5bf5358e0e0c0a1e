/* SPDX-License-Identifier: MIT */
#include "world.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

/* Those who live have had the time to find each other again. Each silence doubles the
 * time that a peer waits through the next: so it may wait for as long as the trouble
 * has lasted. */
static bool is_at_rest(const struct world *world)
{
    enum { LIVENESSES = 4 };
    int64_t lasted_us = world->calm_us - world->trouble_us;
    return world->schedule.now_us >
           world->calm_us + lasted_us + LIVENESSES * LIVENESS_US;
}

void world_trouble_until(struct world *world, int64_t until_us)
{
    if (is_at_rest(world))
        world->trouble_us = world->schedule.now_us;
    if (until_us > world->calm_us)
        world->calm_us = until_us;
}

bool world_is_troubled(const struct world *world, int64_t for_us)
{
    return !is_at_rest(world) && world->schedule.now_us - world->trouble_us >= for_us;
}

bool world_has(const struct world *world, uint32_t name)
{
    const struct process *process = world->hosts[name].process;
    return process && process->alive;
}
