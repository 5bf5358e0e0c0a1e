/* SPDX-License-Identifier: MIT */
/*
 * Drives the scheduler alone, as a run of tiny tasks would: scheduler_cost WORKERS
 * TASKS. Each round every slot of a few workers has a task done: the sink holds it,
 * writes it and commits it; new chunks are cut and sent. scheduler_cost.py counts the
 * instructions of a task, by how many workers there are.
 */
#include "ventilator/scheduler/dispatch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { SINK = 1, FIRST = 2, LENGTH = 100, DONE_A_TICK = 4, RUN_US = 20000, RUNS = 7 };

static const struct id uid = {{1}}, run = {{2}};

static struct dispatch *dispatch;
static int64_t now_us = 1;
static uint64_t *given; /* the attempts in flight, oldest first: seq, peer */
static uint64_t given_first, given_count, given_capacity;
static uint64_t acted;

static void push_given(uint64_t seq, uint32_t peer)
{
    uint64_t *slot = &given[2 * ((given_first + given_count++) % given_capacity)];
    assert(given_count <= given_capacity);
    slot[0] = seq;
    slot[1] = peer;
}

static void act(void)
{
    struct dispatch_action action;
    while (dispatch_next(dispatch, &action)) {
        acted++;
        if (action.kind == DISPATCH_TASK)
            push_given(action.seq, action.peer);
    }
}

static void hear(uint32_t peer, const struct message *message)
{
    dispatch_on_message(dispatch, peer, message, now_us);
}

static void begin(void)
{
    static const struct endpoint_entry endpoint = {
        .endpoint = {(const uint8_t *)"r", 1}};
    struct message hello = {.type = MESSAGE_HELLO_SINK,
                            .hello_sink = {.version = PROTOCOL_VERSION,
                                           .incarnation = {{3}},
                                           .endpoints = &endpoint,
                                           .endpoint_count = 1,
                                           .max_result = 1 << 20}};
    struct message first = {.type = MESSAGE_BEGIN,
                            .begin = {.uid = uid, .run = run, .epoch = 1}};
    hear(SINK, &hello);
    hear(SINK, &first);
}

static void join(uint32_t peer)
{
    struct message hello = {.type = MESSAGE_HELLO_WORKER,
                            .hello_worker = {.version = PROTOCOL_VERSION,
                                             .slots = 1,
                                             .host = {(const uint8_t *)"h", 1},
                                             .pid = peer,
                                             .nonce = 1,
                                             .link = LINK_OPEN}};
    for (int i = 0; i < 4; i++)
        hello.hello_worker.uuid.bytes[i] = (uint8_t)(peer >> 8 * i);
    hear(peer, &hello);
}

static void cut(void)
{
    do {
        dispatch_tick(dispatch, now_us);
        act();
        dispatch_block(dispatch, 0);
        uint32_t wants = dispatch_wants(dispatch);
        if (!wants)
            return;
        while (wants--)
            dispatch_on_cut(dispatch, LENGTH, 1);
        dispatch_counts(dispatch);
    } while (1);
}

static void end_one(uint64_t released)
{
    const uint64_t *slot = &given[2 * (given_first++ % given_capacity)];
    given_count--;
    struct done_entry entry = {
        .seq = slot[0], .attempt = 1, .run_us = RUN_US + 100 * (slot[0] % RUNS)};
    struct message done = {.type = MESSAGE_DONE,
                           .done = {.session = 1, .entries = &entry, .count = 1}};
    struct range held = {.first = slot[0], .count = 1};
    struct message progress = {.type = MESSAGE_PROGRESS,
                               .progress = {.epoch = 1,
                                            .held = &held,
                                            .count = 1,
                                            .released = released,
                                            .committed = released}};
    hear((uint32_t)slot[1], &done);
    hear(SINK, &progress);
}

int main(int argc, char **argv)
{
    uint32_t workers = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 10;
    uint64_t tasks = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000, ended = 0;
    struct dispatch_config config = {.uid = uid,
                                     .buffer_bytes = 1 << 30,
                                     .block_bytes = LENGTH,
                                     .liveness_us = 1000000000,
                                     .retries = 3,
                                     .patience_us = -1};
    dispatch = dispatch_new(&config, now_us);
    given_capacity = 1 << 18;
    given = calloc(given_capacity, 2 * sizeof *given);
    begin();
    for (uint32_t i = 0; i < workers; i++)
        join(FIRST + i);
    cut();
    while (ended < tasks) {
        now_us += 10;
        assert(given_count > 0);
        for (int i = 0; i < DONE_A_TICK && given_count; i++)
            end_one(ended++ + 1);
        cut();
    }
    printf("%llu actions\n", (unsigned long long)acted);
    dispatch_destroy(&dispatch);
    free(given);
    return 0;
}
