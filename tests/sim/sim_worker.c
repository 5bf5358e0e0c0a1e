/* SPDX-License-Identifier: MIT */
#include "sim_worker.h"
#include "checks.h"
#include "common/exit_status.h"
#include "sim_slots.h"
#include "sim_ventilator.h"
#include "world/net.h"
#include "world/world.h"
#include <stdio.h>
#include <string.h>

enum { TO_VENTILATOR, TO_SINK };

static struct sim_worker *self(struct process *process)
{
    return (struct sim_worker *)process;
}

static int64_t now(const struct sim_worker *w)
{
    return w->process.world->schedule.now_us;
}

void sim_worker_disturb(struct process *process)
{
    self(process)->disturbed_us = process->world->schedule.now_us;
    slots_lose(self(process));
}

/* ---- actions ---- */

static void send(struct sim_worker *w, int to, const struct message *message,
                 const struct payload *payload)
{
    if (w->process.dials[to])
        dial_send(w->process.dials[to],
                  packet_new(&w->process.world->arena, &w->process.world->spare_packets,
                             message, payload));
}

static void open_dial(struct sim_worker *w, int to, uint32_t name, uint32_t address)
{
    /* Without a monitor nothing tells when to send again: then ZMQ has to keep it. */
    bool immediate = to == TO_SINK && w->monitor;
    if (w->process.dials[to])
        dial_close(w->process.dials[to], 0);
    w->process.dials[to] = dial_open(&w->process, name, address, immediate);
}

static void open_link(struct sim_worker *w)
{
    unsigned address = 0;
    sscanf(session_endpoint(w->core), "sink://%u", &address);
    open_dial(w, TO_SINK, SINK, address);
}

static void close_link(struct sim_worker *w)
{
    if (w->process.dials[TO_SINK])
        dial_close(w->process.dials[TO_SINK], 0);
    w->process.dials[TO_SINK] = NULL;
}

static void hello(struct sim_worker *w, const struct session_action *action)
{
    struct message message = {.type = MESSAGE_HELLO_WORKER};
    message.hello_worker.version = PROTOCOL_VERSION;
    message.hello_worker.uuid = w->uuid;
    message.hello_worker.nonce = action->session;
    message.hello_worker.slots = w->slot_count;
    message.hello_worker.link = session_link(w->core);
    message.hello_worker.run = session_run(w->core);
    message.hello_worker.epoch = session_epoch(w->core);
    struct capability can[2];
    uint32_t count = 0;
    if (w->process.world->scenario.drains)
        can[count++].name = slice_of_text("drain");
    if (w->extents)
        can[count++].name =
            slice_of_text(w->far ? CAPABILITY_ROOT : CAPABILITY_EXTENTS);
    message.hello_worker.capabilities = can;
    message.hello_worker.capability_count = count;
    message.hello_worker.ledger = session_ledger(w->core, &message.hello_worker.count);
    send(w, TO_VENTILATOR, &message, NULL);
}

static struct cargo *running_cargo(const struct sim_worker *w,
                                   const struct attempt_entry *entry)
{
    struct cargo *cargo = NULL;
    for (uint32_t slot = 0; slot < w->slot_count && !cargo; slot++)
        cargo = session_slot_cargo(w->core, slot, entry->seq, entry->attempt);
    return cargo;
}

static void ping(struct sim_worker *w, const struct session_action *action)
{
    struct message message = {.type = MESSAGE_PING};
    message.ping.session = action->session;
    message.ping.link = session_link(w->core);
    message.ping.leaving = session_leaving(w->core);
    message.ping.running = session_running(w->core, &message.ping.count);
    for (uint32_t i = 0; i < message.ping.count; i++)
        slots_note_announced(w, running_cargo(w, &message.ping.running[i]));
    send(w, TO_VENTILATOR, &message, NULL);
}

/* The bad records as the input numbers them. */
static const struct bad_record *
bad_records(struct sim_worker *w, const struct cargo *cargo, uint32_t *ret_count)
{
    *ret_count = 0;
    if (!cargo->isolation)
        return NULL;
    const struct bad_record *bad = record_bisect_bad(cargo->isolation, ret_count);
    struct bad_record *copies =
        arena_copy(&w->process.world->arena, bad, *ret_count * sizeof *bad);
    for (uint32_t i = 0; i < *ret_count; i++) {
        copies[i].record += cargo->payload.first;
        copies[i].offset = copies[i].record * RECORD_BYTES;
        copies[i].length = RECORD_BYTES;
    }
    return copies;
}

/* What a worker of somebody else's make may do wrong: the mark of another task, one
 * that it changed, or the result of another task than the one that it has. */
