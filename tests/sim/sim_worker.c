/* SPDX-License-Identifier: MIT */
#include "sim_worker.h"
#include "checks.h"
#include "common/exit_status.h"
#include "net.h"
#include "sim_slots.h"
#include "sim_ventilator.h"
#include "world.h"
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
                  letter_new(&w->process.world->arena, &w->process.world->spare_letters,
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

static void open_way(struct sim_worker *w)
{
    unsigned address = 0;
    sscanf(session_endpoint(w->core), "sink://%u", &address);
    open_dial(w, TO_SINK, SINK, address);
}

static void close_way(struct sim_worker *w)
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
    message.hello_worker.way = session_way(w->core);
    message.hello_worker.run = session_run(w->core);
    message.hello_worker.epoch = session_epoch(w->core);
    message.hello_worker.ledger = session_ledger(w->core, &message.hello_worker.count);
    send(w, TO_VENTILATOR, &message, NULL);
}

static void ping(struct sim_worker *w, const struct session_action *action)
{
    struct message message = {.type = MESSAGE_PING};
    message.ping.session = action->session;
    message.ping.way = session_way(w->core);
    message.ping.leaving = session_leaving(w->core);
    message.ping.running = session_running(w->core, &message.ping.count);
    for (uint32_t i = 0; i < message.ping.count; i++)
        slots_note_announced(w, session_cargo(w->core, message.ping.running[i].seq));
    send(w, TO_VENTILATOR, &message, NULL);
}

/* The bad records as the input numbers them. */
static const struct bad_record *
bad_records(struct sim_worker *w, const struct cargo *cargo, uint32_t *ret_count)
{
    *ret_count = 0;
    if (!cargo->isolation)
        return NULL;
    const struct bad_record *bad = isolation_bad(cargo->isolation, ret_count);
    struct bad_record *copies =
        arena_copy(&w->process.world->arena, bad, *ret_count * sizeof *bad);
    for (uint32_t i = 0; i < *ret_count; i++) {
        copies[i].record += cargo->payload.first;
        copies[i].offset = copies[i].record * RECORD_BYTES;
        copies[i].length = RECORD_BYTES;
    }
    return copies;
}

static void result(struct sim_worker *w, const struct session_action *action)
{
    struct cargo *cargo = action->cargo;
    check_sent(w, cargo);
    struct result_entry entry = {.seq = action->seq,
                                 .attempt = action->attempt,
                                 .length = 1,
                                 .run_us = action->run_us,
                                 .mark = {cargo->mark, sizeof cargo->mark}};
    entry.bad = bad_records(w, cargo, &entry.bad_count);
    struct message message = {
        .type = MESSAGE_RESULT,
        .result = {session_run(w->core), session_epoch(w->core), &entry, 1}};
    send(w, TO_SINK, &message, &cargo->payload);
}

static void done(struct sim_worker *w, const struct session_action *action)
{
    struct done_entry entry = {action->seq, action->attempt, action->run_us};
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
    message.failed.how = ((const struct cargo *)action->cargo)->how;
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
    isolation_destroy(&cargo->isolation);
    w->live_cargo--;
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
          action->status, session_farewell(w->core));
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
    case SESSION_OPEN_WAY:
        open_way(w);
        break;
    case SESSION_CLOSE_WAY:
        close_way(w);
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
    case SESSION_GOODBYE:
        goodbye(w, action);
        break;
    case SESSION_LEAVE:
        leave(w, action);
        break;
    }
}

/* ---- loop ---- */

static struct cargo *cargo_new(struct sim_worker *w, const struct letter *letter,
                               struct slice mark, uint32_t limit_ms)
{
    struct cargo *cargo = arena_take(&w->process.world->arena, sizeof *cargo);
    cargo->owner = w;
    cargo->epoch = session_epoch(w->core);
    cargo->payload = letter->payload;
    cargo->limit_ms = limit_ms;
    cargo->lone = letter->payload.end - letter->payload.first == 1 ? 0 : UINT32_MAX;
    memcpy(cargo->mark, mark.data, sizeof cargo->mark);
    return cargo;
}

