/* SPDX-License-Identifier: MIT */
#include "disk.h"
#include "common/protocol/mark.h"
#include "process.h"
#include "world.h"
#include <string.h>

uint32_t mark_read(const uint8_t *mark, size_t size)
{
    uint32_t record = 0;
    if (size == sizeof record || size == sizeof record + MARK_SEAL_BYTES)
        memcpy(&record, mark, sizeof record);
    return record;
}

struct slice mark_write(uint8_t mark[MARK_BYTES], uint32_t record, uint64_t seq)
{
    memcpy(mark, &record, sizeof record);
    return (struct slice){mark, mark_seal(mark, sizeof record, seq)};
}

void disk_clear(struct world *world)
{
    uint64_t helper = world->disk.helper;
    world->disk =
        (struct disk){.room = world->scenario.disk_room, .helper = helper + 1};
}

uint64_t disk_committed(const struct world *world)
{
    return world->disk.durable.position.next;
}

/* ---- files ---- */

static void *grown(struct world *world, void *old, uint32_t count, uint32_t *capacity,
                   size_t size)
{
    if (count < *capacity)
        return old;
    *capacity = *capacity ? 2 * *capacity : 128;
    void *larger = arena_take(&world->arena, *capacity * size);
    if (count > 0)
        memcpy(larger, old, count * size);
    return larger;
}

void disk_cut(struct world *world)
{
    struct disk *disk = &world->disk;
    if (!disk->cut_due)
        return;
    disk->cut_due = false;
    if (disk->length > disk->journal.length)
        disk->length = disk->journal.length;
    if (disk->synced > disk->length)
        disk->synced = disk->length;
    if (disk->dead_letter_count > disk->journal.dead_letters)
        disk->dead_letter_count = disk->journal.dead_letters;
}

bool disk_has_room(const struct world *world)
{
    return world->disk.room > 0;
}

static bool take_room(struct world *world)
{
    if (!disk_has_room(world)) {
        world->disk_full = true;
        world->tally->faults[FAULT_FULL]++;
        TRACE(world, "FAULT: the disk is full");
        return false;
    }
    world->disk.room -= world->disk.room < NOT_EVER;
    return true;
}

bool disk_write(struct world *world, uint32_t record)
{
    struct disk *disk = &world->disk;
    disk_cut(world);
    if (disk->length >= 2 * (uint32_t)world->scenario.records)
        world_violation(world, "the output is far too long");
    if (!take_room(world))
        return false;
    disk->output =
        grown(world, disk->output, disk->length, &disk->capacity, sizeof *disk->output);
    disk->output[disk->length++] = record;
    return true;
}

bool disk_write_dead_letter(struct world *world, uint32_t first, uint32_t end)
{
    struct disk *disk = &world->disk;
    disk_cut(world);
    if (!take_room(world))
        return false;
    disk->dead_letters = grown(world, disk->dead_letters, disk->dead_letter_count,
                               &disk->dead_letter_capacity, sizeof *disk->dead_letters);
    disk->dead_letters[disk->dead_letter_count++] =
        (struct dead_letter){.first = first, .end = end};
    return true;
}

void disk_free(struct world *world)
{
    world->disk.room = NOT_EVER;
}

/* ---- the helper ---- */

static void step_ends(void *subject, uint64_t detail);

static const char *step_text(enum step step)
{
    static const char *const texts[] = {
#define X(name, text) text,
        STEPS(X)
#undef X
    };
    return texts[step];
}

/* What is written while a sync runs is not covered by it. */
static void begin_step(struct world *world, enum step step)
{
    struct random *random = &world->random;
    struct disk *disk = &world->disk;
    struct commit *commit = disk->commits;
    disk->step = step;
    commit->covered = step == STEP_DEAD_LETTERS ? disk->dead_letter_count
                                                : disk->length;
    int64_t takes_us = random_between(random, 1000, 60000);
    if (random_chance(random, 20))
        takes_us += random_between(random, 0, 3 * SECOND_US);
    schedule_at(&world->schedule, world->schedule.now_us + takes_us, step_ends, world,
                disk->helper);
}

