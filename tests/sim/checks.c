/* SPDX-License-Identifier: MIT */
#include "checks.h"
#include "common/exit_status.h"
#include "sim_slots.h"
#include "world.h"
#include <string.h>

enum { ROOM = 2 };

static struct world *of(const struct process *process)
{
    return process->world;
}

/* ---- ventilator ---- */

/* What may be in memory: the share, and one chunk more. */
static uint64_t budget(struct sim_ventilator *v)
{
    const struct mix *mix = &of(&v->process)->mix;
    uint32_t slots = dispatch_counts(v->core).slots;
    if (slots > v->most_slots) /* some may have left, and their share is still used */
        v->most_slots = slots;
    uint64_t share = sim_buffer_bytes(mix);
    uint64_t least = 2 * (uint64_t)v->most_slots * v->chunk_records * RECORD_BYTES;
    if (mix->block_auto)
        least = 0; /* two of its blocks stay within the share */
    return (share > least ? share : least) + CHUNK_RECORDS_MAX * RECORD_BYTES;
}

void check_cut(struct sim_ventilator *v, uint64_t bytes)
{
    struct world *world = of(&v->process);
    if (v->drains)
        world_violation(world, "a chunk is cut after the interrupt");
    uint64_t most = budget(v);
    if (world->mix.keeps_bytes && v->kept_bytes > 0 && v->kept_bytes + bytes > most)
        world_violation(world, "%ju bytes are kept, the budget is %ju",
                        (uintmax_t)(v->kept_bytes + bytes), (uintmax_t)most);
}

void check_block(const struct sim_ventilator *v)
{
    enum { FACTOR = 64 };
    struct world *world = of(&v->process);
    const char *wrong = NULL;
    uint64_t bytes = v->block_bytes, slots = dispatch_counts(v->core).slots;
    if (bytes == 0)
        wrong = "nothing";
    else if (bytes > (uint64_t)v->chunk_records * RECORD_BYTES)
        wrong = "more than the most";
    else if (bytes > 1 && 2 * bytes * slots > sim_buffer_bytes(&world->mix))
        wrong = "more than two a slot have room for";
    else if (bytes > 1 && bytes > FACTOR * v->longest_done)
        wrong = "far more than was ever run";
    if (wrong)
        world_violation(world, "a block of %ju bytes: %s", (uintmax_t)bytes, wrong);
}

static uint64_t window(const struct world *world)
{
    enum { LEAST = 4096, A_SLOT = 4 };
    uint64_t slots = (uint64_t)(world->mix.workers * world->mix.slots) * A_SLOT;
    if (world->mix.window)
        return (uint64_t)world->mix.window;
    return slots > LEAST ? slots : LEAST;
}

void check_task(const struct sim_ventilator *v, const struct dispatch_action *action)
{
    struct world *world = of(&v->process);
    uint64_t released = dispatch_counts(v->core).released;
    if (action->seq >= released + window(world))
        world_violation(world, "task %ju is sent beyond the window: released is %ju",
                        (uintmax_t)action->seq, (uintmax_t)released);
    if (v->discarded[action->seq])
        world_violation(world, "task %ju is sent, but its chunk was dropped",
                        (uintmax_t)action->seq);
    if (v->drains && !v->given[action->seq])
        world_violation(world, "task %ju is begun after the interrupt",
                        (uintmax_t)action->seq);
    if (!world->stations[SINK].process)
        world_violation(world, "a task is sent before there was a sink");
}

/* It really failed, or was lost with its worker, as often as it may. Where bad records
 * are searched, losses condemn a chunk only after some searches in vain. */
static bool fate_earned(const struct sim_ventilator *v, const struct fate *fate)
{
    enum { SEARCHES_LOSE = 4 };
    const struct mix *mix = &of(&v->process)->mix;
    int64_t losses = mix->on_error == ON_ERROR_ISOLATE ? SEARCHES_LOSE : mix->losses;
    return fate->failed >= mix->retries || slots_count_lost(fate) >= losses;
}

static bool chunk_earned(const struct sim_ventilator *v,
                         const struct dispatch_failure *failure)
{
    const struct mix *mix = &of(&v->process)->mix;
    if (failure->seq >= (uint64_t)mix->records)
        return false;
    const struct fate *fate = &v->fates[failure->seq];
    return fate_earned(v, fate) &&
           failure->attempts <= fate->failed + slots_count_lost(fate);
}

void check_skip(struct sim_ventilator *v, const struct dispatch_failure *failure)
{
    struct world *world = of(&v->process);
    if (world->mix.on_error == ON_ERROR_STOP)
        world_violation(world, "SKIP of %ju, which nobody asked for",
                        (uintmax_t)failure->seq);
    else if (!chunk_earned(v, failure))
        world_violation(world, "chunk %ju is given up, which was not earned",
                        (uintmax_t)failure->seq);
}

