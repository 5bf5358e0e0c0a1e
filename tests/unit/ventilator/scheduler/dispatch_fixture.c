/* SPDX-License-Identifier: MIT */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

#include "ventilator/scheduler/scheduler_state.h"
#include <criterion/criterion.h>

const struct id uid = {{1}}, run = {{2}};
struct dispatch *dispatch;
struct dispatch_config config;
int64_t now_us;
struct dispatch_failure skipped;
char except[400];
bool probes;
uint32_t tries;

void set_up(void)
{
    now_us = SECOND_US;
    config = (struct dispatch_config){
        .uid = uid,
        .buffer_bytes = 1 << 20,
        .block_bytes = 100,
        .keeps_bytes = true,
        .retries = 3,
        .losses = 10,
        .liveness_us = 10 * SECOND_US,
        .min_workers = 1,
        .patience_us = -1,
    };
}

void tear_down(void)
{
    dispatch_destroy(&dispatch);
    cr_assert_null(dispatch);
}

/* ---- what it does ---- */

static const char *const names[] = {
    [DISPATCH_WELCOME_SINK] = "WELCOME_SINK",
    [DISPATCH_WELCOME] = "WELCOME",
    [DISPATCH_REJECT] = "REJECT",
    [DISPATCH_WHO] = "WHO",
    [DISPATCH_TASK] = "TASK",
    [DISPATCH_ISOLATE] = "ISOLATE",
    [DISPATCH_SKIP] = "SKIP",
    [DISPATCH_FORGET] = "FORGET",
    [DISPATCH_START] = "START",
    [DISPATCH_DISCARD] = "DISCARD",
    [DISPATCH_END] = "END",
    [DISPATCH_DRAIN] = "DRAIN",
    [DISPATCH_STOP] = "STOP",
    [DISPATCH_GOODBYE] = "GOODBYE",
    [DISPATCH_FAREWELL] = "FAREWELL",
    [DISPATCH_ASIDE] = "ASIDE",
    [DISPATCH_BACK] = "BACK",
    [DISPATCH_OVER] = "OVER",
    [DISPATCH_NOTICE] = "NOTICE",
};

static void keep_isolation(const struct isolation *isolation)
{
    except[0] = 0;
    for (uint32_t i = 0; i < isolation->count; i++)
        snprintf(except + strlen(except), sizeof except - strlen(except), "%s%d+%d",
                 i ? " " : "", (int)isolation->except[i].first,
                 (int)isolation->except[i].count);
    probes = isolation->probe;
    tries = isolation->tries;
}

bool next_action(struct dispatch_action *ret_action)
{
    if (!dispatch_next(dispatch, ret_action))
        return false;
    if (ret_action->kind == DISPATCH_ISOLATE)
        keep_isolation(ret_action->isolation);
    else if (ret_action->kind == DISPATCH_SKIP)
        skipped = *ret_action->failure;
    return true;
}

static void trace_action(struct trace *trace, const struct dispatch_action *action)
{
    const char *name = names[action->kind];
    int seq = (int)action->seq;
    char worker = (char)('A' + action->peer - A);
    if (action->kind == DISPATCH_TASK || action->kind == DISPATCH_ISOLATE ||
        action->kind == DISPATCH_FORGET)
        trace_add(trace, "%s(%c:%d%s)", name, worker, seq,
                  action->only_queued ? "?" : "");
    else if (action->peer >= A)
        trace_add(trace, "%s(%c)", name, worker);
    else if (action->kind == DISPATCH_START || action->kind == DISPATCH_DISCARD ||
             action->kind == DISPATCH_END || action->kind == DISPATCH_SKIP)
        trace_add(trace, "%s(%d)", name, seq);
    else
        trace_add(trace, "%s", name);
}

void trace_actions(struct trace *trace)
{
    struct dispatch_action action;
    while (next_action(&action))
        if (action.kind != DISPATCH_PONG)
            trace_action(trace, &action);
}

static void expect_right_tallies(void)
{
    cr_assert(worker_tallies_are_right(dispatch->pool.tallies));
}

void tick_after(int64_t us)
{
    now_us += us;
    dispatch_tick(dispatch, now_us);
    expect_right_tallies();
}

/* ---- what others say ---- */

void hear(uint32_t peer, struct message message)
{
    dispatch_on_message(dispatch, peer, &message, now_us);
    expect_right_tallies();
}

bool sink_borrows, sink_takes_parts;