static void slip(struct sim_worker *w, struct result_entry *entry,
                 struct payload *payload, uint8_t mark[MARK_BYTES])
{
    struct world *world = w->process.world;
    payload->slip = true;
    payload->slip_seq = payload->seq;
    switch (random_below(&world->random, 3)) {
    case 0:
        payload->slip_seq = entry->seq + 1;
        entry->mark = mark_write(mark, payload->first, payload->slip_seq);
        return;
    case 1:
        memcpy(mark, entry->mark.data, entry->mark.size);
        mark[random_below(&world->random, entry->mark.size)] ^= 1;
        entry->mark.data = mark;
        return;
    default:
        payload->slip_seq = ++entry->seq;
    }
}

/* The sink refuses it: so the task that it names, or the one it is of, failed here. */
static void note_slip(struct sim_worker *w, const struct payload *payload)
{
    uint64_t bit = sim_ventilator_host_bit(&w->process);
    sim_ventilator_fate(payload)->failed_at |= bit;
    if (payload->slip_seq < (uint64_t)w->process.world->scenario.records)
        payload->cut_by->fates[payload->slip_seq].failed_at |= bit;
}

static void result(struct sim_worker *w, const struct session_action *action)
{
    struct cargo *cargo = action->cargo;
    check_sent(w, cargo);
    struct result_entry entry = {.seq = action->seq,
                                 .attempt = action->attempt,
                                 .length = 1,
                                 .run_us = action->run_us,
                                 .mark = {cargo->mark, cargo->mark_size}};
    entry.bad = bad_records(w, cargo, &entry.bad_count);
    struct message message = {.type = MESSAGE_RESULT,
                              .result = {session_run(w->core), session_epoch(w->core),
                                         w->uuid, &entry, 1, 0}};
    struct payload payload = cargo->payload;
    uint8_t mark[MARK_BYTES];
    if (random_chance(&w->process.world->random, w->process.world->scenario.slips))
        slip(w, &entry, &payload, mark);
    if (session_lends(w->core) && !cargo->isolation)
        message.result.compression = PAYLOAD_LENT;
    payload.far = w->far;
    if (w->swallows)
        return;
    if (payload.slip)
        note_slip(w, &payload);
    send(w, TO_SINK, &message, &payload);
}

static void done(struct sim_worker *w, const struct session_action *action)
{
    struct done_entry entry = {.seq = action->seq,
                               .attempt = action->attempt,
                               .run_us = action->run_us,
                               .open = slots_open(w)};
    send(w, TO_VENTILATOR,
         &(struct message){.type = MESSAGE_DONE, .done = {action->session, &entry, 1}},
         NULL);
}

static void failed(struct sim_worker *w, const struct session_action *action)
{
    struct message message = {.type = MESSAGE_FAILED};
    message.failed.session = action->session;
    message.failed.seq = action->seq;
    message.failed.attempt = action->attempt;
    message.failed.run_us = action->run_us;
    message.failed.cause = ((const struct cargo *)action->cargo)->cause;
    message.failed.code = 3;
    send(w, TO_VENTILATOR, &message, NULL);
}

static void returned(struct sim_worker *w, const struct session_action *action)
{
    struct attempt_entry entry = {action->seq, action->attempt};
    send(w, TO_VENTILATOR,
         &(struct message){.type = MESSAGE_RETURNED,
                           .returned = {action->session, &entry, 1}},
         NULL);
}

static void drop(struct sim_worker *w, struct cargo *cargo)
{
    if (cargo->dropped)
        world_violation(w->process.world, "%s drops a cargo twice",
                        process_name(&w->process));
    cargo->dropped = true;
    slots_note_ended(cargo);
    record_bisect_destroy(&cargo->isolation);
    LIST_REMOVE(cargo, of_owner);
    w->held_count--;
}

static void drained(struct sim_worker *w, const struct session_action *action)
{
    struct message message = {.type = MESSAGE_DRAINED,
                              .drained = {.session = action->session}};
    send(w, TO_VENTILATOR, &message, NULL);
}

static void doubt(struct sim_worker *w, const struct session_action *action)
{
    const char *text;
    struct message message = {.type = MESSAGE_DOUBT};
    message.doubt.session = action->session;
    session_doubt(w->core, &message.doubt.from, &text);
    message.doubt.text = (struct slice){(const uint8_t *)text, strlen(text)};
    send(w, TO_VENTILATOR, &message, NULL);
}

static void goodbye(struct sim_worker *w, const struct session_action *action)
{
    struct message message = {.type = MESSAGE_GOODBYE,
                              .goodbye = {.session = action->session}};
    send(w, TO_VENTILATOR, &message, NULL);
}