void check_discard(const struct sim_ventilator *v, uint64_t seq)
{
    struct world *world = of(&v->process);
    if (v->discarded[seq])
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
    int64_t all = world->mix.records;
    if (v->offset != all || !v->input_ended)
        world_violation(world, "END before the input's");
    else if (total > 0 && total <= (uint64_t)all && v->chunks[total - 1].end > 0 &&
             v->chunks[total - 1].end != all)
        world_violation(world, "END says %ju chunks, which is not all",
                        (uintmax_t)total);
}

/* So many tasks have dead letters as --halt says. */
static bool halt_earned(const struct sim_ventilator *v)
{
    enum { LEAST = 3 };
    const struct mix *mix = &of(&v->process)->mix;
    int64_t least = mix->halt_tasks ? mix->halt_tasks : LEAST, earned = 0;
    for (int64_t seq = 0; seq < mix->records; seq++)
        earned += fate_earned(v, &v->fates[seq]);
    return mix->halt && (earned >= least || v->failed_tasks >= least);
}

static bool legitimate(struct world *world, int status)
{
    switch (status) {
    case STATUS_OK:
        return true;
    case STATUS_DEAD_LETTERS:
        return world->disk.letter_count > 0 || world->position_lost;
    case STATUS_CHUNK_FAILED:
        return world->earned || world->halted;
    case STATUS_IO:
        return world->input_failed || world->disk_full;
    case STATUS_OUTPUT_CLOSED:
        return world->output_closed;
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
    const struct dispatch_failure *failure = dispatch_failure(v->core);
    if (verdict->status == STATUS_CHUNK_FAILED) {
        world->earned |= failure && chunk_earned(v, failure);
        world->halted |= halt_earned(v);
    }
    if (!legitimate(world, verdict->status))
        world_violation(world, "%s ends with status %d, which was not earned: %s",
                        process_name(&v->process), verdict->status, verdict->text);
}

/* Records that are in the output, or dead letters. */
static int64_t accounted(const struct disk *disk)
{
    int64_t sum = disk->length;
    for (uint32_t i = 0; i < disk->letter_count; i++)
        sum += disk->letters[i].end - disk->letters[i].first;
    return sum;
}

void check_over(const struct sim_ventilator *v, const struct verdict *verdict)
{
    struct world *world = of(&v->process);
    const struct disk *disk = &world->disk;
    int status = verdict->status;
    check_verdict(v, verdict);
    if (status != STATUS_OK && status != STATUS_DEAD_LETTERS)
        return;
    for (int64_t seq = 0; seq < world->mix.records; seq++)
        if (v->chunks[seq].end > 0 && !v->told[seq])
            world_violation(world, "status %d, and the end of chunk %jd was never told",
                            status, (intmax_t)seq);
    if (accounted(disk) != world->mix.records)
        world_violation(world, "status %d with %jd records written", status,
                        (intmax_t)accounted(disk));
    if ((status == STATUS_DEAD_LETTERS) != (disk->letter_count > 0))
        world_violation(world, "status %d with %u dead letters", status,
                        disk->letter_count);
    if (world->mix.journal && disk->durable.there && !disk->durable.position.finished)
        world_violation(world, "status %d, but the journal is not finished", status);
}

void check_end(struct sim_ventilator *v, const struct dispatch_end *end)
{
    struct world *world = of(&v->process);
    uintmax_t seq = (uintmax_t)end->seq;
    if (seq >= (uintmax_t)world->mix.records || v->chunks[seq].end == 0)
        world_violation(world, "the end is told of chunk %ju, never cut", seq);
    else if (v->told[seq])
        world_violation(world, "the end of chunk %ju is told twice", seq);
    else
        v->told[seq] = true;
}

/* ---- worker ---- */

/* As many tasks as slots and prefetch, as many results again, and two. What runs for
 * 50 ms and more is prefetched for 20 ms and for a round trip of half a second at most,
 * and so what runs for 600 ms and more, once for each slot. */
void check_ledger(const struct sim_worker *w)
{
    const struct world *world = of(&w->process);
    uint64_t prefetch = window(world) / 2;
    uint64_t a_slot = world->mix.even_tasks ? 1 : 520 / 50 + 1;
    if (!world->mix.short_tasks && prefetch > a_slot * w->slot_count)
        prefetch = a_slot * w->slot_count;
    uint64_t limit = 2 * (w->slot_count + prefetch) + ROOM;
    if (w->live_cargo > limit)
        world_violation(of(&w->process), "%s has %u tasks on its ledger",
                        process_name(&w->process), w->live_cargo);
}

void check_start(const struct sim_worker *w, const struct slot *slot, uint32_t load,
                 const struct session_action *action)
{
    struct world *world = of(&w->process);
    const struct cargo *cargo = action->cargo;
    bool part = cargo->isolation && cargo->began_us; /* it keeps its slot */
    if (slot->replacing && !part)
        world_violation(world, "START in slot %u, which is being replaced",
                        slot->number);
    if (load >= world->mix.depth)
        world_violation(world, "slot %u is given more than %jd tasks", slot->number,
                        (intmax_t)world->mix.depth);
    if (cargo->dropped || cargo->payload.seq != action->seq)
        world_violation(world, "START of %ju with the cargo of another",
                        (uintmax_t)action->seq);
}

void check_sent(const struct sim_worker *w, const struct cargo *cargo)
{
    struct world *world = of(&w->process);
    if (cargo->dropped)
        world_violation(world, "a result is sent that was dropped");
    if (cargo->probe)
        world_violation(world, "the result of a probe is sent");
    if (cargo->epoch != session_epoch(w->core))
        world_violation(world, "a result of epoch %ju is sent as one of epoch %ju",
                        (uintmax_t)cargo->epoch, (uintmax_t)session_epoch(w->core));
}

void check_leave(const struct sim_worker *w, int status)
{
    struct world *world = of(&w->process);
    bool quiet = !mix_has_faults(&world->mix) && w->welcomed; /* STOP came through */
    if (status != STATUS_OK && (quiet || (!world->finishing && !world->sink_over)))
        world_violation(world, "%s gives up with status %d, and was not told to",
                        process_name(&w->process), status);
}

/* ---- sink ---- */

/* The position belongs to an epoch: what was taken before it came is forgotten. */
static bool *had(struct sim_sink *s, const struct position *position, uint64_t seq)
{
    if (s->had_epoch != position->epoch)
        memset(s->had, 0, (size_t)of(&s->process)->mix.records);
    s->had_epoch = position->epoch;
    return &s->had[seq];
}

/* A result or a SKIP came; the first of a seq is kept. */
static void check_arrival(struct sim_sink *s, uint64_t seq, bool mine,
                          const struct sim_ventilator *cut_by, bool taken)
{
    struct world *world = of(&s->process);
    struct position position = sink_session_position(s->core);
    if (taken && !mine)
        world_violation(world, "the sink takes %ju of another epoch", (uintmax_t)seq);
    if (taken && !id_equal(&cut_by->uid, &position.uid))
        world_violation(world, "the sink takes %ju of another ventilator",
                        (uintmax_t)seq);
    if (!mine || seq >= (uint64_t)world->mix.records)
        return;
    bool *before = had(s, &position, seq);
    bool wanted = !*before && seq >= position.next;
    if (taken && !wanted)
        world_violation(world, "the sink takes %ju twice", (uintmax_t)seq);
    if (!taken && wanted && !s->ending && sink_session_takes(s->core))
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
    bool earned = bad->how == FAILURE_LOST
                      ? fate->lost_alone[i] >= LONE_LOSSES
                      : payload->failed_alone[i] >= world->mix.retries;
    if (world->mix.on_error != ON_ERROR_ISOLATE || !earned)
        world_violation(world, "record %ju is called bad, which was not earned",
                        (uintmax_t)bad->record);
}

/* A record is either in the result or a dead letter. */
static void check_made(struct sim_sink *s, const struct letter *letter)
{
    const struct result_entry *entry = &letter->message.result.entries[0];
    const struct payload *payload = &letter->payload;
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

void check_result(struct sim_sink *s, const struct letter *letter, bool taken)
{
    const struct message *result = &letter->message;
    struct position position = sink_session_position(s->core);
    bool mine = id_equal(&result->result.run, &position.run) &&
                result->result.epoch == position.epoch;
    check_arrival(s, result->result.entries[0].seq, mine, letter->payload.cut_by,
                  taken);
    if (taken)
        check_made(s, letter);
}

void check_skip_taken(struct sim_sink *s, const struct letter *letter, bool taken)
{
    struct position position = sink_session_position(s->core);
    bool mine = letter->message.skip.epoch == position.epoch;
    check_arrival(s, letter->message.skip.seq, mine, letter->payload.cut_by, taken);
}

void check_memory(const struct sim_sink *s)
{
    struct world *world = of(&s->process);
    uint64_t parked = 0;
    for (const struct piece *piece = s->writing; piece; piece = piece->next)
        parked += piece->spilled ? 0 : (piece->payload.end - piece->payload.first);
    if (!s->ended &&
        s->memory_bytes > sim_buffer_bytes(&world->mix) + parked * RECORD_BYTES)
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
    if (world->mix.ordered && payload->first != s->given)
        world_violation(world, "chunk %ju begins at record %u, the last ended at %u",
                        (uintmax_t)seq, payload->first, s->given);
    s->given = payload->end;
}

static void check_position(const struct sim_sink *s, const struct position *position)
{
    struct world *world = of(&s->process);
    uint32_t record = mark_read(position->mark, position->mark_size);
    if (world->mix.ordered && record != s->reached)
        world_violation(world, "the position's mark is record %u, %u are dealt with",
                        record, s->reached);
    if (position->dead_letters != s->letters)
        world_violation(world, "the position counts %ju dead letters, there are %u",
                        (uintmax_t)position->dead_letters, s->letters);
}

void check_begin(const struct sim_sink *s, const struct position *position)
{
    struct world *world = of(&s->process);
    const struct position *journal = &world->disk.durable.position;
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
    if (verdict->outcome != OUTCOME_COMPLETE)
        return;
    if (world->mix.journal && !world->disk.durable.position.finished)
        world_violation(world, "FINISHED is said, and the journal does not");
    if (accounted(&world->disk) != world->mix.records)
        world_violation(world, "FINISHED, but %jd records are written",
                        (intmax_t)accounted(&world->disk));
}

void check_parting(const struct sim_sink *s, const struct sink_verdict *verdict)
{
    struct world *world = of(&s->process);
    if (verdict->outcome == OUTCOME_COMPLETE &&
        accounted(&world->disk) != world->mix.records)
        world_violation(world, "the sink leaves with status %d and %jd records",
                        verdict->status, (intmax_t)accounted(&world->disk));
}

/* ---- the end ---- */

/* What counts: all of a complete run, what the journal says of another. */
static void check_output(struct world *world, uint32_t length, uint32_t letters)
{
    const struct disk *disk = &world->disk;
    uint8_t *seen = arena_take(&world->arena, (size_t)world->mix.records);
    int64_t last = -1;
    for (uint32_t i = 0; i < length; i++) {
        uint32_t record = disk->output[i];
        if (record >= world->mix.records || seen[record]++)
            world_violation(world, "record %u is in the output twice", record);
        else if (world->mix.ordered && record <= last)
            world_violation(world, "record %u comes after record %jd", record,
                            (intmax_t)last);
        last = record;
    }
    for (uint32_t i = 0; i < letters; i++)
        for (uint32_t record = disk->letters[i].first; record < disk->letters[i].end;
             record++)
            if (seen[record]++)
                world_violation(world, "record %u is a dead letter, and dealt with",
                                record);
}

void check_all_left(struct world *world)
{
    for (uint32_t name = 0; name < world->station_count; name++) {
        bool idle = name >= WORKER && world->mix.stay;
        if (world_has(world, name) && !idle)
            world_violation(world, "%s never ends",
                            process_name(world->stations[name].process));
    }
}

static bool is_complete(const struct world *world)
{
    const struct disk *disk = &world->disk;
    if (!world->mix.journal)
        return accounted(disk) == world->mix.records;
    return !disk->journal.there || disk->journal.position.finished;
}

/* One signal, and nothing else went wrong: what had been given out is in the journal.
 * Where the input failed, all that had been cut. */
static void check_drained(struct world *world)
{
    const struct sim_ventilator *v =
        (struct sim_ventilator *)world->stations[VENTILATOR].process;
    bool failed = v->input_failed && !v->drains;
    if (!(v->drains || failed) || v->hurried || mix_has_faults(&world->mix) ||
        world->mix.tail || world->mix.outcast || world->earned || world->disk_full ||
        !world->mix.journal || world->halted)
        return;
    for (int64_t seq = 0; seq < world->mix.records; seq++)
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
    if (complete || !world->mix.journal)
        check_output(world, disk->length, disk->letter_count);
    else
        check_output(world, disk->journal.length, disk->journal.letters);
    bool excused = world->earned || world->halted || world->interrupted ||
                   world->input_failed || world->output_closed || world->disk_full ||
                   world->position_lost;
    if (!complete && !excused)
        world_violation(world, "the run ended without a reason, and is not complete");
    world->tally->stopped += !complete;
    return complete;
}

void check_run_end(struct world *world)
{
    const struct disk *disk = &world->disk;
    bool complete = is_complete(world);
    if (world->mix.journal && !complete)
        world_violation(world, "the run is not complete after %u legs", world->leg);
    if (complete && accounted(disk) != world->mix.records)
        world_violation(world, "only %jd of %jd records are dealt with",
                        (intmax_t)accounted(disk), (intmax_t)world->mix.records);
    world->tally->complete += complete;
    world->tally->with_letters += complete && disk->letter_count > 0;
}
