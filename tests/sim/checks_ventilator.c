/* SPDX-License-Identifier: MIT */
#include "checks.h"
#include "common/exit_status.h"
#include "sim_slots.h"
#include "sim_source.h"
#include "ventilator/scheduler/loss_charges.h"
#include "ventilator/scheduler/scheduler_state.h"
#include "world/net.h"
#include "world/records.h"
#include "world/world.h"
#include <string.h>

static struct world *of(const struct process *process)
{
    return process->world;
}

/* The ventilator may keep its share in memory, and one chunk more. */
static uint64_t budget(struct sim_ventilator *v)
{
    const struct scenario *scenario = &of(&v->process)->scenario;
    uint32_t slots = dispatch_counts(v->core).slots;
    if (slots > v->most_slots) /* some may have left, and their share is still used */
        v->most_slots = slots;
    uint64_t share = scenario_buffer_bytes(scenario);
    uint64_t least = 2 * (uint64_t)v->most_slots * v->chunk_records * RECORD_BYTES;
    if (scenario->block_auto)
        least = 0; /* two of its blocks stay within the share */
    return (share > least ? share : least) + CHUNK_RECORDS_MAX * RECORD_BYTES;
}

static struct sim_worker *worker_of(const struct sim_ventilator *v, uint32_t peer)
{
    return (struct sim_worker *)v->process.conns[peer - 1]->dial->owner;
}

/* ---- what it knows ---- */

static void note_done(struct sim_ventilator *v, const struct message *message,
                      struct sim_worker *w)
{
    for (uint32_t i = 0; i < message->done.count; i++) {
        const struct done_entry *entry = &message->done.entries[i];
        bool part = v->isolating[entry->seq] >> entry->attempt % 64 & 1;
        if (source_chunk_bytes(&v->chunks[entry->seq]) > v->longest_done)
            v->longest_done = source_chunk_bytes(&v->chunks[entry->seq]);
        if (!part)
            w->done_for = v;
    }
}

/* A HELLO's ledger does so as well as a DONE that may not come. */
static bool names_a_result(const struct sim_ventilator *v,
                           const struct message *message)
{
    bool any = false;
    if (message->hello_worker.epoch != v->core->epoch)
        return false;
    for (uint32_t i = 0; i < message->hello_worker.count; i++)
        any |= message->hello_worker.ledger[i].state == ENTRY_DONE;
    return any;
}

/* In a session that it has of the worker, and before it has told the sink that all is
 * right. */
static void note_session(const struct sim_ventilator *v, const struct item *item)
{
    const struct message *message = &item->packet->message;
    const struct worker_session *session =
        worker_pool_find(&v->core->pool, item->conn->peer);
    if (!session || v->told_end)
        return;
    struct sim_worker *w = worker_of(v, item->conn->peer);
    if (message->type == MESSAGE_DONE && message->done.session == session->number &&
        message->done.entries[0].open)
        w->opened_to = v;
    if (message->type == MESSAGE_HELLO_WORKER && names_a_result(v, message))
        w->opened_to = v;
}

void check_heard(struct sim_ventilator *v, const struct item *item)
{
    const struct message *message = &item->packet->message;
    if (message->type == MESSAGE_DONE)
        note_done(v, message, worker_of(v, item->conn->peer));
    else if (message->type == MESSAGE_FAILED &&
             message->failed.cause !=
                 FAILURE_REFERENCE) /* a DONE of an older session is none */
        v->fates[message->failed.seq].failed_after_done = v->core->counts.done > 0;
    note_session(v, item);
}

/* ---- cutting and sending ---- */

void check_cut(struct sim_ventilator *v, uint64_t bytes)
{
    struct world *world = of(&v->process);
    if (v->drains)
        world_violation(world, "a chunk is cut after the interrupt");
    uint64_t most = budget(v);
    if (world->scenario.keeps_bytes && v->kept_bytes > 0 &&
        v->kept_bytes + bytes > most)
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
    else if (bytes > 1 && 2 * bytes * slots > scenario_buffer_bytes(&world->scenario))
        wrong = "more than two a slot have room for";
    else if (bytes > 1 && bytes > FACTOR * v->longest_done)
        wrong = "far more than was ever run";
    if (wrong)
        world_violation(world, "a block of %ju bytes: %s", (uintmax_t)bytes, wrong);
}