static void leave(struct sim_worker *w, const struct session_action *action)
{
    TRACE(w->process.world, "%s leaves: status %d %s", process_name(&w->process),
          action->status, session_exit_reason(w->core));
    w->alone = strstr(session_exit_reason(w->core), "no word");
    process_leave(&w->process, action->status);
}

static void perform(struct sim_worker *w, const struct session_action *action)
{
    switch (action->kind) {
    case SESSION_CONNECT:
        open_dial(w, TO_VENTILATOR, VENTILATOR, 0);
        break;
    case SESSION_HELLO:
        hello(w, action);
        break;
    case SESSION_PING:
        ping(w, action);
        break;
    case SESSION_OPEN_LINK:
        open_link(w);
        break;
    case SESSION_CLOSE_LINK:
        close_link(w);
        break;
    case SESSION_START:
        slots_start(w, action);
        break;
    case SESSION_KILL:
        slots_kill(w, action);
        break;
    case SESSION_RESULT:
        result(w, action);
        break;
    case SESSION_DONE:
        done(w, action);
        break;
    case SESSION_FAILED:
        failed(w, action);
        break;
    case SESSION_RETURNED:
        returned(w, action);
        break;
    case SESSION_DROP:
        drop(w, action->cargo);
        break;
    case SESSION_DRAIN:
        w->draining = true;
        break;
    case SESSION_DRAINED:
        drained(w, action);
        break;
    case SESSION_DOUBT:
        doubt(w, action);
        break;
    case SESSION_GOODBYE:
        goodbye(w, action);
        break;
    case SESSION_LEAVE:
        leave(w, action);
        break;
    }
}

/* ---- loop ---- */

static struct cargo *cargo_new(struct sim_worker *w, const struct packet *packet,
                               struct slice mark, uint32_t limit_ms)
{
    struct cargo *cargo = arena_take(&w->process.world->arena, sizeof *cargo);
    cargo->owner = w;
    cargo->epoch = session_epoch(w->core);
    cargo->payload = packet->payload;
    cargo->limit_ms = limit_ms;
    cargo->lone = packet->payload.end - packet->payload.first == 1 ? 0 : UINT32_MAX;
    cargo->mark_size = mark.size;
    memcpy(cargo->mark, mark.data, mark.size);
    return cargo;
}

static void hold(struct sim_worker *w, struct cargo *cargo)
{
    LIST_INSERT_HEAD(&w->held, cargo, of_owner);
    w->held_count++;
}

static void on_task(struct sim_worker *w, const struct packet *packet)
{
    const struct task_entry *entry = &packet->message.task.entries[0];
    struct cargo *cargo = cargo_new(w, packet, entry->mark, entry->limit_ms);
    uint64_t session = packet->message.task.session;
    cargo->by_reference = entry->kind == TASK_BY_REFERENCE;
    if (!session_on_task(w->core, session, entry, cargo))
        return;
    hold(w, cargo);
    if (slots_misread(w, cargo))
        session_on_refused(w->core, entry->seq);
}

/* The only record that is not excepted, if it is the only one. */
static uint32_t lone_record(const struct message *message)
{
    uint32_t left = (1U << message->isolate.records) - 1;
    for (uint32_t i = 0; i < message->isolate.count; i++)
        for (uint64_t k = 0; k < message->isolate.except[i].count; k++)
            left &= ~(1U << (message->isolate.except[i].first + k));
    for (uint32_t i = 0; i < CHUNK_RECORDS_MAX; i++)
        if (left == 1U << i)
            return i;
    return UINT32_MAX;
}

static void on_isolate(struct sim_worker *w, const struct packet *packet)
{
    const struct message *message = &packet->message;
    struct cargo *cargo =
        cargo_new(w, packet, message->isolate.mark, message->isolate.limit_ms);
    cargo->lone = lone_record(message);
    cargo->tries = message->isolate.tries;
    cargo->probe = message->isolate.probe;
    struct record_bisect_config config = {.records = message->isolate.records,
                                          .except = message->isolate.except,
                                          .except_count = message->isolate.count,
                                          .except_is_bad = !message->isolate.probe,
                                          .tries = message->isolate.tries,
                                          .hopeless = 1};
    cargo->isolation = record_bisect_new(&config);
    if (session_on_isolate(w->core, message, cargo))
        hold(w, cargo);
    else
        record_bisect_destroy(&cargo->isolation);
}