static void begin_commit(struct world *world)
{
    if (world->disk.commits)
        begin_step(world, STEP_DEAD_LETTERS);
}

/* The helper has failed: it answers, and ends. */
static void give_up(struct world *world)
{
    struct process *sink = world->disk.commits->sink;
    world->disk.commits = NULL;
    world->disk.helper++;
    process_post(sink, (struct item){.kind = ITEM_NO_ROOM});
}

static void sync_dead_letters(struct disk *disk, uint32_t count)
{
    for (uint32_t i = 0; i < count && i < disk->dead_letter_count; i++)
        disk->dead_letters[i].synced = true;
}

static void answer(struct world *world)
{
    struct commit *commit = world->disk.commits;
    world->tally->commits++;
    world->disk.commits = commit->next;
    process_post(commit->sink,
                 (struct item){.kind = ITEM_COMMITTED, .detail = commit->ticket});
    begin_commit(world);
}

/* What one step does, once it is done. False: the disk is full. */
static bool take_effect(struct world *world, const struct commit *commit)
{
    struct disk *disk = &world->disk;
    switch (disk->step) {
    case STEP_DEAD_LETTERS:
        sync_dead_letters(disk, commit->covered);
        break;
    case STEP_OUTPUT:
        if (commit->covered > disk->synced)
            disk->synced = commit->covered;
        break;
    case STEP_WRITE:
        if (disk->room == 0 && !take_room(world))
            return false;
        disk->tmp = commit->journal;
        break;
    case STEP_FSYNC:
        disk->tmp.synced = true;
        break;
    case STEP_RENAME:
        disk->journal = disk->tmp;
        break;
    case STEP_DIRECTORY:
        disk->durable = disk->journal;
        break;
    case STEP_ANSWER:
    case STEP_COUNT:
        break;
    }
    return true;
}

static void step_ends(void *subject, uint64_t detail)
{
    struct world *world = subject;
    struct disk *disk = &world->disk;
    if (!disk->commits || disk->helper != detail) /* it was killed */
        return;
    struct commit *commit = disk->commits;
    TRACE(world, "disk: %s (next=%ju epoch=%ju finished=%d)", step_text(disk->step),
          (uintmax_t)commit->journal.position.next,
          (uintmax_t)commit->journal.position.epoch, commit->journal.position.finished);
    if (!take_effect(world, commit))
        give_up(world);
    else if (disk->step == STEP_ANSWER)
        answer(world);
    else
        begin_step(world, disk->step + 1);
}

void disk_commit(struct world *world, struct process *sink, uint64_t ticket,
                 const struct position *position, uint32_t length,
                 uint32_t dead_letters)
{
    struct commit *commit = arena_take(&world->arena, sizeof *commit);
    *commit = (struct commit){.world = world, .sink = sink, .ticket = ticket};
    commit->journal = (struct journal){.there = true,
                                       .position = *position,
                                       .length = length,
                                       .dead_letters = dead_letters};
    struct commit **last = &world->disk.commits;
    while (*last)
        last = &(*last)->next;
    *last = commit;
    if (world->disk.commits == commit)
        begin_commit(world);
}

/* ---- ends and beginnings ---- */

static void end_helper(struct world *world)
{
    world->disk.commits = NULL;
    world->disk.helper++;
}

void disk_abandon(struct world *world, struct process *sink)
{
    struct commit *first = world->disk.commits;
    if (!first || first->sink != sink)
        return;
    switch (random_below(&world->random, 3)) {
    case 0: /* killed with it, between two steps */
        end_helper(world);
        break;
    case 1: /* it goes on to the end of what it is at, */
        first->next = NULL;
        break;
    default: /* or of all that it was asked for */
        break;
    }
}

