/* SPDX-License-Identifier: MIT */
#include "records.h"
#include "world.h"

static void draw(struct world *world, int64_t count, enum record_kind kind)
{
    for (; count > 0; count--)
        world->kinds[random_below(&world->random, (uint64_t)world->scenario.records)] =
            (uint8_t)kind;
}

void records_draw(struct world *world)
{
    const struct scenario *scenario = &world->scenario;
    world->kinds = arena_take(&world->arena, (size_t)scenario->records);
    draw(world, scenario->bad, RECORD_BAD);
    draw(world, scenario->limit_ms ? scenario->hangs : 0, RECORD_HANGS);
    draw(world, scenario->killers, RECORD_KILLER);
}

void records_mend(struct world *world)
{
    for (int64_t i = 0; i < world->scenario.records; i++)
        world->kinds[i] = RECORD_GOOD;
}

enum record_kind records_kind(const struct world *world, uint32_t first, uint32_t end)
{
    uint8_t worst = RECORD_GOOD;
    for (uint32_t i = first; i < end; i++)
        worst = world->kinds[i] > worst ? world->kinds[i] : worst;
    return (enum record_kind)worst;
}
