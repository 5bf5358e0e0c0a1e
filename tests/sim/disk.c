/* SPDX-License-Identifier: MIT */
#include "disk.h"
#include "process.h"
#include "world.h"
#include <string.h>

uint32_t mark_read(const uint8_t *mark, size_t size)
{
    uint32_t record = 0;
    if (size == sizeof record)
        memcpy(&record, mark, sizeof record);
    return record;
}

void mark_write(uint8_t *mark, uint32_t record)
{
    memcpy(mark, &record, sizeof record);
}

void disk_clear(struct world *world)
{
    memset(&world->disk, 0, sizeof world->disk);
}

static void landed(void *subject, uint64_t detail);

static void start_helper(struct world *world)
{
    struct random *random = &world->random;
    int64_t takes_us = random_between(random, 10000, 400000);
    if (random_chance(random, 100))
        takes_us += random_between(random, 0, 3 * SECOND_US);
    schedule_at(&world->schedule, world->schedule.now_us + takes_us, landed,
                world->disk.commits, 0);
}

static void land(struct world *world, const struct commit *commit)
{
    world->disk.has_journal = true;
    world->disk.position = commit->position;
    world->disk.journal_length = commit->length;
    world->tally->commits++;
}

static void landed(void *subject, uint64_t detail)
{
    (void)detail;
    struct commit *commit = subject;
    struct world *world = commit->world;
    if (world->disk.commits != commit) /* it ended with its sink */
        return;
    land(world, commit);
    TRACE(world, "disk: committed next=%ju epoch=%ju finished=%d",
          (uintmax_t)commit->position.next, (uintmax_t)commit->position.epoch,
          commit->position.finished);
    world->disk.commits = commit->next;
    if (world->disk.commits)
        start_helper(world);
    if (world->breakage != BREAK_EARLY_COMMIT)
        process_post(commit->sink,
                     (struct item){.kind = ITEM_COMMITTED, .detail = commit->ticket});
}

void disk_commit(struct world *world, struct process *sink, uint64_t ticket,
                 const struct position *position, uint32_t length)
{
    struct commit *commit = arena_take(&world->arena, sizeof *commit);
    *commit = (struct commit){.world = world,
                              .sink = sink,
                              .ticket = ticket,
                              .position = *position,
                              .length = length};
    struct commit **last = &world->disk.commits;
    while (*last)
        last = &(*last)->next;
    *last = commit;
    if (world->disk.commits == commit)
        start_helper(world);
    if (world->breakage == BREAK_EARLY_COMMIT)
        process_post(sink, (struct item){.kind = ITEM_COMMITTED, .detail = ticket});
}

void disk_abandon(struct world *world, struct process *sink)
{
    struct commit *first = world->disk.commits;
    if (first && first->sink == sink)
        first->next = NULL;
}

struct position disk_open(struct world *world)
{
    struct disk *disk = &world->disk;
    if (disk->commits && random_chance(&world->random, 500))
        land(world, disk->commits);
    disk->commits = NULL;
    if (world->breakage == BREAK_LOST_JOURNAL)
        disk->has_journal = false;
    if (!world->mix.journal || !disk->has_journal) {
        world->position_lost |= !world->mix.journal && disk->position.next > 0;
        disk->position = (struct position){.run = random_id(&world->random)};
        disk->journal_length = 0;
        disk->has_journal = world->mix.journal;
    }
    if (disk->journal_length > disk->length)
        world_violation(world, "the journal says %u records, the output has %u",
                        disk->journal_length, disk->length);
    disk->length = disk->journal_length;
    return disk->position;
}

void disk_write(struct world *world, uint32_t record)
{
    if (world->disk.length == OUTPUT_MAX)
        world_violation(world, "the output is far too long");
    else
        world->disk.output[world->disk.length++] = record;
}

void disk_remove_journal(struct world *world)
{
    world->disk.has_journal = false;
}

uint64_t disk_committed(const struct world *world)
{
    return world->disk.position.next;
}
