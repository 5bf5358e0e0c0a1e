/* SPDX-License-Identifier: MIT */
#include "sim_slots.h"
#include "checks.h"
#include "faults.h"
#include "sim_ventilator.h"
#include "world/records.h"
#include "world/world.h"

/* So long after a disturbance a ventilator may still count a task as lost. */
#define DISTURBANCE_US (40 * SECOND_US)

static int64_t now(const struct sim_worker *w)
{
    return w->process.world->schedule.now_us;
}

/* ---- one run ---- */

static void run_ends(void *subject, uint64_t detail);

static int64_t draw_run_us(struct world *world)
{
    struct random *random = &world->random;
    if (random_chance(random, world->scenario.slow_tasks))
        return random_between(random, 4 * SECOND_US, 12 * SECOND_US);
    if (world->scenario.even_tasks)
        return random_between(random, 600000, SECOND_US);
    if (world->scenario.short_tasks)
        return random_between(random, 500, 20000);
    return random_between(random, 50000, SECOND_US);
}

static void lose(struct cargo *cargo)
{
    if (cargo->disturbed)
        return;
    struct fate *fate = sim_ventilator_fate(&cargo->payload);
    cargo->disturbed = true;
    cargo->next_lost = fate->lost;
    fate->lost = cargo;
    if (cargo->lone < CHUNK_RECORDS_MAX)
        fate->lost_alone[cargo->lone]++;
}

/* Those of a worker that came back long ago are waived. */
uint32_t slots_count_lost(const struct fate *fate)
{
    uint32_t count = 0;
    for (const struct cargo *cargo = fate->lost; cargo; cargo = cargo->next_lost) {
        const struct sim_worker *w = cargo->owner;
        count += !w->process.alive || w->process.stopped ||
                 w->disturbed_us > now(w) - DISTURBANCE_US;
    }
    return count;
}

void slots_note_announced(struct sim_worker *w, struct cargo *cargo)
{
    if (cargo->announced_us)
        return;
    cargo->announced_us = now(w);
    cargo->older = w->latest;
    w->latest = cargo;
    if (cargo->announced_us - DISTURBANCE_US < w->disturbed_us)
        lose(cargo);
}

void slots_note_ended(struct cargo *cargo)
{
    if (!cargo->ended_us)
        cargo->ended_us = now(cargo->owner);
}

static void note_begin(struct sim_worker *w, struct cargo *cargo)
{
    if (!cargo->began_us)
        cargo->began_us = now(w);
    slots_note_announced(w, cargo);
}

static bool slots_are_bad(const struct sim_worker *w)
{
    return scenario_host_is_bad(&w->process.world->scenario, w->process.name - WORKER,
                                now(w));
}

/* What will become of it, and when. */
static int64_t draw_outcome(struct world *world, struct run *run)
{
    const struct scenario *scenario = &world->scenario;
    enum record_kind kind = records_kind(world, run->first, run->end);
    int64_t takes_us = draw_run_us(world);
    int64_t limit_us = (int64_t)run->cargo->limit_ms * 1000;
    if (slots_are_bad(run->slot->worker))
        run->outcome = RUN_FAILED, takes_us /= 20;
    else if (kind == RECORD_KILLER)
        run->outcome = RUN_KILLS, takes_us += scenario->kill_ms * 1000;
    else if (kind == RECORD_HANGS)
        takes_us = NEVER_US;
    else if (random_chance(&world->random, scenario->crash))
        run->outcome = RUN_CRASHED;
    else if (kind == RECORD_BAD || random_chance(&world->random, scenario->flaky))
        run->outcome = RUN_FAILED;
    if (limit_us && takes_us > limit_us) {
        run->outcome = RUN_TIMED_OUT;
        takes_us = limit_us;
    }
    return takes_us;
}

static void begin_first(struct slot *slot)
{
    struct run *run = slot->runs;
    struct world *world = slot->worker->process.world;
    if (!run || run->began_us > 0 || !slot->ready)
        return;
    run->began_us = world->schedule.now_us;
    note_begin(slot->worker, run->cargo);
    if (run->first == run->end) {
        run->outcome = RUN_VOID;
        schedule_at(&world->schedule, world->schedule.now_us, run_ends, run, 0);
        return;
    }
    int64_t takes_us = draw_outcome(world, run);
    if (takes_us != NEVER_US)
        schedule_at(&world->schedule, world->schedule.now_us + takes_us, run_ends, run,
                    0);
}