static void on_task(struct sim_worker *w, const struct letter *letter)
{
    const struct task_entry *entry = &letter->message.task.entries[0];
    struct cargo *cargo = cargo_new(w, letter, entry->mark, entry->limit_ms);
    uint64_t session = letter->message.task.session;
    if (session_on_task(w->core, session, entry, cargo, now(w)))
        w->live_cargo++;
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

static void on_isolate(struct sim_worker *w, const struct letter *letter)
{
    const struct message *message = &letter->message;
    struct cargo *cargo =
        cargo_new(w, letter, message->isolate.mark, message->isolate.limit_ms);
    cargo->lone = lone_record(message);
    cargo->tries = message->isolate.tries;
    cargo->probe = message->isolate.probe;
    struct isolation_config config = {.records = message->isolate.records,
                                      .except = message->isolate.except,
                                      .except_count = message->isolate.count,
                                      .except_is_bad = !message->isolate.probe,
                                      .tries = message->isolate.tries};
    cargo->isolation = isolation_new(&config);
    if (session_on_isolate(w->core, message, cargo, now(w)))
        w->live_cargo++;
    else
        isolation_destroy(&cargo->isolation);
}

static void on_message(struct sim_worker *w, const struct item *item)
{
    char text[512];
    if (item->dial->closed)
        return;
    TRACE(w->process.world, "%s <- %s: %s", process_name(&w->process),
          name_text(item->dial->to), letter_print(item->letter, text, sizeof text));
    w->process.heard_us = now(w);
    w->welcomed |= item->letter->message.type == MESSAGE_WELCOME;
    if (item->letter->message.type == MESSAGE_TASK)
        on_task(w, item->letter);
    else if (item->letter->message.type == MESSAGE_ISOLATE)
        on_isolate(w, item->letter);
    else
        session_on_message(w->core, &item->letter->message, now(w));
}

static void on_way(struct sim_worker *w, const struct item *item)
{
    if (w->monitor && item->dial == w->process.dials[TO_SINK])
        session_on_way(w->core, item->detail, now(w));
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
    else if (item->kind == ITEM_WAY)
        on_way(w, item);
    else if (item->kind == ITEM_RUN_END)
        slots_on_end(w, item->subject);
    else if (item->kind == ITEM_SLOT)
        on_slot(w, item->subject);
    else if (item->kind == ITEM_LEAVE) {
        session_leave(w->core, now(w));
    }
}

static int64_t settle(struct process *process)
{
    struct sim_worker *w = self(process);
    struct session_action action;
    int64_t deadline_us = session_tick(w->core, now(w));
    while (!process->exits && session_next(w->core, &action))
        perform(w, &action);
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
    if (w->live_cargo > 0)
        world_violation(process->world, "%s leaks %u cargoes", process_name(process),
                        w->live_cargo);
}

static const struct role role = {on_item, settle, end};

void sim_worker_start(struct world *world, uint32_t name)
{
    struct sim_worker *w = arena_take(&world->arena, sizeof *w);
    process_init(&w->process, world, name, &role);
    w->uuid = random_id(&world->random);
    w->disturbed_us = -NEVER_US;
    w->slot_count = 1 +
                    (uint32_t)random_below(&world->random, (uint64_t)world->mix.slots);
    for (uint32_t i = 0; i < w->slot_count; i++)
        w->slots[i] = (struct slot){.worker = w, .number = i, .ready = true};
    w->monitor = !random_chance(&world->random, world->mix.blind);
    struct session_config config = {
        .uuid = w->uuid,
        .slots = w->slot_count,
        .depth = (uint32_t)world->mix.depth,
        .monitor = w->monitor,
        .stay = world->mix.stay,
        .liveness_us = LIVENESS_US,
        .patience_us = world->mix.stay ? 1000 * PATIENCE_US : PATIENCE_US,
    };
    w->core = session_new(&config, world->schedule.now_us);
    process_post(&w->process, (struct item){.kind = ITEM_WAKE});
}