/* A worker has the time that its own tasks take, however fast the others are. */
static bool is_hurried(const struct sim_ventilator *v,
                       const struct dispatch_action *action)
{
    const struct scenario *scenario = &of(&v->process)->scenario;
    const struct worker_session *session =
        worker_pool_find(&v->core->pool, action->peer);
    if (!scenario->limit_percent || scenario->block_auto || !action->limit_ms ||
        !session || !session->measured)
        return false;
    uint64_t least_ms = session->run_us / 1000 * (uint64_t)scenario->limit_percent /
                        100;
    return action->limit_ms < least_ms;
}

void check_task(const struct sim_ventilator *v, const struct dispatch_action *action)
{
    struct world *world = of(&v->process);
    if (is_hurried(v, action))
        world_violation(world, "task %ju has less time than its worker usually takes",
                        (uintmax_t)action->seq);
    uint64_t released = dispatch_counts(v->core).released;
    if (action->seq >= released + scenario_window(&world->scenario))
        world_violation(world, "task %ju is sent beyond the window: released is %ju",
                        (uintmax_t)action->seq, (uintmax_t)released);
    if (v->discarded[action->seq])
        world_violation(world, "task %ju is sent, but its chunk was dropped",
                        (uintmax_t)action->seq);
    if (v->drains && !v->given[action->seq])
        world_violation(world, "task %ju is begun after the interrupt",
                        (uintmax_t)action->seq);
    if (!world->hosts[SINK].process)
        world_violation(world, "a task is sent before there was a sink");
}

/* What the probe before has shown is known, or else the search never comes to an end.
 * Once it may be sent by chance, as copies and lost messages have it. */
void check_probe(struct sim_ventilator *v, const struct dispatch_action *action)
{
    enum { HASTY = 2 };
    uint64_t seq = action->seq;
    bool hasty = v->probed[seq] &&
                 loss_charges_pending(&v->core->losses, seq, v->probed[seq]);
    v->hasty[seq] = hasty ? v->hasty[seq] + 1 : 0;
    v->probed[seq] = action->attempt;
    if (v->hasty[seq] >= HASTY)
        world_violation(of(&v->process),
                        "chunk %ju is searched on before its last probe is settled",
                        (uintmax_t)seq);
}

/* The chunk really failed, or was lost with its worker, as often as it may. Where the
 * ventilator searches bad records, losses condemn a chunk only after some searches in
 * vain. */
static bool fate_earned(const struct sim_ventilator *v, const struct fate *fate,
                        int64_t fails)
{
    enum { SEARCHES_LOSE = 4 };
    const struct scenario *scenario = &of(&v->process)->scenario;
    int64_t losses = scenario->on_error == ON_ERROR_ISOLATE ? SEARCHES_LOSE
                                                            : scenario->losses;
    return fate->failed >= fails || slots_count_lost(fate) >= losses;
}

static bool chunk_earned(const struct sim_ventilator *v,
                         const struct dispatch_failure *failure)
{
    const struct scenario *scenario = &of(&v->process)->scenario;
    if (failure->seq >= (uint64_t)scenario->records)
        return false;
    const struct fate *fate = &v->fates[failure->seq];
    int64_t fails = failure->none_good ? 1 : scenario->retries;
    if (failure->none_good && (!v->none_good || fate->failed_after_done))
        return false;
    return fate_earned(v, fate, fails) &&
           failure->attempts <= fate->failed + slots_count_lost(fate);
}

/* With many workers now and then. */
void check_tallies(struct sim_ventilator *v)
{
    enum { FEW = 8 };
    const struct worker_pool *pool = &v->core->pool;
    if (++v->looks % (1 + pool->count / FEW) == 0 &&
        !worker_tallies_are_right(pool->tallies))
        world_violation(of(&v->process), "the tallies of the workers went wrong");
}

/* Chunks failed there that others did, if only as the sink refused what it gave; or it
 * starts nothing: as it seems, where messages are lost. */
void check_aside(struct sim_ventilator *v, const struct dispatch_action *action)
{
    enum { LEAST = 2 };
    struct world *world = of(&v->process);
    const struct known_worker *worker = v->core->pool.workers[action->seq - 1];
    const struct worker_session *session = worker->session;
    world->tally->aside++;
    if (!session || action->remark->chunks == 0 || world->scenario.limit_percent)
        return;
    uint64_t bit =
        sim_ventilator_host_bit(v->process.conns[session->peer - 1]->dial->owner);
    uint32_t outdone = 0;
    for (int64_t seq = 0; seq < world->scenario.records; seq++)
        outdone += (v->fates[seq].failed_at & bit) && v->fates[seq].done_at;
    if (outdone < LEAST)
        world_violation(world, "a worker is set aside that failed what all fail");
}

