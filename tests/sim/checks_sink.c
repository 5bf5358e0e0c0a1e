/* SPDX-License-Identifier: MIT */
#include "checks.h"
#include "common/exit_status.h"
#include "world/world.h"
#include <string.h>

static struct world *of(const struct process *process)
{
    return process->world;
}

/* The sink forgets what it took in an epoch before this one. */
static bool *had(struct sim_sink *s, const struct position *position, uint64_t seq)
{
    if (s->had_epoch != position->epoch)
        memset(s->had, 0, (size_t)of(&s->process)->scenario.records);
    s->had_epoch = position->epoch;
    return &s->had[seq];
}

/* A result or a SKIP came; the first of a seq is kept. */
static void check_arrival(struct sim_sink *s, uint64_t seq, bool mine,
                          const struct payload *payload, bool taken)
{
    const struct sim_ventilator *cut_by = payload->cut_by;
    bool slip = payload->slip;
    struct world *world = of(&s->process);
    struct position position = sink_session_position(s->core);
    if (taken && slip)
        world_violation(world, "the sink takes a wrong result as %ju", (uintmax_t)seq);
    if (taken && !mine)
        world_violation(world, "the sink takes %ju of another epoch", (uintmax_t)seq);
    if (taken && !id_equal(&cut_by->uid, &position.uid))
        world_violation(world, "the sink takes %ju of another ventilator",
                        (uintmax_t)seq);
    if (!mine || seq >= (uint64_t)world->scenario.records)
        return;
    bool *before = had(s, &position, seq);
    bool wanted = !*before && seq >= position.next;
    if (taken && !wanted)
        world_violation(world, "the sink takes %ju twice", (uintmax_t)seq);
    if (!taken && wanted && !s->ending && s->welcomed && !slip)
        world_violation(world, "the sink refuses %ju, which it has not",
                        (uintmax_t)seq);
    *before |= taken;
}

/* A bad record failed alone as often as it may, or was lost alone twice. */
static void check_bad(struct sim_sink *s, const struct payload *payload,
                      const struct bad_record *bad)
{
    enum { LONE_LOSSES = 2 };
    struct world *world = of(&s->process);
    if (bad->record < payload->first || bad->record >= payload->end) {
        world_violation(world, "record %ju is bad, and not in the chunk",
                        (uintmax_t)bad->record);
        return;
    }
    uint64_t i = bad->record - payload->first;
    const struct fate *fate = sim_ventilator_fate(payload);
    bool earned = bad->cause == FAILURE_LOST
                      ? fate->lost_alone[i] >= LONE_LOSSES
                      : payload->failed_alone[i] >= world->scenario.retries;
    if (world->scenario.on_error != ON_ERROR_ISOLATE || !earned)
        world_violation(world, "record %ju is called bad, which was not earned",
                        (uintmax_t)bad->record);
}

/* A record is either in the result or a dead letter. */
static void check_made(struct sim_sink *s, const struct packet *packet)
{
    const struct result_entry *entry = &packet->message.result.entries[0];
    const struct payload *payload = &packet->payload;
    unsigned all = (1U << (payload->end - payload->first)) - 1, bad = 0;
    for (uint32_t i = 0; i < entry->bad_count; i++) {
        check_bad(s, payload, &entry->bad[i]);
        bad |= 1U << (entry->bad[i].record - payload->first);
    }
    if ((bad ^ payload->made) != all)
        world_violation(of(&s->process),
                        "result %ju has the records %x of its chunk, and %x are bad",
                        (uintmax_t)entry->seq, payload->made, bad);
}

/* The ventilator may charge the task that the result names, the one whose mark it
 * bears, or the one it is of. */
void check_slip(const struct sim_sink *s, const struct packet *packet)
{
    const struct payload *payload = &packet->payload;
    uint64_t seq = payload->slip_seq;
    struct fate *fates = payload->cut_by->fates;
    if (seq < (uint64_t)of(&s->process)->scenario.records)
        fates[seq].failed++;
    if (seq != payload->seq)
        fates[payload->seq].failed++;
}

void check_result(struct sim_sink *s, const struct packet *packet, bool taken)
{
    const struct message *result = &packet->message;
    struct position position = sink_session_position(s->core);
    bool mine = id_equal(&result->result.run, &position.run) &&
                result->result.epoch == position.epoch;
    check_arrival(s, result->result.entries[0].seq, mine, &packet->payload, taken);
    if (taken)
        check_made(s, packet);
}