static void run_ends(void *subject, uint64_t detail)
{
    (void)detail;
    struct run *run = subject;
    struct process *process = &run->slot->worker->process;
    if (run->killed || !run->slot->ready || run->slot->runs != run || !process->alive)
        return;
    if (run->outcome == RUN_KILLS) {
        TRACE(process->world, "FAULT: %ju.%u takes %s down", (uintmax_t)run->seq,
              run->attempt, process_name(process));
        faults_kill_worker(process);
        return;
    }
    run->slot->runs = run->next;
    if (run->outcome == RUN_CRASHED || run->outcome == RUN_TIMED_OUT)
        run->slot->ready = false;
    process_post(process, (struct item){.kind = ITEM_RUN_END, .subject = run});
    begin_first(run->slot);
}

/* ---- what only the end of a program proves ---- */

/* The last legs have no such programs. */
bool slots_open(const struct sim_worker *w)
{
    return w->opens && w->process.world->scenario.opens;
}

/* The result is given. */
static void give(struct sim_worker *w, const struct run *run)
{
    struct world *world = w->process.world;
    struct slot *slot = run->slot;
    if (!slots_open(w))
        return;
    if (!slot->gave || run->seq < slot->from)
        slot->from = run->seq;
    slot->gave = true;
    slot->shifted |= random_chance(&world->random, world->scenario.shifts);
    if (slot->shifted) {
        TRACE(world, "FAULT: %ju.%u is shifted by a line", (uintmax_t)run->seq,
              run->attempt);
        run->cargo->payload.shifted_by = w;
    }
}

/* Its process has ended before that was compared, or after. */
static void end_program(struct slot *slot, bool compared)
{
    struct session *core = slot->worker->core;
    if (slot->gave && slots_open(slot->worker) && (slot->shifted || !compared)) {
        session_on_doubt(core, slot->from, "a line too many, perhaps");
        /* To whom no ventilator listens says it itself. */
        slot->worker->process.world->doubt_told |= !session_is_open(core);
    }
    slot->gave = slot->shifted = false;
}

static bool slots_are_idle(const struct sim_worker *w)
{
    for (uint32_t i = 0; i < w->slot_count; i++)
        if (w->slots[i].runs || w->slots[i].replacing)
            return false;
    return true;
}

static void programs_end(void *subject, uint64_t detail)
{
    (void)detail;
    struct sim_worker *w = subject;
    process_post(&w->process, (struct item){.kind = ITEM_DRAINED});
}

void slots_drain(struct sim_worker *w)
{
    struct world *world = w->process.world;
    if (!w->draining || w->drain_due || !slots_are_idle(w))
        return;
    w->drain_due = true;
    schedule_at(&world->schedule,
                world->schedule.now_us + random_between(&world->random, 500, 100000),
                programs_end, w, 0);
}

void slots_on_drained(struct sim_worker *w)
{
    w->drain_due = false;
    if (!w->draining || !slots_are_idle(w))
        return; /* there are tasks again */
    w->draining = false;
    for (uint32_t i = 0; i < w->slot_count; i++)
        end_program(&w->slots[i], true);
    session_on_drained(w->core);
}

/* ---- what it means ---- */

/* The task goes on with its next part, or is over. */
static void advance(struct sim_worker *w, const struct run *run)
{
    struct cargo *cargo = run->cargo;
    struct range part;
    switch (record_bisect_next(cargo->isolation, &part)) {
    case RECORD_BISECT_RUNS:
        session_on_part(w->core, run->slot->number, run->seq, run->attempt);
        break;
    case RECORD_BISECT_OVER:
        give(w, run);
        sim_ventilator_fate(&cargo->payload)->done_at |=
            sim_ventilator_host_bit(&w->process);
        session_on_done(w->core, run->slot->number, run->seq, run->attempt,
                        cargo->run_us);
        break;
    case RECORD_BISECT_GAVE_UP:
        cargo->cause = FAILURE_PROTOCOL;
        session_on_failed(w->core, run->slot->number, run->seq, run->attempt,
                          cargo->run_us);
        break;
    case RECORD_BISECT_NONE_GOOD:
        check_none_good(w, cargo);
        cargo->payload.cut_by->none_good |= !cargo->probe;
        sim_ventilator_fate(&cargo->payload)->failed++;
        sim_ventilator_fate(&cargo->payload)->failed_at |=
            sim_ventilator_host_bit(&w->process);
        session_on_failed(w->core, run->slot->number, run->seq, run->attempt,
                          cargo->run_us);
        break;
    }
}

