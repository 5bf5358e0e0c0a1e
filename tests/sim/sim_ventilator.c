/* SPDX-License-Identifier: MIT */
#include "sim_ventilator.h"
#include "checks.h"
#include "common/exit_status.h"
#include "common/protocol/endpoint_list.h"
#include "faults.h"
#include "sim_source.h"
#include "sim_worker.h"
#include "world/net.h"
#include "world/world.h"
#include <string.h>

enum { HEARTBEAT_FACTOR = 2, ROUNDS_MAX = 1000 };

static struct sim_ventilator *self(struct process *process)
{
    return (struct sim_ventilator *)process;
}

struct fate *sim_ventilator_fate(const struct payload *payload)
{
    return &payload->cut_by->fates[payload->seq];
}

uint64_t sim_ventilator_host_bit(const struct process *worker)
{
    uint32_t number = worker->name - WORKER;
    return UINT64_C(1) << (number < 63 ? number : 63);
}

/* ---- actions ---- */

static void send(struct sim_ventilator *v, uint32_t peer, const struct message *message,
                 const struct payload *payload)
{
    struct world *world = v->process.world;
    struct packet *packet =
        packet_new(&world->arena, &world->spare_packets, message, payload);
    if (conn_send(&v->process, peer, packet))
        return;
    TRACE(world, "%s: peer %u is unreachable", process_name(&v->process), peer);
    check_place_lost(v, peer);
    dispatch_on_unreachable(v->core, peer, world->schedule.now_us);
    v->again = true;
}