bool disk_locked(const struct world *world)
{
    return world->disk.commits && !world->disk.commits->sink->alive;
}

/* What is in the file is what was synced, and some of the rest. */
static void lose_output(struct world *world)
{
    struct disk *disk = &world->disk;
    struct random *random = &world->random;
    uint32_t synced = disk->cut_due ? disk->journal.length : disk->synced;
    if (disk->length <= synced)
        return;
    disk->length = synced + (uint32_t)random_below(random, disk->length - synced + 1);
    for (uint32_t i = synced; i < disk->length; i++)
        if (random_chance(random, 200))
            disk->output[i] = TORN;
}

static void lose_dead_letters(struct world *world)
{
    struct disk *disk = &world->disk;
    struct random *random = &world->random;
    for (uint32_t i = 0; i < disk->dead_letter_count; i++)
        if (!disk->dead_letters[i].synced && random_chance(random, 500))
            disk->dead_letters[i].torn = true;
    while (disk->dead_letter_count > 0 &&
           !disk->dead_letters[disk->dead_letter_count - 1].synced &&
           random_chance(random, 500))
        disk->dead_letter_count--;
}

/* The rename may have reached the disk before the directory was synced. */
static void lose_journal(struct world *world)
{
    struct disk *disk = &world->disk;
    if (random_chance(&world->random, 500))
        disk->durable = disk->journal;
    disk->journal = disk->durable;
    if (disk->journal.there && !disk->journal.synced &&
        random_chance(&world->random, 500))
        disk->journal.torn = true;
    disk->durable = disk->journal;
    disk->tmp = (struct journal){0};
}

void disk_lose_power(struct world *world)
{
    end_helper(world);
    lose_output(world);
    lose_dead_letters(world);
    lose_journal(world);
    TRACE(world, "disk: %u records, %u dead letters, journal next=%ju length=%u",
          world->disk.length, world->disk.dead_letter_count,
          (uintmax_t)world->disk.journal.position.next, world->disk.journal.length);
}

/* What the journal counts must be there. */
static void check_counted(struct world *world)
{
    const struct disk *disk = &world->disk;
    const struct journal *journal = &disk->journal;
    if (journal->torn)
        world_violation(world, "the journal is torn");
    else if (journal->length > disk->length)
        world_violation(world, "the journal says %u records, the output has %u",
                        journal->length, disk->length);
    else if (journal->dead_letters > disk->dead_letter_count)
        world_violation(world, "the journal says %u dead letters, there are %u",
                        journal->dead_letters, disk->dead_letter_count);
    for (uint32_t i = 0; i < journal->length && i < disk->length; i++)
        if (disk->output[i] == TORN)
            world_violation(world, "record %u of the output is torn, and counted", i);
    for (uint32_t i = 0; i < journal->dead_letters && i < disk->dead_letter_count; i++)
        if (disk->dead_letters[i].torn)
            world_violation(world, "dead letter %u is torn, and counted", i + 1);
}

struct position disk_open(struct world *world)
{
    struct disk *disk = &world->disk;
    if (!world->scenario.journal || !disk->journal.there) {
        world->position_lost |= disk->durable.position.next > 0;
        disk->journal = (struct journal){.there = true, .synced = true};
        disk->journal.position.run = random_id(&world->random);
    }
    /* Found, and perhaps not safe yet: the directory is synced before it is
     * believed. */
    disk->durable = disk->journal;
    disk->cut_due = true;
    disk->synced = disk->journal.length;
    check_counted(world);
    return disk->journal.position;
}

void disk_remove_journal(struct world *world)
{
    world->disk.journal.there = world->disk.durable.there = false;
}

int64_t disk_accounted(const struct disk *disk)
{
    int64_t sum = disk->length;
    for (uint32_t i = 0; i < disk->dead_letter_count; i++)
        sum += disk->dead_letters[i].end - disk->dead_letters[i].first;
    return sum;
}
