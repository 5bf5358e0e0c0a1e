/* SPDX-License-Identifier: MIT */
#include "worker/session/session.h"
#include "common/clock.h"
#include "tests/bench/instructions/paths.h"

#include <assert.h>

static const struct id run = {{1}};
static int cargo;
static uint64_t dropped;

static void drop(void *unused)
{
    (void)unused;
}

static void hear(struct session *session, struct message message)
{
    session_on_message(session, &message, SECOND_US);
}

/* Carries out all that it gives out: a task that starts is done at once. */
static void act(struct session *session)
{
    struct session_action action;
    session_tick(session, SECOND_US);
    while (session_next(session, &action)) {
        if (action.kind == SESSION_START)
            session_on_done(session, action.slot, action.seq, action.attempt, 1000);
        dropped += action.kind == SESSION_DROP;
        if (action.kind == SESSION_START || action.kind == SESSION_DONE)
            session_tick(session, SECOND_US);
    }
}

static struct session *begin(void)
{
    static const struct endpoint_entry results = {
        .endpoint = {(const uint8_t *)"ipc://r", 7}};
    struct session_config config = {.uuid = {{7}},
                                    .slots = 4,
                                    .depth = 64,
                                    .liveness_us = 10 * SECOND_US,
                                    .patience_us = -1,
                                    .wait_us = -1};
    struct session *session = session_new(&config, SECOND_US);
    act(session);
    hear(session, (struct message){.type = MESSAGE_WELCOME,
                                   .welcome = {.version = PROTOCOL_VERSION,
                                               .heartbeat_ms = 250,
                                               .liveness_ms = 10000,
                                               .session = 1,
                                               .nonce = 1,
                                               .run = run,
                                               .epoch = 1,
                                               .endpoints = &results,
                                               .endpoint_count = 1}});
    act(session);
    return session;
}

static void forget(struct session *session, uint64_t first)
{
    static struct attempt_entry entries[BATCH];
    for (uint32_t i = 0; i < BATCH; i++)
        entries[i] = (struct attempt_entry){first + i, 1};
    hear(session, (struct message){
                      .type = MESSAGE_FORGET,
                      .forget = {.session = 1, .entries = entries, .count = BATCH}});
}

void path_session(uint64_t units)
{
    struct session *session = begin();
    for (uint64_t first = 0; first < units; first += BATCH) {
        for (uint32_t i = 0; i < BATCH; i++) {
            struct task_entry entry = {.seq = first + i, .attempt = 1, .length = 1};
            bool taken = session_on_task(session, 1, &entry, &cargo);
            assert(taken);
        }
        act(session);
        forget(session, first);
        act(session);
    }
    assert(session_finished(session) == units && dropped == units);
    session_destroy(&session, drop);
}