/* Some worker that lives has done a whole chunk, as the ventilator has heard. A killer
 * record may have taken down the only one. */
static bool one_has_done(const struct sim_ventilator *v)
{
    const struct world *world = of(&v->process);
    for (uint32_t name = WORKER; name < world->host_count; name++) {
        const struct process *worker = world->hosts[name].process;
        if (worker && worker->alive &&
            ((const struct sim_worker *)worker)->done_for == v)
            return true;
    }
    return false;
}

/* In a run of which only hosts are bad, from its start, and not all of them: the
 * ventilator has heard of one that has done something. (What is lost, a record of
 * another chunk may have taken down.) */
static void check_hosts(const struct sim_ventilator *v,
                        const struct dispatch_failure *failure)
{
    uint64_t seq = failure->seq;
    struct world *world = of(&v->process);
    const struct scenario *scenario = &world->scenario;
    bool others = scenario_has_faults(scenario) || scenario->cut_off ||
                  scenario->flaky || scenario->crash || scenario->slow_messages ||
                  scenario->limit_ms || scenario->limit_percent || scenario->slips ||
                  scenario->bad_from_ms;
    if (others || failure->cause == FAILURE_LOST ||
        seq >= (uint64_t)scenario->records ||
        scenario->bad_hosts + scenario->mute_hosts + scenario->swallows >=
            scenario->workers)
        return;
    const struct payload *chunk = &v->chunks[seq];
    if (one_has_done(v) && records_kind(world, chunk->first, chunk->end) == RECORD_GOOD)
        world_violation(world, "chunk %ju is given up for what is wrong with hosts",
                        (uintmax_t)seq);
}

static void check_given_up(struct sim_ventilator *v, const struct task *task)
{
    if (!task || task->state != TASK_GIVEN_UP || !task->failure ||
        v->given_up[task->seq])
        return;
    v->given_up[task->seq] = true;
    if (!chunk_earned(v, task->failure))
        world_violation(of(&v->process), "chunk %ju is given up, which was not earned",
                        (uintmax_t)task->seq);
    check_hosts(v, task->failure);
}

/* The first chunk that failed for good stops the run, and it stays the one that is
 * named. */
static void check_stopped_by(struct sim_ventilator *v)
{
    const struct dispatch_failure *failure = dispatch_failure(v->core);
    if (failure && !v->stopped_by) {
        v->stopped_by = failure->seq + 1;
        v->earned = chunk_earned(v, failure);
        check_hosts(v, failure);
    } else if (failure && v->stopped_by != failure->seq + 1) {
        world_violation(of(&v->process), "chunk %ju stopped the run, and now it is %ju",
                        (uintmax_t)(v->stopped_by - 1), (uintmax_t)failure->seq);
    }
}

void check_decided(struct sim_ventilator *v)
{
    const struct task_table *table = &v->core->table;
    check_stopped_by(v);
    if (v->core->counts.given_up == v->given_up_count)
        return;
    v->given_up_count = v->core->counts.given_up;
    for (uint64_t seq = table->first; seq < table->fresh; seq++)
        check_given_up(v, task_table_find(table, seq));
}

