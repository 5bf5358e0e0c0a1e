/* SPDX-License-Identifier: MIT */
/*
 * Each task of the dispatch core has a state, and somebody accounts for it:
 *
 *     queued      listed to be sent again, or never sent, or a charge says when
 *     out         some worker that is said to have it does have it on its ledger
 *     held        the sink took it in this epoch, or is past it
 *     given up    the sink has the SKIP soon, and then it is held
 *
 * If nobody does, a message may be under way that puts it right, or a process is dead
 * and the core will notice. So this is a violation only after STRAY_US.
 */
#include "progress_checks.h"
#include "sim_sink.h"
#include "sim_ventilator.h"
#include "sim_worker.h"
#include "ventilator/scheduler/loss_charges.h"
#include "ventilator/scheduler/scheduler_state.h"
#include "world/net.h"
#include "world/world.h"

#define STRAY_US (6 * LIVENESS_US)
#define SHUT_US  (LIVENESS_US + LIVENESS_US / 2)
#define STALL_US (60 * LIVENESS_US)

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
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
    if (w->mute)
        return true; /* until the ventilator finds out */
    return sim_worker_has(w, attempt->task->seq, v);
}

static bool somebody_has(const struct sim_ventilator *v, const struct task *task)
{
    const struct attempt *attempt;
    LIST_FOREACH (attempt, &task->open, of_task)
        if (worker_has(v, attempt))
            return true;
    return false;
}

/* A sink that is not there says at its BEGIN what it holds, and then hears the rest. */
static const struct sim_sink *find_sink(const struct sim_ventilator *v)
{
    struct process *process = v->process.world->hosts[SINK].process;
    if (!process || !process->alive || process->stopped || process->waits)
        return NULL;
    return (const struct sim_sink *)process;
}

static bool sink_has(const struct sim_ventilator *v, uint64_t seq)
{
    const struct sim_sink *s = find_sink(v);
    return !s || seq < sink_session_position(s->core).next || s->had[seq];
}

static bool is_accounted_for(const struct sim_ventilator *v, uint64_t seq,
                             const struct task *task)
{
    switch (task->state) {
    case TASK_QUEUED:
        return task->resend_listed || seq >= v->core->table.fresh ||
               loss_charges_pending(&v->core->losses, seq, 0);
    case TASK_ASSIGNED:
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

static void check_task_accounted_for(struct sim_ventilator *v, uint64_t seq)
{
    struct world *world = v->process.world;
    const struct task *task = task_table_find(&v->core->table, seq);
    int64_t *since_us = &v->stray_us[seq];
    if (is_accounted_for(v, seq, task)) {
        *since_us = 0;
        return;
    }
    if (*since_us < world->calm_us)
        *since_us = world->schedule.now_us;
    if (world->schedule.now_us - *since_us > STRAY_US)
        world_violation(world, "task %ju is said to be %s, and nobody accounts for it",
                        (uintmax_t)seq, state_text(task->state));
}

/* A worker that says for so long, to a ventilator that is awake, that it cannot reach
 * the sink has been told to forget what it has. */
static void check_shut(struct world *world, const struct sim_ventilator *v)
{
    const struct worker_pool *pool = &v->core->pool;
    for (uint32_t i = 0; i < pool->count; i++) {
        const struct worker_session *session = pool->sessions[i];
        if (session->link == LINK_SHUT && worker_session_first(session) &&
            world->schedule.now_us - later(v->process.woke_us, session->shut_us) >
                SHUT_US)
            world_violation(world, "worker %u has tasks, and its link is shut",
                            session->worker->number);
    }
}

/* Nothing is lost on its way to a sink that only waits: then that none confirms it is
 * not the worker's fault. */
static void check_trust(struct world *world, const struct sim_ventilator *v)
{
    const struct scenario *scenario = &world->scenario;
    const struct worker_pool *pool = &v->core->pool;
    bool lossy = scenario_has_faults(scenario) || scenario->cut_off ||
                 scenario->slow_messages || scenario->slips || scenario->swallows ||
                 scenario->killers;
    for (uint32_t i = 0; i < pool->count && scenario->file_waits && !lossy; i++)
        if (!worker_session_is_trusted(pool->sessions[i]))
            world_violation(world, "worker %u is distrusted, and nothing was lost",
                            pool->sessions[i]->worker->number);
}

static void check_tasks(struct world *world)
{
    struct sim_ventilator *v =
        (struct sim_ventilator *)world->hosts[VENTILATOR].process;
    if (!world_has(world, VENTILATOR) || v->process.stopped ||
        run_state_is_stopped(&v->core->run))
        return;
    for (uint64_t seq = v->core->table.first; seq < v->core->table.cut; seq++)
        check_task_accounted_for(v, seq);
    check_shut(world, v);
}

/* Counts what brings the end nearer, and cannot happen for ever. */
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
                   ((struct sim_ventilator *)world->hosts[VENTILATOR].process)->core)
                   .released;
    return sum;
}

static void check_progress_made(struct world *world)
{
    int64_t now_us = world->schedule.now_us;
    uint64_t progress = progress_of(world);
    if (progress != world->progress)
        world->moved_us = now_us;
    world->progress = progress;
    /* A world in which nobody does anything is not looked at before it is calm. */
    int64_t since_us = later(world->calm_us, later(world->moved_us, world->leg_us));
    int64_t still_us = now_us - since_us;
    if (still_us > 0 && (uint64_t)still_us > world->tally->longest_us)
        world->tally->longest_us = (uint64_t)still_us;
    if (still_us > STALL_US)
        world_violation(world, "nothing has moved for %d s, and nothing is wrong",
                        (int)(still_us / SECOND_US));
}

void check_world_progress(struct world *world)
{
    if (world_has(world, VENTILATOR))
        check_trust(world, (struct sim_ventilator *)world->hosts[VENTILATOR].process);
    if (world->schedule.now_us > world->calm_us)
        check_tasks(world);
    check_progress_made(world);
}