static struct slice text_slice(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void welcome(struct sim_ventilator *v, const struct dispatch_action *action,
                    bool sink)
{
    struct message message = {.type = MESSAGE_WELCOME};
    struct endpoint_entry entries[ENDPOINTS_MAX];
    struct capability loans = {slice_of_text(CAPABILITY_LOANS)};
    message.welcome.version = PROTOCOL_VERSION;
    message.welcome.uid = v->uid;
    message.welcome.heartbeat_ms = HEARTBEAT_FACTOR * action->welcome->heartbeat_ms;
    message.welcome.liveness_ms = LIVENESS_US / 1000;
    message.welcome.max_result = 1 << 20;
    if (!sink) {
        if (!v->knows_header)
            world_violation(v->process.world, "a worker is welcome before the header "
                                              "is known");
        message.welcome.session = action->session;
        message.welcome.nonce = action->session;
        message.welcome.run = action->welcome->run;
        message.welcome.epoch = action->welcome->epoch;
        message.welcome.endpoints = entries;
        message.welcome.endpoint_count =
            endpoint_list_entries(action->welcome->endpoints, entries);
        message.welcome.capabilities = &loans;
        message.welcome.capability_count = action->welcome->borrows ? 1 : 0;
    } else {
        check_place_given(v, action->peer);
        message.welcome.buffer = scenario_buffer_bytes(&v->process.world->scenario);
        message.welcome.input = text_slice("the input");
    }
    send(v, action->peer, &message, NULL);
}

static struct payload *given(struct sim_ventilator *v,
                             const struct dispatch_action *action)
{
    struct payload *payload = source_chunk(v, action->seq);
    if (!payload)
        return NULL;
    check_task(v, action);
    check_reference(v, action);
    v->given[action->seq] = true;
    return payload;
}

static void task(struct sim_ventilator *v, const struct dispatch_action *action)
{
    struct payload *payload = given(v, action);
    if (!payload)
        return;
    uint8_t mark[MARK_BYTES];
    struct slice sealed = mark_write(mark, payload->end, action->seq);
    struct task_entry entry = {.seq = action->seq,
                               .attempt = action->attempt,
                               .kind = action->by_reference ? TASK_BY_REFERENCE
                                                            : TASK_BY_VALUE,
                               .length = source_chunk_bytes(payload),
                               .records = payload->end - payload->first,
                               .limit_ms = action->limit_ms,
                               .mark = sealed};
    struct message message = {.type = MESSAGE_TASK,
                              .task = {action->session, &entry, 1, 0}};
    send(v, action->peer, &message, payload);
}

static void isolate(struct sim_ventilator *v, const struct dispatch_action *action)
{
    struct payload *payload = given(v, action);
    if (!payload)
        return;
    const struct isolation *isolation = action->isolation;
    uint8_t mark[MARK_BYTES];
    struct slice sealed = mark_write(mark, payload->end, action->seq);
    struct message message = {.type = MESSAGE_ISOLATE};
    message.isolate.session = action->session;
    message.isolate.seq = action->seq;
    message.isolate.attempt = action->attempt;
    message.isolate.length = source_chunk_bytes(payload);
    message.isolate.records = payload->end - payload->first;
    message.isolate.limit_ms = action->limit_ms;
    message.isolate.mark = sealed;
    message.isolate.offset = (uint64_t)payload->first * RECORD_BYTES;
    message.isolate.record = payload->first;
    message.isolate.tries = isolation->tries;
    message.isolate.probe = isolation->probe;
    message.isolate.except = isolation->except;
    message.isolate.count = isolation->count;
    v->isolating[action->seq] |= UINT64_C(1) << action->attempt % 64;
    v->process.world->tally->isolated++;
    v->process.world->tally->probes += isolation->probe;
    if (isolation->probe)
        check_probe(v, action);
    send(v, action->peer, &message, payload);
}

static void skip(struct sim_ventilator *v, const struct dispatch_action *action)
{
    struct payload *payload = source_chunk(v, action->seq);
    const struct dispatch_failure *failure = action->failure;
    if (!payload)
        return;
    check_skip(v, action->seq);
    uint8_t mark[MARK_BYTES];
    struct slice sealed = mark_write(mark, payload->end, action->seq);
    struct message message = {.type = MESSAGE_SKIP};
    message.skip.epoch = action->epoch;
    message.skip.seq = action->seq;
    message.skip.length = source_chunk_bytes(payload);
    message.skip.offset = (uint64_t)payload->first * RECORD_BYTES;
    message.skip.record = payload->first;
    message.skip.records = payload->end - payload->first;
    message.skip.mark = sealed;
    message.skip.attempts = failure->attempts;
    message.skip.cause = failure->cause;
    message.skip.code = failure->code;
    send(v, action->peer, &message, payload);
}

static void forget(struct sim_ventilator *v, const struct dispatch_action *action)
{
    struct attempt_entry entry = {action->seq, action->attempt};
    /* It may have run longer than the median allows. */
    if (v->process.world->scenario.limit_percent && !action->only_queued &&
        action->seq < (uint64_t)v->process.world->scenario.records)
        v->fates[action->seq].failed++;
    struct message message = {
        .type = MESSAGE_FORGET,
        .forget = {action->session, action->only_queued, &entry, 1}};
    send(v, action->peer, &message, NULL);
}

static void start_cutting(struct sim_ventilator *v,
                          const struct dispatch_action *action)
{
    struct slice mark = dispatch_mark(v->core);
    v->started = v->again = true;
    v->offset = mark_read(mark.data, mark.size);
    if (!v->knows_header)
        v->next_cut_us = v->process.world->schedule.now_us +
                         v->process.world->scenario.header_ms * 1000;
    TRACE(v->process.world, "%s goes on at chunk %ju, record %u",
          process_name(&v->process), (uintmax_t)action->seq, v->offset);
}

static void discard(struct sim_ventilator *v, const struct dispatch_action *action)
{
    struct payload *payload = source_chunk(v, action->seq);
    if (!payload)
        return;
    check_discard(v, action->seq);
    v->discarded[action->seq] = true;
    v->kept_bytes -= source_chunk_bytes(payload);
}

static void say_simple(struct sim_ventilator *v, uint32_t peer, enum message_type type)
{
    send(v, peer, &(struct message){.type = type}, NULL);
}

static void reject(struct sim_ventilator *v, const struct dispatch_action *action)
{
    v->process.world->tally->refused++;
    check_place_refused(v, action);
    struct message message = {.type = MESSAGE_REJECT,
                              .reject = {.reason = action->reason}};
    send(v, action->peer, &message, NULL);
}

static void say_end(struct sim_ventilator *v, const struct dispatch_action *action)
{
    check_verdict(v, action->verdict);
    struct message message = {.type = MESSAGE_END,
                              .end = {.epoch = action->epoch,
                                      .total = action->seq,
                                      .outcome = action->verdict->outcome,
                                      .status = (uint32_t)action->verdict->status}};
    check_total(v, &message);
    if (action->verdict->outcome != OUTCOME_COMPLETE && !v->stopped_us)
        v->stopped_us = v->process.world->schedule.now_us;
    send(v, action->peer, &message, NULL);
}

static void finishing(struct sim_ventilator *v)
{
    struct verdict verdict = dispatch_verdict(v->core);
    if (v->finishing)
        return;
    check_verdict(v, &verdict); /* it may be killed before it leaves */
    v->finishing = true;
    v->over_us = v->process.world->schedule.now_us;
    v->process.world->finishing = true;
    faults_nudge(v->process.world, false);
}

static void say_stop(struct sim_ventilator *v, const struct dispatch_action *action)
{
    check_verdict(v, action->verdict);
    finishing(v);
    if (v->owes == action->peer)
        v->owes = 0;
    struct message message = {
        .type = MESSAGE_STOP,
        .stop = {action->verdict->outcome, text_slice(action->verdict->text)}};
    send(v, action->peer, &message, NULL);
}

static void hear_ends(struct sim_ventilator *v)
{
    struct completion end;
    while (dispatch_next_completion(v->core, &end))
        check_end(v, &end);
}

static void leave(struct sim_ventilator *v)
{
    hear_ends(v);
    struct verdict verdict = dispatch_verdict(v->core);
    TRACE(v->process.world, "%s is over: status %d %s", process_name(&v->process),
          verdict.status, verdict.text);
    check_over(v, &verdict);
    process_leave(&v->process, verdict.status);
}

static void perform(struct sim_ventilator *v, const struct dispatch_action *action)
{
    switch (action->kind) {
    case DISPATCH_WELCOME_SINK:
        welcome(v, action, true);
        faults_nudge(v->process.world, true);
        break;
    case DISPATCH_WELCOME:
        welcome(v, action, false);
        break;
    case DISPATCH_REJECT:
        reject(v, action);
        break;
    case DISPATCH_WHO:
        say_simple(v, action->peer, MESSAGE_WHO);
        break;
    case DISPATCH_PONG:
        say_simple(v, action->peer, MESSAGE_PONG);
        break;
    case DISPATCH_TASK:
        task(v, action);
        break;
    case DISPATCH_DRAIN:
        send(v, action->peer,
             &(struct message){.type = MESSAGE_DRAIN, .drain = {action->session}},
             NULL);
        break;
    case DISPATCH_FORGET:
        forget(v, action);
        break;
    case DISPATCH_START:
        start_cutting(v, action);
        break;
    case DISPATCH_DISCARD:
        discard(v, action);
        break;
    case DISPATCH_ISOLATE:
        isolate(v, action);
        break;
    case DISPATCH_SKIP:
        skip(v, action);
        break;
    case DISPATCH_END:
        say_end(v, action);
        break;
    case DISPATCH_STOP:
        say_stop(v, action);
        break;
    case DISPATCH_GOODBYE:
        finishing(v);
        say_simple(v, action->peer, MESSAGE_GOODBYE);
        break;
    case DISPATCH_FAREWELL:
        say_simple(v, action->peer, MESSAGE_GOODBYE);
        break;
    case DISPATCH_NOTICE:
        break;
    case DISPATCH_OVER:
        leave(v);
        break;
    case DISPATCH_ASIDE:
        check_aside(v, action);
        break;
    case DISPATCH_BACK:
        v->process.world->tally->back++;
        break;
    }
}

/* ---- loop ---- */

static void on_message(struct sim_ventilator *v, const struct item *item)
{
    struct world *world = v->process.world;
    char text[512];
    TRACE(world, "%s <- %s (%u): %s", process_name(&v->process),
          process_name(item->conn->dial->owner), item->conn->peer,
          packet_print(item->packet, text, sizeof text));
    if (item->packet->message.type == MESSAGE_HELLO_WORKER && v->finishing)
        v->owes = item->conn->peer;
    if (item->packet->message.type == MESSAGE_PROGRESS &&
        (int64_t)item->packet->message.progress.failed > v->failed_tasks)
        v->failed_tasks = (int64_t)item->packet->message.progress.failed;
    check_place_heard(v, item);
    check_refusal(v, item);
    world->in_doubt |= item->packet->message.type == MESSAGE_DOUBT;
    dispatch_on_message(v->core, item->conn->peer, &item->packet->message,
                        world->schedule.now_us);
    check_tallies(v);
    check_heard(v, item);
    check_decided(v);
}

static void on_interrupt(struct sim_ventilator *v)
{
    struct world *world = v->process.world;
    world->interrupted = true;
    world->tally->faults[FAULT_INTERRUPT]++;
    if (v->drains)
        dispatch_stop(v->core, OUTCOME_INTERRUPTED, STATUS_INTERRUPTED, "interrupted",
                      world->schedule.now_us);
    else
        dispatch_drain(v->core, OUTCOME_INTERRUPTED, STATUS_INTERRUPTED, "interrupted");
    world->tally->drained += !v->drains;
    v->hurried = v->drains;
    v->drains = true;
}

static void on_item(struct process *process, struct item *item)
{
    if (item->kind == ITEM_MESSAGE)
        on_message(self(process), item);
    else if (item->kind == ITEM_INTERRUPT)
        on_interrupt(self(process));
}

static int64_t settle(struct process *process)
{
    struct sim_ventilator *v = self(process);
    struct world *world = process->world;
    struct dispatch_action action;
    int64_t deadline_us;
    unsigned rounds = 0;
    do {
        v->again = false;
        deadline_us = dispatch_tick(v->core, world->schedule.now_us);
        check_tallies(v);
        while (!process->exits && dispatch_next(v->core, &action))
            perform(v, &action);
        if (!process->exits)
            check_decided(v);
        check_place(v);
        hear_ends(v);
        source_read(v);
        if (++rounds == ROUNDS_MAX)
            world_violation(world, "the ventilator never settles");
    } while (v->again && !process->exits && rounds < ROUNDS_MAX);
    if (v->owes && !process->exits)
        world_violation(world, "a HELLO after the end is not answered");
    if (v->started && !v->input_ended && v->next_cut_us > world->schedule.now_us &&
        v->next_cut_us < deadline_us)
        deadline_us = v->next_cut_us;
    return deadline_us;
}

static void end(struct process *process)
{
    struct sim_ventilator *v = self(process);
    struct dispatch_counts counts = dispatch_counts(v->core);
    process->world->tally->retried += counts.retried;
    process->world->tally->adopted += counts.adopted;
    process->world->tally->lost_sessions += counts.lost_sessions;
    process->world->tally->parked += counts.parked;
    process->world->tally->speculated += counts.speculated;
    dispatch_destroy(&v->core);
}

static const struct role role = {on_item, settle, end};

static void init_chunk_tables(struct sim_ventilator *v)
{
    struct arena *arena = &v->process.world->arena;
    size_t all = (size_t)v->process.world->scenario.records;
    v->chunks = arena_take(arena, all * sizeof *v->chunks);
    v->discarded = arena_take(arena, all * sizeof *v->discarded);
    v->given = arena_take(arena, all * sizeof *v->given);
    v->told = arena_take(arena, all * sizeof *v->told);
    v->probed = arena_take(arena, all * sizeof *v->probed);
    v->refused = arena_take(arena, all * sizeof *v->refused);
    v->hasty = arena_take(arena, all * sizeof *v->hasty);
    v->fates = arena_take(arena, all * sizeof *v->fates);
    v->isolating = arena_take(arena, all * sizeof *v->isolating);
    v->given_up = arena_take(arena, all * sizeof *v->given_up);
    v->stray_us = arena_take(arena, all * sizeof *v->stray_us);
}

void sim_ventilator_start(struct world *world)
{
    struct sim_ventilator *v = arena_take(&world->arena, sizeof *v);
    const struct scenario *scenario = &world->scenario;
    process_init(&v->process, world, VENTILATOR, &role);
    init_chunk_tables(v);
    v->uid = random_id(&world->random);
    v->chunk_records =
        1 + (uint32_t)random_below(&world->random, (uint64_t)scenario->chunk);
    if (scenario->block_auto)
        v->chunk_records = (uint32_t)scenario->chunk;
    struct dispatch_config config = {
        .uid = v->uid,
        .window = (uint32_t)scenario->window,
        .buffer_bytes = scenario_buffer_bytes(scenario),
        .block_bytes = (uint64_t)v->chunk_records * RECORD_BYTES,
        .block_auto = scenario->block_auto,
        .keeps_bytes = scenario->keeps_bytes,
        .retries = (uint32_t)scenario->retries,
        .losses = (uint32_t)scenario->losses,
        .liveness_us = LIVENESS_US,
        .on_error = (enum on_error)scenario->on_error,
        .halt = {.when = (int)scenario->halt,
                 .tasks = (uint64_t)scenario->halt_tasks,
                 .percent = (uint32_t)scenario->halt_percent},
        .limit_ms = (uint32_t)scenario->limit_ms,
        .limit_percent = (uint32_t)scenario->limit_percent,
        .speculate = scenario->speculate,
        .resume = world->leg > 1 || v->process.life > 1,
        .strangers = true,
        .tells_completions = true,
        .awaits_header = scenario->header_ms > 0,
        .min_workers = (uint32_t)scenario->min_workers,
        .patience_us = PATIENCE_US,
    };
    v->knows_header = !config.awaits_header;
    v->core = dispatch_new(&config, world->schedule.now_us);
    process_post(&v->process, (struct item){.kind = ITEM_WAKE});
}
