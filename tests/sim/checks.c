/* SPDX-License-Identifier: MIT */
#include "checks.h"
#include "common/exit_status.h"
#include "world.h"
#include <string.h>

enum { ROOM = 2 };

static struct world *of(const struct process *process)
{
    return process->world;
}

/* ---- ventilator ---- */

void check_budget(const struct sim_ventilator *v, uint64_t bytes)
{
    struct world *world = of(&v->process);
    uint64_t largest = CHUNK_RECORDS_MAX * RECORD_BYTES;
    uint64_t slots = dispatch_counts(v->core).slots, share;
    if (!world->mix.buffer_chunks || !world->mix.keeps_bytes || v->kept_bytes == 0)
        return;
    if (slots < (uint64_t)WORKERS_MAX * SLOTS_PER_WORKER_MAX)
        slots = (uint64_t)WORKERS_MAX * SLOTS_PER_WORKER_MAX; /* some may have left */
    share = world->mix.buffer_chunks * largest;
    if (share < 2 * slots * v->chunk_records * RECORD_BYTES)
        share = 2 * slots * v->chunk_records * RECORD_BYTES;
    if (v->kept_bytes + bytes > share + largest)
        world_violation(world, "%ju bytes are kept, the budget is %ju",
                        (uintmax_t)(v->kept_bytes + bytes), (uintmax_t)share);
}

void check_task(const struct sim_ventilator *v, const struct dispatch_action *action)
{
    struct world *world = of(&v->process);
    struct process *sink = world->processes[SINK];
    uint64_t released = dispatch_counts(v->core).released;
    if (action->seq >= released + world->mix.window)
        world_violation(world, "task %ju is sent beyond the window: released is %ju",
                        (uintmax_t)action->seq, (uintmax_t)released);
    if (v->discarded[action->seq])
        world_violation(world, "task %ju is sent, but its chunk was dropped",
                        (uintmax_t)action->seq);
    if (!sink)
        world_violation(world, "a task is sent before there was a sink");
}

void check_discard(const struct sim_ventilator *v, uint64_t seq)
{
    struct world *world = of(&v->process);
    if (v->discarded[seq] && world->breakage != BREAK_EARLY_DISCARD)
        world_violation(world, "chunk %ju is dropped twice", (uintmax_t)seq);
    if (seq >= disk_committed(world) && !world->position_lost)
        world_violation(world, "chunk %ju is dropped, but %ju is all that is committed",
                        (uintmax_t)seq, (uintmax_t)disk_committed(world));
}

void check_total(const struct sim_ventilator *v, const struct message *end)
{
    struct world *world = of(&v->process);
    if (end->end.outcome != OUTCOME_COMPLETE)
        return;
    uint64_t total = end->end.total;
    if (v->offset != RECORDS || !v->input_ended)
        world_violation(world, "END before the input's");
    else if (total > 0 && total <= RECORDS && v->chunks[total - 1].end > 0 &&
             v->chunks[total - 1].end != RECORDS)
        world_violation(world, "END says %ju chunks, which is not all",
                        (uintmax_t)total);
}

/* Some chunk really failed, or was really lost with its worker, as often as it may. */
static bool earned(const struct sim_ventilator *v)
{
    const struct mix *mix = &of(&v->process)->mix;
    const struct dispatch_failure *failure = dispatch_failure(v->core);
    if (!failure || failure->seq >= RECORDS)
        return false;
    const struct fate *fate = &v->fates[failure->seq];
    return (fate->failed >= mix->retries || fate->lost >= mix->losses) &&
           failure->attempts <= fate->failed + fate->lost;
}

static bool legitimate(struct world *world, int status)
{
    switch (status) {
    case STATUS_OK:
        return true;
    case STATUS_CHUNK_FAILED:
        return world->earned;
    case STATUS_IO:
        return world->input_failed ||
               (world->output_failed && world->mix.output_status == STATUS_IO);
    case STATUS_OUTPUT_CLOSED:
        return world->output_failed && world->mix.output_status == STATUS_OUTPUT_CLOSED;
    case STATUS_INTERRUPTED:
        return world->interrupted;
    case STATUS_PEER: /* no sink any more, or one that lost what it had */
        return world->sink_over || world->position_lost;
    default:
        return false;
    }
}

void check_verdict(const struct sim_ventilator *v, const struct verdict *verdict)
{
    struct world *world = of(&v->process);
    if (verdict->status == STATUS_CHUNK_FAILED && earned(v))
        world->earned = true;
    if (!legitimate(world, verdict->status))
        world_violation(world, "%s ends with status %d, which was not earned: %s",
                        process_name(&v->process), verdict->status, verdict->text);
}

void check_over(const struct sim_ventilator *v, const struct verdict *verdict)
{
    struct world *world = of(&v->process);
    const struct disk *disk = &world->disk;
    check_verdict(v, verdict);
    if (verdict->status == STATUS_OK && disk->length != RECORDS)
        world_violation(world, "status 0 with %u records written", disk->length);
    if (verdict->status == STATUS_OK && world->mix.journal && disk->has_journal &&
        !disk->position.finished)
        world_violation(world, "status 0, but the journal is not finished");
}

/* ---- worker ---- */

/* As many tasks as slots and prefetch, as many results again, and two. */
void check_ledger(const struct sim_worker *w)
{
    uint32_t limit = 2 * (w->slot_count + of(&w->process)->mix.window / 2) + ROOM;
    if (w->live_cargo > limit)
        world_violation(of(&w->process), "%s has %u tasks on its ledger",
                        process_name(&w->process), w->live_cargo);
}