void check_skip_taken(struct sim_sink *s, const struct packet *packet, bool taken)
{
    struct position position = sink_session_position(s->core);
    bool mine = packet->message.skip.epoch == position.epoch;
    check_arrival(s, packet->message.skip.seq, mine, &packet->payload, taken);
}

void check_memory(const struct sim_sink *s)
{
    struct world *world = of(&s->process);
    uint64_t parked = 0;
    for (const struct piece *piece = s->writing; piece; piece = piece->next)
        parked += piece->spilled ? 0 : (piece->payload.end - piece->payload.first);
    if (!s->ended && s->memory_bytes > scenario_buffer_bytes(&world->scenario) +
                                           parked * RECORD_BYTES)
        world_violation(world, "the sink has %ju bytes in memory",
                        (uintmax_t)s->memory_bytes);
}

void check_write(struct sim_sink *s, const struct piece *piece, uint64_t seq)
{
    struct world *world = of(&s->process);
    const struct payload *payload = &piece->payload;
    const struct payload *cut = &payload->cut_by->chunks[payload->seq];
    if (piece->seq != seq || payload->seq != seq)
        world_violation(world, "chunk %ju is written as %ju", (uintmax_t)payload->seq,
                        (uintmax_t)seq);
    if (payload->first != cut->first || payload->end != cut->end)
        world_violation(world, "chunk %ju is written as records %u-%u", (uintmax_t)seq,
                        payload->first, payload->end - 1);
    if (world->scenario.ordered && payload->first != s->given)
        world_violation(world, "chunk %ju begins at record %u, the last ended at %u",
                        (uintmax_t)seq, payload->first, s->given);
    s->given = payload->end;
    struct sim_worker *w = payload->shifted_by;
    if (w)
        w->wronged = payload->cut_by;
    if (!w || w->wrote_shifted)
        return;
    w->wrote_shifted = true;
    w->next_shifted = world->shifted;
    world->shifted = w;
}

static void check_position(const struct sim_sink *s, const struct position *position)
{
    struct world *world = of(&s->process);
    uint32_t record = mark_read(position->mark, position->mark_size);
    if (world->scenario.ordered && record != s->reached)
        world_violation(world, "the position's mark is record %u, %u are dealt with",
                        record, s->reached);
    if (position->dead_letters != s->dead_letters)
        world_violation(world, "the position counts %ju dead letters, there are %u",
                        (uintmax_t)position->dead_letters, s->dead_letters);
}

void check_begin(const struct sim_sink *s, const struct position *position)
{
    struct world *world = of(&s->process);
    const struct position *journal = &world->disk.durable.position;
    check_position(s, position);
    if (world->scenario.journal &&
        (journal->epoch != position->epoch ||
         memcmp(&journal->uid, &position->uid, sizeof journal->uid) != 0))
        world_violation(world, "BEGIN of epoch %ju, which is not in the journal",
                        (uintmax_t)position->epoch);
}

void check_progress(const struct sim_sink *s, const struct sink_progress *progress)
{
    struct world *world = of(&s->process);
    if (progress->committed > disk_committed(world))
        world_violation(world, "PROGRESS says %ju are committed, the disk has %ju",
                        (uintmax_t)progress->committed,
                        (uintmax_t)disk_committed(world));
    if (progress->committed > progress->released)
        world_violation(world, "PROGRESS: committed beyond released");
}

void check_commit(const struct sim_sink *s, const struct position *position)
{
    check_position(s, position);
}

void check_finished(const struct sim_sink *s, const struct sink_verdict *verdict)
{
    struct world *world = of(&s->process);
    if (verdict->outcome != OUTCOME_COMPLETE)
        return;
    if (world->scenario.journal && !world->disk.durable.position.finished)
        world_violation(world, "FINISHED is said, and the journal does not");
    if (disk_accounted(&world->disk) != world->scenario.records)
        world_violation(world, "FINISHED, but %jd records are written",
                        (intmax_t)disk_accounted(&world->disk));
}

void check_parting(const struct sim_sink *s, const struct sink_verdict *verdict)
{
    struct world *world = of(&s->process);
    if (verdict->outcome == OUTCOME_COMPLETE &&
        disk_accounted(&world->disk) != world->scenario.records)
        world_violation(world, "the sink leaves with status %d and %jd records",
                        verdict->status, (intmax_t)disk_accounted(&world->disk));
    if (verdict->status == STATUS_PEER && s->woke_us && s->knew && !s->ending &&
        world->schedule.now_us - s->woke_us < LIVENESS_US)
        world_violation(world, "the sink gives its ventilator up for what it missed "
                               "while it waited");
}