static void on_well(struct sim_worker *w, const struct run *run)
{
    struct cargo *cargo = run->cargo;
    bool sample = cargo->isolation && record_bisect_samples(cargo->isolation);
    for (uint32_t i = run->first; i < run->end && !sample; i++)
        cargo->payload.made |= (uint8_t)(1 << (i - cargo->payload.first));
    if (!cargo->isolation) {
        sim_ventilator_fate(&cargo->payload)->done_at |=
            sim_ventilator_host_bit(&w->process);
        give(w, run);
        session_on_done(w->core, run->slot->number, run->seq, run->attempt,
                        cargo->run_us);
        return;
    }
    if (run->outcome == RUN_WELL)
        record_bisect_on_done(cargo->isolation);
    advance(w, run);
}

static const enum fault faults_by_outcome[] = {
    [RUN_FAILED] = FAULT_FAIL,
    [RUN_CRASHED] = FAULT_CRASH,
    [RUN_TIMED_OUT] = FAULT_HANG,
};

static void on_bad(struct sim_worker *w, const struct run *run)
{
    struct world *world = w->process.world;
    struct cargo *cargo = run->cargo;
    world->tally->faults[faults_by_outcome[run->outcome]]++;
    enum failure cause = run->outcome == RUN_TIMED_OUT ? FAILURE_TIMEOUT : FAILURE_EXIT;
    TRACE(world, "FAULT: %ju.%u, records %u-%u, %s on %s", (uintmax_t)run->seq,
          run->attempt, run->first, run->end - 1,
          fault_text(faults_by_outcome[run->outcome]), process_name(&w->process));
    if (run->end - run->first == 1)
        cargo->payload.failed_alone[run->first - cargo->payload.first]++;
    cargo->cause = cause;
    if (w->preempted && session_leaving(w->core)) {
        world->tally->preempted++;
        session_on_preempted(w->core, run->slot->number, run->seq, run->attempt);
        return;
    }
    if (cargo->isolation) {
        record_bisect_on_failed(cargo->isolation, cause, 3, (struct slice){0});
        advance(w, run);
        return;
    }
    sim_ventilator_fate(&cargo->payload)->failed++;
    sim_ventilator_fate(&cargo->payload)->failed_at |=
        sim_ventilator_host_bit(&w->process);
    session_on_failed(w->core, run->slot->number, run->seq, run->attempt,
                      cargo->run_us);
}

bool slots_misread(struct sim_worker *w, struct cargo *cargo)
{
    struct world *world = w->process.world;
    if (!cargo->by_reference ||
        !random_chance(&world->random, world->scenario.refusals))
        return false;
    TRACE(world, "FAULT: %s cannot read chunk %ju", process_name(&w->process),
          (uintmax_t)cargo->payload.seq);
    cargo->cause = FAILURE_REFERENCE;
    return true;
}

void slots_on_end(struct sim_worker *w, struct run *run)
{
    if (run->killed)
        return;
    run->killed = true; /* reported: it is nobody's any more */
    if (!session_slot_cargo(w->core, run->slot->number, run->seq, run->attempt)) {
        lose(run->cargo); /* it is to be killed; that it was taken back may be lost */
        return;
    }
    run->cargo->run_us += (uint64_t)(now(w) - run->began_us);
    bool gone = run->outcome == RUN_CRASHED || run->outcome == RUN_TIMED_OUT;
    if (slots_misread(w, run->cargo))
        session_on_failed(w->core, run->slot->number, run->seq, run->attempt,
                          run->cargo->run_us);
    else if (run->outcome == RUN_WELL || run->outcome == RUN_VOID)
        on_well(w, run);
    else
        on_bad(w, run);
    if (!session_slot_cargo(w->core, run->slot->number, run->seq, run->attempt))
        slots_note_ended(run->cargo);
    if (!gone)
        return;
    session_on_slot(w->core, run->slot->number, false);
    slot_hand_back(run->slot);
    slot_replace(run->slot);
}

/* ---- slots ---- */