void check_skip(struct sim_ventilator *v, uint64_t seq)
{
    struct world *world = of(&v->process);
    /* Something could not be sent just now: so a worker is lost, and the chunk. */
    check_given_up(v, task_table_find(&v->core->table, seq));
    if (world->scenario.on_error == ON_ERROR_STOP || !v->given_up[seq])
        world_violation(world, "SKIP of %ju, which nobody asked for", (uintmax_t)seq);
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

void check_total(struct sim_ventilator *v, const struct message *end)
{
    struct world *world = of(&v->process);
    for (uint32_t i = 0; i < v->core->pool.count; i++)
        worker_of(v, v->core->pool.sessions[i]->peer)->ended_with = v;
    if (end->end.outcome != OUTCOME_COMPLETE)
        return;
    v->told_end = true;
    uint64_t total = end->end.total;
    int64_t all = world->scenario.records;
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
    const struct scenario *scenario = &of(&v->process)->scenario;
    int64_t least = scenario->halt_tasks ? scenario->halt_tasks : LEAST, earned = 0;
    for (int64_t seq = 0; seq < scenario->records; seq++)
        earned += fate_earned(v, &v->fates[seq], v->none_good ? 1 : scenario->retries);
    return scenario->halt && (earned >= least || v->failed_tasks >= least);
}

/* Where something may have ended a program, or its worker, before it was compared. */
static bool may_doubt(const struct world *world)
{
    const struct scenario *scenario = &world->scenario;
    bool ends = scenario->opens || scenario_has_faults(scenario) || scenario->killers ||
                scenario->cut_off || scenario->slow_messages;
    return scenario->drains && ends;
}

/* Patience is over, and there was no rest from faults for as long: each takeover may
 * bring another fault. */
static bool is_impatient(const struct world *world, const struct verdict *verdict)
{
    return verdict->status == STATUS_PEER && strstr(verdict->text, " came for ") &&
           world_is_troubled(world, PATIENCE_US);
}

static bool legitimate(const struct world *world, const struct verdict *verdict)
{
    if (verdict->outcome == OUTCOME_DOUBT)
        return verdict->status == STATUS_IO && may_doubt(world);
    switch (verdict->status) {
    case STATUS_OK:
        return true;
    case STATUS_DEAD_LETTERS:
        return world->disk.dead_letter_count > 0 || world->position_lost;
    case STATUS_CHUNK_FAILED:
        return world->earned || world->halted;
    case STATUS_IO:
        return world->input_failed || world->disk_full;
    case STATUS_OUTPUT_CLOSED:
        return world->output_closed;
    case STATUS_INTERRUPTED:
        return world->interrupted;
    case STATUS_PEER: /* no sink any more, or one that lost what it had */
        return world->sink_over || world->position_lost || world->impatient;
    default:
        return false;
    }
}

void check_verdict(struct sim_ventilator *v, const struct verdict *verdict)
{
    struct world *world = of(&v->process);
    check_stopped_by(v);
    check_spoken_for(v, verdict);
    if (verdict->status == STATUS_CHUNK_FAILED) {
        world->earned |= v->earned;
        world->halted |= halt_earned(v);
    }
    if (verdict->outcome == OUTCOME_DOUBT)
        world->in_doubt = world->doubt_told = true;
    world->impatient |= is_impatient(world, verdict);
    if (!legitimate(world, verdict))
        world_violation(world, "%s ends with status %d, which was not earned: %s",
                        process_name(&v->process), verdict->status, verdict->text);
}

/* The ventilator had a session of it at the end, or has heard that it gave such
 * results, in a DONE or in the ledger of a HELLO. What else it hears tells nothing: it
 * may have been under way for long, and a HELLO may be older than the result. (What a
 * worker gave for a ventilator before this one, nobody knows once it is lost; nor that
 * it gave such results, if it is lost before either is heard. It may live, and come
 * back too late.) */
static bool is_known_to_shift(const struct sim_ventilator *v,
                              const struct sim_worker *w)
{
    return (w->process.alive && w->ended_with == v) ||
           (w->wronged == v && w->opened_to == v);
}

/* The output has wrong results, which the end of a program would have shown. */
static void check_shifted(const struct sim_ventilator *v)
{
    struct world *world = of(&v->process);
    for (struct sim_worker *w = world->shifted; w; w = w->next_shifted)
        if (!world->doubt_told && is_known_to_shift(v, w))
            world_violation(world, "a good end, and results of %s are shifted",
                            process_name(&w->process));
}

void check_over(struct sim_ventilator *v, const struct verdict *verdict)
{
    struct world *world = of(&v->process);
    const struct disk *disk = &world->disk;
    int status = verdict->status;
    check_verdict(v, verdict);
    if (status != STATUS_OK && status != STATUS_DEAD_LETTERS)
        return;
    check_shifted(v);
    for (int64_t seq = 0; seq < world->scenario.records; seq++)
        if (v->chunks[seq].end > 0 && !v->told[seq])
            world_violation(world, "status %d, and the end of chunk %jd was never told",
                            status, (intmax_t)seq);
    if (disk_accounted(disk) != world->scenario.records)
        world_violation(world, "status %d with %jd records written", status,
                        (intmax_t)disk_accounted(disk));
    if ((status == STATUS_DEAD_LETTERS) != (disk->dead_letter_count > 0))
        world_violation(world, "status %d with %u dead letters", status,
                        disk->dead_letter_count);
    if (world->scenario.journal && disk->durable.there &&
        !disk->durable.position.finished)
        world_violation(world, "status %d, but the journal is not finished", status);
}

void check_end(struct sim_ventilator *v, const struct completion *end)
{
    struct world *world = of(&v->process);
    uintmax_t seq = (uintmax_t)end->seq;
    if (seq >= (uintmax_t)world->scenario.records || v->chunks[seq].end == 0)
        world_violation(world, "the end is told of chunk %ju, never cut", seq);
    else if (v->told[seq])
        world_violation(world, "the end of chunk %ju is told twice", seq);
    else
        v->told[seq] = true;
}