void check_start(const struct sim_worker *w, const struct slot *slot, uint32_t load,
                 const struct session_action *action)
{
    struct world *world = of(&w->process);
    const struct cargo *cargo = action->cargo;
    if (slot->replacing)
        world_violation(world, "START in slot %u, which is being replaced",
                        slot->number);
    if (load >= world->mix.depth)
        world_violation(world, "slot %u is given more than %u tasks", slot->number,
                        world->mix.depth);
    if (cargo->dropped || cargo->payload.seq != action->seq)
        world_violation(world, "START of %ju with the cargo of another",
                        (uintmax_t)action->seq);
}

void check_sent(const struct sim_worker *w, const struct cargo *cargo)
{
    struct world *world = of(&w->process);
    if (cargo->dropped)
        world_violation(world, "a result is sent that was dropped");
    if (cargo->epoch != session_epoch(w->core))
        world_violation(world, "a result of epoch %ju is sent as one of epoch %ju",
                        (uintmax_t)cargo->epoch, (uintmax_t)session_epoch(w->core));
}

void check_leave(const struct sim_worker *w, int status)
{
    struct world *world = of(&w->process);
    bool quiet = world->mix.kind_count == 0 && w->welcomed; /* STOP came through */
    if (status != STATUS_OK && (quiet || (!world->finishing && !world->sink_over)))
        world_violation(world, "%s gives up with status %d, and was not told to",
                        process_name(&w->process), status);
}

/* ---- sink ---- */

/* The position belongs to an epoch: what was taken before it came is forgotten. */
static bool *had(struct sim_sink *s, const struct position *position, uint64_t seq)
{
    if (s->had_epoch != position->epoch)
        memset(s->had, 0, sizeof s->had);
    s->had_epoch = position->epoch;
    return &s->had[seq];
}

void check_result(struct sim_sink *s, const struct letter *letter, bool taken)
{
    struct world *world = of(&s->process);
    const struct message *result = &letter->message;
    const struct id *uid = &letter->payload.cut_by->uid;
    struct position position = sink_session_position(s->core);
    uint64_t seq = result->result.entries[0].seq;
    bool mine = memcmp(&result->result.run, &position.run, sizeof position.run) == 0 &&
                result->result.epoch == position.epoch;
    if (taken && !mine)
        world_violation(world, "the sink takes %ju of another epoch", (uintmax_t)seq);
    if (taken && memcmp(uid, &position.uid, sizeof *uid) != 0)
        world_violation(world, "the sink takes %ju of another ventilator",
                        (uintmax_t)seq);
    if (!mine || seq >= RECORDS)
        return;
    bool *before = had(s, &position, seq);
    bool wanted = !*before && seq >= position.next;
    if (taken && !wanted)
        world_violation(world, "the sink takes %ju twice", (uintmax_t)seq);
    if (!taken && wanted && !s->ending)
        world_violation(world, "the sink refuses %ju, which it has not",
                        (uintmax_t)seq);
    *before |= taken;
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
    if (world->mix.ordered && payload->first != s->given)
        world_violation(world, "chunk %ju begins at record %u, the last ended at %u",
                        (uintmax_t)seq, payload->first, s->given);
    s->given = payload->end;
}

static void check_position(const struct sim_sink *s, const struct position *position)
{
    struct world *world = of(&s->process);
    uint32_t record = mark_read(position->mark, position->mark_size);
    if (world->mix.ordered && record != s->whole)
        world_violation(world, "the position's mark is record %u, %u are written",
                        record, s->whole);
}

void check_begin(const struct sim_sink *s, const struct position *position)
{
    struct world *world = of(&s->process);
    const struct position *journal = &world->disk.position;
    check_position(s, position);
    if (world->mix.journal &&
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
    if (world->mix.journal && verdict->outcome == OUTCOME_COMPLETE &&
        !world->disk.position.finished)
        world_violation(world, "FINISHED is said, and the journal does not");
    if (verdict->outcome == OUTCOME_COMPLETE && s->whole != RECORDS)
        world_violation(world, "FINISHED, but %u records are written", s->whole);
}

void check_parting(const struct sim_sink *s, const struct sink_verdict *verdict)
{
    if (verdict->status == STATUS_OK && s->whole != RECORDS)
        world_violation(of(&s->process), "the sink leaves with status 0 and %u records",
                        s->whole);
}

/* ---- the end ---- */

static void check_output(struct world *world)
{
    const struct disk *disk = &world->disk;
    bool seen[RECORDS] = {false};
    for (uint32_t i = 0; i < disk->length; i++) {
        uint32_t record = disk->output[i];
        if (record >= RECORDS || seen[record])
            world_violation(world, "record %u is in the output twice", record);
        else if (world->mix.ordered && record != i)
            world_violation(world, "record %u is where record %u belongs", record, i);
        else
            seen[record] = true;
    }
    if (disk->length < RECORDS && world->ended_well)
        world_violation(world, "status 0, but only %u of %u records are written",
                        disk->length, (unsigned)RECORDS);
}

static void check_all_left(struct world *world)
{
    for (int name = 0; name < NAMES; name++) {
        struct process *process = world->processes[name];
        bool idle = name >= WORKER_0 && world->mix.stay;
        if (process && process->alive && !idle)
            world_violation(world, "%s never ends", process_name(process));
    }
}

void check_end(struct world *world)
{
    check_all_left(world);
    check_output(world);
    if (!world->sink_over && !world->ended_early)
        world_violation(world, "the run never ended for the sink");
    bool excused = world->earned || world->interrupted || world->input_failed ||
                   world->output_failed || world->position_lost;
    if (world->disk.length < RECORDS && !excused)
        world_violation(world, "only %u of %u records are written", world->disk.length,
                        (unsigned)RECORDS);
    world->tally->complete += world->disk.length == RECORDS && !excused;
    world->tally->stopped_by_chunk += world->earned;
    world->tally->stopped_otherwise += excused && !world->earned;
}
