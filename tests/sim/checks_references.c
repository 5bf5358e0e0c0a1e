/* SPDX-License-Identifier: MIT */
/* Chunks by reference: one that could not be read goes by value from then on, and so
 * does all that its worker is sent in that session. */
#include "checks.h"
#include "ventilator/scheduler/scheduler_state.h"
#include "world/net.h"
#include "world/world.h"

static struct sim_worker *worker_of(const struct sim_ventilator *v, uint32_t peer)
{
    return (struct sim_worker *)v->process.conns[peer - 1]->dial->owner;
}

void check_reference(const struct sim_ventilator *v,
                     const struct dispatch_action *action)
{
    struct world *world = v->process.world;
    const struct sim_worker *w = worker_of(v, action->peer);
    if (!action->by_reference)
        return;
    if (!w->extents ||
        action->by_reference != (w->far ? REFERENCE_NAMED : REFERENCE_OPENED))
        world_violation(world, "chunk %ju goes by reference to who takes none",
                        (uintmax_t)action->seq);
    if (v->refused[action->seq])
        world_violation(world, "chunk %ju goes by reference again",
                        (uintmax_t)action->seq);
    if (w->refused_to == v && w->refused_in == action->session)
        world_violation(world, "chunk %ju goes by reference to who refused another",
                        (uintmax_t)action->seq);
}

/* In the session that it has of the worker, of an attempt that this one has. */
void check_refusal(struct sim_ventilator *v, const struct item *item)
{
    const struct message *message = &item->packet->message;
    const struct worker_session *session =
        worker_pool_find(&v->core->pool, item->conn->peer);
    if (message->type != MESSAGE_FAILED || message->failed.cause != FAILURE_REFERENCE ||
        !session || session->number != message->failed.session)
        return;
    const struct task *task = task_table_find(&v->core->table, message->failed.seq);
    const struct attempt *attempt = task_attempt_at(task, session);
    if (!attempt || attempt->number != message->failed.attempt)
        return;
    struct sim_worker *w = worker_of(v, item->conn->peer);
    w->refused_to = v;
    w->refused_in = session->number;
    v->refused[message->failed.seq] = true;
}
