/* SPDX-License-Identifier: MIT */
/*
 * How much of the input is to be cut now, and into how long chunks: the part of
 * dispatch.h that ingest asks. Rules 7 and 8 of PROTOCOL.md. And how much there is to
 * do for more workers, and for which there is nothing.
 */
#include "ventilator/scheduler/dispatch.h"
#include "ventilator/scheduler/scheduler_state.h"

enum {
    BACKLOG_MIN = 8,  /* tasks cut ahead of the workers' credit, */
    BACKLOG_AUTO = 1, /* and where the sizer has found the size; 0 until it has */
};

static uint64_t count_bytes_to_be_run(const struct dispatch *dispatch)
{
    const struct task_table *table = &dispatch->table;
    uint64_t bytes = 0;
    for (uint64_t seq = table->fresh; seq < table->cut; seq++)
        bytes += task_table_find(table, seq)->length;
    for (uint32_t i = 0; i < dispatch->pool.count; i++) {
        const struct attempt *attempt;
        TAILQ_FOREACH (attempt, &dispatch->pool.sessions[i]->in_flight, of_session)
            bytes += chunk_sizer_left(
                &dispatch->chunk_sizer, attempt->task->length,
                attempt->at_once ? dispatch->now_us - attempt->sent_us : 0);
    }
    return bytes;
}

/* Of the input that was cut; retries do not count. Chunks are cut many at a time, and
 * what is in flight hardly changes between them. */
static uint64_t bytes_to_be_run(struct dispatch *dispatch)
{
    struct demand *demand = &dispatch->demand;
    if (!demand->counted)
        demand->bytes_to_be_run = count_bytes_to_be_run(dispatch);
    demand->counted = true;
    return demand->bytes_to_be_run;
}

/* Towards the end chunks are so small that all slots have some of them. Only there, as
 * it takes a look at all attempts. */
static uint64_t block_of_rest(struct dispatch *dispatch, uint64_t bytes, uint64_t rest)
{
    enum { LOOKED_AT = 3 }; /* chunks a slot */
    struct block_end end = {
        .rest = rest,
        .share_of_rest = worker_pool_share(&dispatch->pool, rest),
    };
    if (bytes <= end.share_of_rest / LOOKED_AT)
        return bytes;
    end.share = worker_pool_share(&dispatch->pool, rest + bytes_to_be_run(dispatch));
    return chunk_sizer_last(&dispatch->chunk_sizer, bytes, &end);
}

uint64_t dispatch_block(struct dispatch *dispatch, uint64_t rest)
{
    const struct dispatch_config *config = &dispatch->config;
    if (!config->block_auto)
        return 0;
    uint64_t slots = dispatch->pool.slots ? dispatch->pool.slots : 1;
    uint64_t most = config->buffer_bytes / 2 / slots;
    if (most > config->block_bytes)
        most = config->block_bytes;
    uint64_t bytes = chunk_sizer_next(&dispatch->chunk_sizer, most);
    dispatch->demand.block_bytes = rest ? block_of_rest(dispatch, bytes, rest) : bytes;
    worker_pool_set_learns(
        &dispatch->pool,
        chunk_sizer_grows(&dispatch->chunk_sizer, dispatch->demand.block_bytes));
    return dispatch->demand.block_bytes;
}

/* The ventilator's share of --buffer, never below two nominal chunks a slot. */
static bool within_budget(const struct dispatch *dispatch)
{
    const struct demand *demand = &dispatch->demand;
    uint64_t slots = dispatch->pool.slots ? dispatch->pool.slots : 1;
    uint64_t share = 2 * demand->block_bytes * slots;
    if (share < dispatch->config.buffer_bytes)
        share = dispatch->config.buffer_bytes;
    return !demand->buffered_bytes ||
           demand->buffered_bytes + demand->block_bytes <= share;
}

/* Tasks that are worth having ready: the workers' credit, and some more. */
static uint64_t backlog_wanted(const struct dispatch *dispatch)
{
    const struct worker_pool *pool = &dispatch->pool;
    uint64_t wanted = pool->slots > BACKLOG_MIN ? pool->slots : BACKLOG_MIN;
    if (dispatch->config.block_auto)
        wanted = pool->terms.learns && pool->slots ? 0 : BACKLOG_AUTO;
    return wanted + worker_tallies_sums(pool->tallies)->credit;
}

uint32_t dispatch_wants(const struct dispatch *dispatch)
{
    const struct task_table *table = &dispatch->table;
    if (dispatch->run.phase != RUN_RUNNING || !within_budget(dispatch))
        return 0;
    uint64_t end = dispatch->released + dispatch->pool.window;
    uint64_t backlog = table->cut - table->fresh, wanted = backlog_wanted(dispatch);
    if (table->cut >= end || backlog >= wanted)
        return 0;
    uint64_t room = end - table->cut, missing = wanted - backlog;
    return (uint32_t)(room < missing ? room : missing);
}

bool dispatch_has_free_slot(const struct dispatch *dispatch)
{
    return dispatch->table.fresh == dispatch->table.cut &&
           worker_tallies_sums(dispatch->pool.tallies)->free > 0;
}

bool dispatch_has_full_queues(const struct dispatch *dispatch)
{
    const struct worker_pool *pool = &dispatch->pool;
    uint64_t waiting = dispatch->table.cut - dispatch->table.fresh;
    waiting += worker_tallies_sums(pool->tallies)->behind;
    return waiting >= (pool->slots ? pool->slots : 1);
}

/* ---- for what places workers ---- */

static bool needs_worker(const struct task *task)
{
    const struct attempt *attempt;
    if (task->state != TASK_ASSIGNED)
        return task->state == TASK_QUEUED;
    LIST_FOREACH (attempt, &task->open, of_task)
        if (attempt->done)
            return false;
    return true;
}

uint64_t dispatch_backlog(const struct dispatch *dispatch)
{
    uint64_t backlog = 0;
    for (uint64_t seq = dispatch->released; seq < dispatch->table.cut; seq++) {
        const struct task *task = task_table_find(&dispatch->table, seq);
        backlog += task && needs_worker(task);
    }
    return backlog;
}

bool dispatch_next_idle(const struct dispatch *dispatch, uint32_t *cursor,
                        int64_t least_us, struct dispatch_idle *ret_idle)
{
    while (*cursor < dispatch->pool.count) {
        const struct worker_session *session = dispatch->pool.sessions[(*cursor)++];
        const char *place = session->worker->place;
        if (!place || !session->idle_us || session->leaving ||
            dispatch->now_us - session->idle_us < least_us)
            continue;
        *ret_idle = (struct dispatch_idle){place, session->idle_us};
        return true;
    }
    return false;
}

uint64_t dispatch_on_cut(struct dispatch *dispatch, uint64_t length, uint64_t records)
{
    dispatch->demand.buffered_bytes += length;
    dispatch->demand.bytes_to_be_run += length;
    if (records > dispatch->counts.most_records)
        dispatch->counts.most_records = records;
    return task_table_add(&dispatch->table, length, records);
}
