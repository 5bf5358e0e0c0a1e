/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/dispatch.h"
#include "common/clock.h"
#include "tests/bench/instructions/paths.h"

#include <assert.h>
#include <string.h>

enum { SINK = 1, FIRST_WORKER = 10, WORKERS = 10, SLOTS = 4 };

static const struct id uid = {{1}}, run = {{2}};
/* What the workers have been sent, and are done with at the next turn. */
static struct done_entry sent[WORKERS][BATCH];
static uint32_t sent_count[WORKERS];
static uint64_t committed;

static void hear(struct dispatch *dispatch, uint32_t peer, struct message message)
{
    dispatch_on_message(dispatch, peer, &message, SECOND_US);
}

static void act(struct dispatch *dispatch)
{
    struct dispatch_action action;
    dispatch_tick(dispatch, SECOND_US);
    while (dispatch_next(dispatch, &action)) {
        uint32_t worker = action.peer - FIRST_WORKER;
        if (action.kind == DISPATCH_TASK) {
            assert(sent_count[worker] < BATCH);
            sent[worker][sent_count[worker]++] = (struct done_entry){
                .seq = action.seq, .attempt = action.attempt, .run_us = 1000};
        }
        committed += action.kind == DISPATCH_DISCARD;
    }
}

static void join(struct dispatch *dispatch, uint32_t peer)
{
    hear(dispatch, peer,
         (struct message){.type = MESSAGE_HELLO_WORKER,
                          .hello_worker = {.version = PROTOCOL_VERSION,
                                           .uuid = {{(uint8_t)peer}},
                                           .nonce = 1,
                                           .slots = SLOTS,
                                           .link = LINK_OPEN,
                                           .run = run,
                                           .epoch = 1}});
}

static struct dispatch *begin(void)
{
    static const struct endpoint_entry endpoint = {
        .endpoint = {(const uint8_t *)"r", 1}};
    struct dispatch_config config = {.uid = uid,
                                     .buffer_bytes = 1 << 30,
                                     .block_bytes = 100,
                                     .keeps_bytes = true,
                                     .retries = 3,
                                     .losses = 10,
                                     .liveness_us = 10 * SECOND_US,
                                     .min_workers = 1,
                                     .patience_us = -1};
    struct dispatch *dispatch = dispatch_new(&config, SECOND_US);
    hear(dispatch, SINK,
         (struct message){.type = MESSAGE_HELLO_SINK,
                          .hello_sink = {.version = PROTOCOL_VERSION,
                                         .incarnation = {{1}},
                                         .nonce = 1,
                                         .endpoints = &endpoint,
                                         .endpoint_count = 1,
                                         .max_result = 1000}});
    hear(dispatch, SINK,
         (struct message){.type = MESSAGE_BEGIN,
                          .begin = {.uid = uid, .run = run, .epoch = 1}});
    for (uint32_t worker = 0; worker < WORKERS; worker++)
        join(dispatch, FIRST_WORKER + worker);
    act(dispatch);
    return dispatch;
}

/* All workers are done with what they have. */
static uint64_t finish(struct dispatch *dispatch)
{
    uint64_t finished = 0;
    for (uint32_t worker = 0; worker < WORKERS; worker++) {
        uint32_t count = sent_count[worker];
        struct done_entry entries[BATCH];
        memcpy(entries, sent[worker], sizeof entries);
        sent_count[worker] = 0;
        finished += count;
        if (count)
            hear(dispatch, FIRST_WORKER + worker,
                 (struct message){
                     .type = MESSAGE_DONE,
                     .done = {.session = 1, .entries = entries, .count = count}});
    }
    act(dispatch);
    return finished;
}

void path_dispatch(uint64_t units)
{
    struct dispatch *dispatch = begin();
    for (uint64_t first = 0; first < units; first += BATCH) {
        for (uint32_t i = 0; i < BATCH; i++)
            dispatch_on_cut(dispatch, 100, 1);
        act(dispatch);
        while (finish(dispatch))
            ;
        struct range held = {first, BATCH};
        hear(dispatch, SINK,
             (struct message){.type = MESSAGE_PROGRESS,
                              .progress = {.epoch = 1,
                                           .held = &held,
                                           .count = 1,
                                           .released = first + BATCH,
                                           .committed = first + BATCH}});
        act(dispatch);
    }
    assert(committed == units);
    dispatch_destroy(&dispatch);
}