static void on_message(struct sim_worker *w, const struct item *item)
{
    char text[512];
    if (item->dial->closed)
        return;
    TRACE(w->process.world, "%s <- %s: %s", process_name(&w->process),
          name_text(item->dial->to), packet_print(item->packet, text, sizeof text));
    w->process.heard_us = now(w);
    w->welcomed |= item->packet->message.type == MESSAGE_WELCOME;
    enum message_type type = item->packet->message.type;
    if (w->mute && (type == MESSAGE_TASK || type == MESSAGE_ISOLATE))
        return;
    if (type == MESSAGE_TASK)
        on_task(w, item->packet);
    else if (type == MESSAGE_ISOLATE)
        on_isolate(w, item->packet);
    else {
        w->told_us = now(w);
        session_on_message(w->core, &item->packet->message, now(w));
    }
}

static void on_link(struct sim_worker *w, const struct item *item)
{
    if (w->monitor && item->dial == w->process.dials[TO_SINK])
        session_on_link(w->core, item->detail, now(w));
}

static void on_slot(struct sim_worker *w, struct slot *slot)
{
    slot_hand_back(slot);
    slot->ready = true;
    slot->replacing = false;
    session_on_slot(w->core, slot->number, true);
}

static void on_item(struct process *process, struct item *item)
{
    struct sim_worker *w = self(process);
    if (item->kind == ITEM_MESSAGE)
        on_message(w, item);
    else if (item->kind == ITEM_LINK)
        on_link(w, item);
    else if (item->kind == ITEM_RUN_END)
        slots_on_end(w, item->subject);
    else if (item->kind == ITEM_SLOT)
        on_slot(w, item->subject);
    else if (item->kind == ITEM_DRAINED)
        slots_on_drained(w);
    else if (item->kind == ITEM_LEAVE) {
        session_leave(w->core, now(w));
        if (w->preempted)
            slots_preempt(w);
    }
}

static int64_t settle(struct process *process)
{
    struct sim_worker *w = self(process);
    struct session_action action;
    int64_t deadline_us = session_tick(w->core, now(w));
    while (!process->exits && session_next(w->core, &action))
        perform(w, &action);
    slots_drain(w);
    check_ledger(w);
    return deadline_us;
}

static void drop_at_end(void *cargo)
{
    drop(((struct cargo *)cargo)->owner, cargo);
}

static void end(struct process *process)
{
    struct sim_worker *w = self(process);
    slots_lose(w);
    for (uint32_t i = 0; i < w->slot_count; i++)
        w->slots[i].runs = NULL;
    session_destroy(&w->core, drop_at_end);
    if (w->held_count > 0)
        world_violation(process->world, "%s leaks %u cargoes", process_name(process),
                        w->held_count);
}

bool sim_worker_has(const struct sim_worker *w, uint64_t seq,
                    const struct sim_ventilator *cut_by)
{
    const struct cargo *cargo;
    LIST_FOREACH (cargo, &w->held, of_owner)
        if (cargo->payload.seq == seq && cargo->payload.cut_by == cut_by)
            return true;
    return false;
}

static const struct role role = {on_item, settle, end};

void sim_worker_start(struct world *world, uint32_t name)
{
    struct sim_worker *w = arena_take(&world->arena, sizeof *w);
    process_init(&w->process, world, name, &role);
    w->uuid = random_id(&world->random);
    w->disturbed_us = w->broke_off_us = -NEVER_US;
    w->slot_count =
        1 + (uint32_t)random_below(&world->random, (uint64_t)world->scenario.slots);
    for (uint32_t i = 0; i < w->slot_count; i++)
        w->slots[i] = (struct slot){.worker = w, .number = i, .ready = true};
    w->far = scenario_host_is_far(&world->scenario, name - WORKER);
    w->mute = scenario_host_is_mute(&world->scenario, name - WORKER);
    w->preempted = random_chance(&world->random, world->scenario.preempt);
    w->swallows = world->scenario.swallows && name == WORKER;
    w->opens = world->scenario.drains &&
               random_chance(&world->random, world->scenario.opens);
    w->extents = world->scenario.extents &&
                 random_chance(&world->random, world->scenario.extents);
    w->monitor = !random_chance(&world->random, world->scenario.unmonitored);
    struct session_config config = {
        .uuid = w->uuid,
        .slots = w->slot_count,
        .depth = (uint32_t)world->scenario.depth,
        .monitor = w->monitor,
        .stay = world->scenario.extra_runs,
        .drains = world->scenario.drains,
        .liveness_us = LIVENESS_US,
        .wait_us = -1,
        .on_lost = (enum on_lost)world->scenario.on_lost,
        .patience_us = world->scenario.extra_runs ? 1000 * PATIENCE_US : PATIENCE_US,
    };
    w->core = session_new(&config, world->schedule.now_us);
    process_post(&w->process, (struct item){.kind = ITEM_WAKE});
}
