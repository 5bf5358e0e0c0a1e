/* SPDX-License-Identifier: MIT */
/*
 * How much of the input is to be cut now, and into how long chunks. Rules 7 and 8 of
 * DESIGN.
 */
#include "ventilator/dispatch_state.h"

enum {
    BACKLOG_MIN = 8,  /* tasks cut ahead of the workers' places, */
    BACKLOG_AUTO = 1, /* and where their size is found out as they run; 0 until it is */
};

static uint64_t slots_at_least(const struct dispatch *dispatch)
{
    return dispatch->crew.slots ? dispatch->crew.slots : 1;
}

static uint64_t left_of(const struct dispatch *dispatch, const struct attempt *attempt)
{
    uint64_t length = book_find(&dispatch->book, attempt->seq)->length;
    int64_t gone_us = attempt->at_once ? dispatch->now_us - attempt->sent_us : 0;
    return block_size_left(&dispatch->block_size, length, gone_us);
}

/* Of the input that was cut. What is to be tried again is not counted. */
static uint64_t bytes_to_be_run(const struct dispatch *dispatch)
{
    const struct book *book = &dispatch->book;
    uint64_t bytes = 0;
    for (uint64_t seq = book->fresh; seq < book->cut; seq++)
        bytes += book_find(book, seq)->length;
    for (uint32_t i = 0; i < dispatch->crew.count; i++) {
        const struct attempt *attempt;
        TAILQ_FOREACH (attempt, &dispatch->crew.sessions[i]->owed, of_session)
            bytes += left_of(dispatch, attempt);
    }
    return bytes;
}

/* Towards the end chunks are so small that all slots have some of them: looked at only
 * there, as it takes a look at all that is being run. */
static uint64_t block_of_rest(const struct dispatch *dispatch, uint64_t bytes,
                              uint64_t rest)
{
    enum { LOOKED_AT = 3 }; /* chunks a slot */
    struct block_end end = {
        .rest = rest,
        .share_of_rest = crew_share(&dispatch->crew, rest),
    };
    if (bytes <= end.share_of_rest / LOOKED_AT)
        return bytes;
    end.share = crew_share(&dispatch->crew, rest + bytes_to_be_run(dispatch));
    return block_size_last(&dispatch->block_size, bytes, &end);
}

uint64_t dispatch_block(struct dispatch *dispatch, uint64_t rest)
{
    const struct dispatch_config *config = &dispatch->config;
    if (!config->block_auto)
        return 0;
    uint64_t most = config->buffer_bytes / 2 / slots_at_least(dispatch);
    if (most > config->block_bytes)
        most = config->block_bytes;
    uint64_t bytes = block_size_next(&dispatch->block_size, most);
    dispatch->block_bytes = rest ? block_of_rest(dispatch, bytes, rest) : bytes;
    dispatch->crew.learns =
        block_size_grows(&dispatch->block_size, dispatch->block_bytes);
    return dispatch->block_bytes;
}

/* The ventilator's share of --buffer, never below two nominal blocks a slot. */
static bool within_budget(const struct dispatch *dispatch)
{
    uint64_t block_bytes = dispatch->block_bytes;
    uint64_t least = 2 * block_bytes * slots_at_least(dispatch);
    uint64_t share =
        dispatch->config.buffer_bytes > least ? dispatch->config.buffer_bytes : least;
    return !dispatch->bytes || dispatch->bytes + block_bytes <= share;
}

/* Beyond what the workers have room for. */
static uint64_t backlog_ahead(const struct dispatch *dispatch)
{
    if (!dispatch->config.block_auto)
        return dispatch->crew.slots > BACKLOG_MIN ? dispatch->crew.slots : BACKLOG_MIN;
    return dispatch->crew.learns && dispatch->crew.slots ? 0 : BACKLOG_AUTO;
}

/* Tasks that are worth having ready: what the workers have room for, and some more. */
static uint64_t backlog_wanted(const struct dispatch *dispatch)
{
    uint64_t wanted = backlog_ahead(dispatch);
    for (uint32_t i = 0; i < dispatch->crew.count; i++)
        wanted += crew_places(&dispatch->crew, dispatch->crew.sessions[i],
                              dispatch_window(dispatch));
    return wanted;
}

uint32_t dispatch_wants(const struct dispatch *dispatch)
{
    const struct book *book = &dispatch->book;
    if (!dispatch->epoch || dispatch->input_ended || dispatch->draining ||
        dispatch->stopping || dispatch->over || !within_budget(dispatch))
        return 0;
    uint64_t end = dispatch->released + dispatch_window(dispatch);
    uint64_t backlog = book->cut - book->fresh, wanted = backlog_wanted(dispatch);
    if (dispatch->input_failed || book->cut >= end || backlog >= wanted)
        return 0;
    uint64_t room = end - book->cut, missing = wanted - backlog;
    return (uint32_t)(room < missing ? room : missing);
}

uint64_t dispatch_on_cut(struct dispatch *dispatch, uint64_t length, uint64_t records,
                         int64_t now_us)
{
    (void)now_us;
    dispatch->bytes += length;
    return book_add(&dispatch->book, length, records);
}
