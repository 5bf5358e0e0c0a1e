/* SPDX-License-Identifier: MIT */
/*
 * What the dispatch core believes of a task is read from its book, and held against the
 * world:
 *
 *     queued      listed to be sent again, or never sent, or a charge says when
 *     out         some worker that is said to have it does have it on its ledger
 *     held        the sink took it in this epoch, or is past it
 *     given up    the sink has the SKIP soon, and then it is held
 *
 * Where that is not so, a message may be under way that puts it right, or somebody is
 * dead and will be missed. So a task counts as lost from all books only when it has
 * been so for STRAY_US.
 */
#include "books.h"
#include "net.h"
#include "sim_sink.h"
#include "sim_ventilator.h"
#include "sim_worker.h"
#include "ventilator/dispatch_state.h"
#include "world.h"

#define STRAY_US (6 * LIVENESS_US)
#define STALL_US (60 * LIVENESS_US)

static bool charge_awaits(const struct dispatch *core, uint64_t seq)
{
    for (size_t i = 0; i < core->charge_count; i++)
        if (core->charges[i].seq == seq && !core->charges[i].charged)
            return true;
    return false;
}

static bool worker_has(const struct sim_ventilator *v, const struct attempt *attempt)
{
    uint32_t peer = attempt->session->peer;
    if (peer == 0 || peer > v->process.conn_count)
        return false;
    struct process *process = v->process.conns[peer - 1]->dial->owner;
    if (!process->alive)
        return false;
    const struct sim_worker *w = (struct sim_worker *)process;
    const struct cargo *cargo = session_cargo(w->core, attempt->seq);
    return cargo && cargo->payload.cut_by == v;
}

static bool somebody_has(const struct sim_ventilator *v, const struct task *task)
{
    const struct attempt *attempt;
    LIST_FOREACH (attempt, &task->open, of_task)
        if (worker_has(v, attempt))
            return true;
    return false;
}

/* One that is not there says at its BEGIN what it holds, and is then told the rest. */
static const struct sim_sink *find_sink(const struct sim_ventilator *v)
{
    struct process *process = v->process.world->stations[SINK].process;
    if (!process || !process->alive || process->stopped)
        return NULL;
    return (const struct sim_sink *)process;
}

static bool sink_has(const struct sim_ventilator *v, uint64_t seq)
{
    const struct sim_sink *s = find_sink(v);
    return !s || seq < sink_session_position(s->core).next || s->had[seq];
}

static bool on_books(const struct sim_ventilator *v, uint64_t seq,
                     const struct task *task)
{
    switch (task->state) {
    case TASK_QUEUED:
        return task->listed || seq >= v->core->book.fresh ||
               charge_awaits(v->core, seq);
    case TASK_OUT:
        return somebody_has(v, task);
    case TASK_HELD:
        return sink_has(v, seq);
    case TASK_GIVEN_UP:
        return !find_sink(v);
    }
    return false;
}

static const char *state_text(enum task_state state)
{
    static const char *const texts[] = {"queued", "out", "held", "given up"};
    return texts[state];
}

static void check_task_on_books(struct sim_ventilator *v, uint64_t seq)
{
    struct world *world = v->process.world;
    const struct task *task = book_find(&v->core->book, seq);
    int64_t *since_us = &v->stray_us[seq];
    if (on_books(v, seq, task)) {
        *since_us = 0;
        return;
    }
    if (*since_us < world->calm_us)
        *since_us = world->schedule.now_us;
    if (world->schedule.now_us - *since_us > STRAY_US)
        world_violation(world, "task %ju is said to be %s, and is on nobody's books",
                        (uintmax_t)seq, state_text(task->state));
}

static void check_tasks(struct world *world)
{
    struct sim_ventilator *v =
        (struct sim_ventilator *)world->stations[VENTILATOR].process;
    if (!world_has(world, VENTILATOR) || v->process.stopped || v->core->over ||
        v->core->stopping)
        return;
    for (uint64_t seq = v->core->book.first; seq < v->core->book.cut; seq++)
        check_task_on_books(v, seq);
}

/* Whatever brings the end nearer, and cannot happen for ever. */
static uint64_t progress_of(const struct world *world)
{
    const struct tally *tally = world->tally;
    uint64_t sum = disk_committed(world) + world->leg + world->run;
    for (int fault = FAULT_CRASH; fault < FAULT_COUNT; fault++)
        sum += tally->faults[fault];
    for (int i = 0; i < 3; i++)
        sum += tally->deaths[i];
    if (world_has(world, VENTILATOR))
        sum += dispatch_counts(
                   ((struct sim_ventilator *)world->stations[VENTILATOR].process)->core)
                   .released;
    return sum;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void check_progress_made(struct world *world)
{
    int64_t now_us = world->schedule.now_us;
    uint64_t progress = progress_of(world);
    if (progress != world->progress || now_us < world->calm_us)
        world->moved_us = now_us;
    world->progress = progress;
    int64_t still_us = now_us - later(world->moved_us, world->leg_us);
    if (still_us > 0 && (uint64_t)still_us > world->tally->longest_us)
        world->tally->longest_us = (uint64_t)still_us;
    if (still_us > STALL_US)
        world_violation(world, "nothing has moved for %d s, and nothing is wrong",
                        (int)(still_us / SECOND_US));
}

void check_books(struct world *world)
{
    if (world->schedule.now_us > world->calm_us)
        check_tasks(world);
    check_progress_made(world);
}
