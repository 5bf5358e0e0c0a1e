/* SPDX-License-Identifier: MIT */
#include "sim_source.h"
#include "checks.h"
#include "common/exit_status.h"
#include "world/world.h"

struct payload *source_chunk(struct sim_ventilator *v, uint64_t seq)
{
    if (seq < (uint64_t)v->process.world->scenario.records && v->chunks[seq].end > 0)
        return &v->chunks[seq];
    world_violation(v->process.world, "the ventilator names chunk %ju, never cut",
                    (uintmax_t)seq);
    return NULL;
}

uint64_t source_chunk_bytes(const struct payload *payload)
{
    return (uint64_t)(payload->end - payload->first) * RECORD_BYTES;
}

/* What is left of a stream is not known. */
static void ask_block(struct sim_ventilator *v)
{
    const struct scenario *scenario = &v->process.world->scenario;
    uint64_t rest = (uint64_t)(scenario->records - v->offset) * RECORD_BYTES;
    v->block_bytes = dispatch_block(v->core, scenario->keeps_bytes ? 0 : rest);
    if (scenario->block_auto)
        check_block(v);
}

/* A record at least, and no more than there is room for. */
static uint32_t draw_records(struct sim_ventilator *v)
{
    if (!v->process.world->scenario.block_auto)
        return 1 + (uint32_t)random_below(&v->process.world->random, v->chunk_records);
    return v->block_bytes < RECORD_BYTES ? 1
                                         : (uint32_t)(v->block_bytes / RECORD_BYTES);
}

static void cut(struct sim_ventilator *v)
{
    struct world *world = v->process.world;
    uint32_t all = (uint32_t)world->scenario.records;
    uint32_t records = draw_records(v);
    uint32_t end = v->offset + records < all ? v->offset + records : all;
    struct payload payload = {.cut_by = v, .first = v->offset, .end = end};
    check_cut(v, source_chunk_bytes(&payload));
    payload.seq =
        dispatch_on_cut(v->core, source_chunk_bytes(&payload), end - v->offset);
    if (payload.seq >= all || v->chunks[payload.seq].end > 0) {
        world_violation(world, "chunk %ju is numbered twice", (uintmax_t)payload.seq);
        return;
    }
    TRACE(world, "%s cuts %ju: records %u-%u", process_name(&v->process),
          (uintmax_t)payload.seq, payload.first, payload.end - 1);
    v->chunks[payload.seq] = payload;
    v->kept_bytes += source_chunk_bytes(&payload);
    v->offset = end;
    if (world->scenario.slow_input)
        v->next_cut_us = world->schedule.now_us + random_gap(&world->random, 200000);
}

static void end_input(struct sim_ventilator *v)
{
    v->input_ended = true;
    dispatch_on_input_end(v->core);
    v->again = true;
}

static void fail_input(struct sim_ventilator *v)
{
    struct world *world = v->process.world;
    v->input_failed = v->again = true;
    world->input_failed = true;
    world->tally->faults[FAULT_INPUT]++;
    TRACE(world, "FAULT: the input fails");
    dispatch_on_input_failure(v->core, STATUS_IO, "the input failed");
}

/* The beginning of the input is there at last. */
static void read_header(struct sim_ventilator *v)
{
    int64_t now_us = v->process.world->schedule.now_us;
    if (v->knows_header || !v->started || now_us < v->next_cut_us)
        return;
    v->knows_header = v->again = true;
    dispatch_on_header(v->core, now_us);
}

static bool may_cut(struct sim_ventilator *v)
{
    return v->started && v->knows_header && !v->input_ended && !v->input_failed &&
           v->process.world->schedule.now_us >= v->next_cut_us;
}

void source_read(struct sim_ventilator *v)
{
    const struct scenario *scenario = &v->process.world->scenario;
    read_header(v);
    while (may_cut(v)) {
        ask_block(v);
        if (v->offset == scenario->records)
            end_input(v);
        else if (v->offset >= scenario->input_fails)
            fail_input(v);
        else if (dispatch_wants(v->core) > 0)
            cut(v), v->again = true;
        else
            return;
    }
}