static void replaced(void *subject, uint64_t detail)
{
    (void)detail;
    struct slot *slot = subject;
    process_post(&slot->worker->process,
                 (struct item){.kind = ITEM_SLOT, .subject = slot});
}

void slot_replace(struct slot *slot)
{
    struct world *world = slot->worker->process.world;
    slot->ready = false;
    if (slot->replacing)
        return;
    slot->replacing = true;
    end_program(slot, false);
    schedule_at(&world->schedule,
                world->schedule.now_us + random_between(&world->random, 500, 50000),
                replaced, slot, 0);
}

void slot_hand_back(struct slot *slot)
{
    for (struct run *run = slot->runs, *next; run; run = next) {
        next = run->next;
        if (!run->killed) {
            run->killed = true;
            session_on_unstarted(slot->worker->core, slot->number, run->seq,
                                 run->attempt);
        }
    }
    slot->runs = NULL;
}

static uint32_t slot_load(const struct slot *slot)
{
    uint32_t load = 0;
    for (const struct run *run = slot->runs; run; run = run->next)
        load += !run->killed;
    return load;
}

/* The whole task, or the part that comes next; none where nothing is left to run. */
static void choose_part(struct run *run)
{
    const struct cargo *cargo = run->cargo;
    struct range part;
    run->first = cargo->payload.first;
    run->end = cargo->payload.end;
    if (!cargo->isolation)
        return;
    if (record_bisect_next(cargo->isolation, &part) != RECORD_BISECT_RUNS)
        part = (struct range){0, 0};
    run->first += (uint32_t)part.first;
    run->end = run->first + (uint32_t)part.count;
}

void slots_start(struct sim_worker *w, const struct session_action *action)
{
    struct world *world = w->process.world;
    if (action->slot >= w->slot_count) {
        world_violation(world, "START in slot %u, which there is not", action->slot);
        return;
    }
    struct slot *slot = &w->slots[action->slot];
    check_start(w, slot, slot_load(slot), action);
    struct run *run = arena_take(&world->arena, sizeof *run);
    *run = (struct run){.slot = slot,
                        .cargo = action->cargo,
                        .seq = action->seq,
                        .attempt = action->attempt};
    choose_part(run);
    struct run **last = &slot->runs;
    while (*last)
        last = &(*last)->next;
    *last = run;
    begin_first(slot);
}

static struct run *find_run(struct slot *slot, uint64_t seq, uint32_t attempt)
{
    for (struct run *run = slot->runs; run; run = run->next)
        if (run->seq == seq && run->attempt == attempt && !run->killed)
            return run;
    return NULL;
}

/* The end of a run may wait in the mailbox; then it is not reported any more. */
static struct run *find_ended(struct sim_worker *w, uint64_t seq, uint32_t attempt)
{
    for (struct item *item = w->process.others.first; item; item = item->next) {
        struct run *run = item->kind == ITEM_RUN_END ? item->subject : NULL;
        if (run && run->seq == seq && run->attempt == attempt && !run->killed)
            return run;
    }
    return NULL;
}

void slots_kill(struct sim_worker *w, const struct session_action *action)
{
    struct slot *slot = &w->slots[action->slot];
    struct run *run = find_run(slot, action->seq, action->attempt);
    if (!run)
        run = find_ended(w, action->seq, action->attempt);
    if (run && run->cargo->began_us > 0)
        lose(run->cargo); /* that it was handed back may not be heard */
    if (run && run->cargo->began_us > 0)
        w->broke_off_us = now(w);
    if (run) /* else it has ended by itself, and was reported since KILL was decided */
        run->killed = true;
    slot_replace(slot);
}

/* All that run, for however long; and those that have ended, as the news of it may be
 * lost. */
void slots_lose(struct sim_worker *w)
{
    for (struct cargo *cargo = w->latest; cargo; cargo = cargo->older)
        if (!cargo->ended_us || cargo->ended_us > now(w) - DISTURBANCE_US)
            lose(cargo);
}

/* What told the worker to leave has told its programs, too. */
void slots_preempt(struct sim_worker *w)
{
    for (uint32_t i = 0; i < w->slot_count; i++) {
        struct run *run = w->slots[i].runs;
        if (!run || run->began_us == 0 || !w->slots[i].ready)
            continue;
        run->outcome = RUN_FAILED;
        run_ends(run, 0);
    }
}
