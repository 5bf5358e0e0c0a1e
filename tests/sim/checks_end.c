/* SPDX-License-Identifier: MIT */
#include "checks.h"
#include "world/world.h"

/* Of a complete run all counts; of another, what its journal says. */
static void check_output(struct world *world, uint32_t length, uint32_t dead_letters)
{
    const struct disk *disk = &world->disk;
    uint8_t *seen = arena_take(&world->arena, (size_t)world->scenario.records);
    int64_t last = -1;
    for (uint32_t i = 0; i < length; i++) {
        uint32_t record = disk->output[i];
        if (record >= world->scenario.records || seen[record]++)
            world_violation(world, "record %u is in the output twice", record);
        else if (world->scenario.ordered && record <= last)
            world_violation(world, "record %u comes after record %jd", record,
                            (intmax_t)last);
        last = record;
    }
    for (uint32_t i = 0; i < dead_letters; i++)
        for (uint32_t record = disk->dead_letters[i].first;
             record < disk->dead_letters[i].end; record++)
            if (seen[record]++)
                world_violation(world, "record %u is a dead letter, and dealt with",
                                record);
}

void check_all_left(struct world *world)
{
    for (uint32_t name = 0; name < world->host_count; name++) {
        bool idle = name >= WORKER && world->scenario.extra_runs;
        if (world_has(world, name) && !idle)
            world_violation(world, "%s never ends",
                            process_name(world->hosts[name].process));
    }
}

static bool is_complete(const struct world *world)
{
    const struct disk *disk = &world->disk;
    if (!world->scenario.journal)
        return disk_accounted(disk) == world->scenario.records;
    return !disk->journal.there || disk->journal.position.finished;
}

/* The sink was told to stop, and did not say that it had finished for so long that the
 * ventilator waits no longer: its file system does not answer, or each result is a part
 * of the output that is committed before the next is written. */
static bool had_its_time(const struct sim_ventilator *v)
{
    return v->stopped_us && v->finishing &&
           v->over_us - v->stopped_us >= 2 * LIVENESS_US;
}

/* After one signal, if nothing else went wrong, the journal has all that was given out;
 * after a failure of the input, all that was cut. */
static void check_drained(struct world *world)
{
    const struct sim_ventilator *v =
        (struct sim_ventilator *)world->hosts[VENTILATOR].process;
    bool failed = v->input_failed && !v->drains;
    if (!(v->drains || failed) || v->hurried || scenario_has_faults(&world->scenario) ||
        world->scenario.slow_messages || world->scenario.cut_off ||
        world->scenario.slips || world->scenario.swallows ||
        world->scenario.mute_waits || world->earned || world->in_doubt ||
        world->disk_full || !world->scenario.journal || world->halted ||
        had_its_time(v))
        return;
    for (int64_t seq = 0; seq < world->scenario.records; seq++)
        if ((failed ? v->chunks[seq].end > 0 : v->given[seq]) &&
            (uint64_t)seq >= world->disk.journal.position.next)
            world_violation(world, "task %jd was %s, and is not committed",
                            (intmax_t)seq, failed ? "cut" : "given out");
}

bool check_leg_end(struct world *world)
{
    const struct disk *disk = &world->disk;
    bool complete = is_complete(world);
    check_all_left(world);
    if (!world->sink_over && !world->ended_early)
        world_violation(world, "the run never ended for the sink");
    if (world->ended_well && !complete && !world->position_lost)
        world_violation(world, "a good end, but the run is not complete");
    if (!complete)
        check_drained(world);
    if (complete || !world->scenario.journal)
        check_output(world, disk->length, disk->dead_letter_count);
    else
        check_output(world, disk->journal.length, disk->journal.dead_letters);
    bool excused = world->earned || world->halted || world->interrupted ||
                   world->input_failed || world->output_closed || world->disk_full ||
                   world->position_lost || world->in_doubt || world->impatient;
    if (!complete && !excused)
        world_violation(world, "the run ended without a reason, and is not complete");
    world->tally->stopped += !complete;
    return complete;
}

void check_run_end(struct world *world)
{
    const struct disk *disk = &world->disk;
    bool complete = is_complete(world);
    if (world->scenario.journal && !complete && !world->doubt_told)
        world_violation(world, "the run is not complete after %u legs", world->leg);
    if (complete && disk_accounted(disk) != world->scenario.records)
        world_violation(world, "only %jd of %jd records are dealt with",
                        (intmax_t)disk_accounted(disk),
                        (intmax_t)world->scenario.records);
    world->tally->complete += complete;
    world->tally->with_dead_letters += complete && disk->dead_letter_count > 0;
}