void hello_sink_nonce(uint32_t peer, uint8_t incarnation, uint64_t nonce, bool finished)
{
    struct capability can[2];
    uint32_t count = 0;
    if (sink_borrows)
        can[count++].name = slice_of_text(CAPABILITY_LOANS);
    if (sink_takes_parts)
        can[count++].name = slice_of_text(CAPABILITY_PARTS);
    static const struct endpoint_entry endpoint = {
        .endpoint = {(const uint8_t *)"r", 1}};
    hear(peer, (struct message){.type = MESSAGE_HELLO_SINK,
                                .hello_sink = {.version = PROTOCOL_VERSION,
                                               .incarnation = {{incarnation}},
                                               .nonce = nonce,
                                               .endpoints = &endpoint,
                                               .endpoint_count = 1,
                                               .max_result = 1000,
                                               .capabilities = can,
                                               .capability_count = count,
                                               .finished = finished}});
}

void hello_sink(uint32_t peer, uint8_t incarnation, bool finished)
{
    hello_sink_nonce(peer, incarnation, 1, finished);
}

void begin_from(uint32_t peer, uint64_t position, const struct range *held,
                uint32_t count)
{
    uint8_t mark[1 + MARK_SEAL_BYTES] = {0};
    size_t size = position ? mark_seal(mark, 1, position - 1) : 0;
    hear(peer, (struct message){.type = MESSAGE_BEGIN,
                                .begin = {.uid = uid,
                                          .run = run,
                                          .epoch = 1,
                                          .position = position,
                                          .mark = {mark, size},
                                          .held = held,
                                          .count = count}});
}

bool drains;

void hello_with(uint32_t peer, uint64_t nonce, enum results_link link,
                const struct ledger_entry *ledger, uint32_t count)
{
    char place[] = "place:x";
    place[6] = (char)('A' + peer - A);
    const struct capability capabilities[] = {{slice_of_text(place)},
                                              {slice_of_text("drain")}};
    hear(peer, (struct message){.type = MESSAGE_HELLO_WORKER,
                                .hello_worker = {.version = PROTOCOL_VERSION,
                                                 .uuid = {{(uint8_t)peer}},
                                                 .nonce = nonce,
                                                 .slots = 1,
                                                 .link = link,
                                                 .run = run,
                                                 .epoch = 1,
                                                 .capabilities = capabilities,
                                                 .capability_count = 1 + drains,
                                                 .ledger = ledger,
                                                 .count = count}});
}

void join(uint32_t peer)
{
    hello_with(peer, 1, LINK_OPEN, NULL, 0);
}

void done(uint32_t peer, uint64_t seq, uint64_t run_us)
{
    struct done_entry entry = {.seq = seq, .attempt = 1, .run_us = run_us};
    hear(peer, (struct message){.type = MESSAGE_DONE,
                                .done = {.session = 1, .entries = &entry, .count = 1}});
}

void failed(uint32_t peer, uint64_t seq, uint32_t attempt)
{
    hear(peer, (struct message){.type = MESSAGE_FAILED,
                                .failed = {.session = 1,
                                           .seq = seq,
                                           .attempt = attempt,
                                           .cause = FAILURE_EXIT,
                                           .code = 7}});
}

void ping(uint32_t peer, enum results_link link, bool leaving,
          const struct attempt_entry *running)
{
    hear(peer, (struct message){.type = MESSAGE_PING,
                                .ping = {.session = 1,
                                         .link = link,
                                         .leaving = leaving,
                                         .running = running,
                                         .count = running ? 1 : 0}});
}

void runs(uint32_t peer, uint64_t seq, uint32_t attempt)
{
    struct attempt_entry running = {seq, attempt};
    ping(peer, LINK_OPEN, false, &running);
}

void progress(uint64_t first, uint64_t count, uint64_t released, uint64_t committed)
{
    struct range held = {first, count};
    hear(SINK, (struct message){.type = MESSAGE_PROGRESS,
                                .progress = {.epoch = 1,
                                             .held = &held,
                                             .count = count ? 1 : 0,
                                             .released = released,
                                             .committed = committed}});
}

void lose(uint32_t peer, uint64_t seq, uint32_t attempt)
{
    runs(peer, seq, attempt);
    dispatch_on_unreachable(dispatch, peer, now_us);
}

/* ---- the beginning ---- */

void begin(void)
{
    dispatch = dispatch_new(&config, now_us);
    hello_sink(SINK, 1, false);
    begin_from(SINK, 0, NULL, 0);
    expect_now("WELCOME_SINK START(0)");
}

void cut(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        dispatch_on_cut(dispatch, 100, 1);
}
