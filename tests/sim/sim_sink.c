/* SPDX-License-Identifier: MIT */
#include "sim_sink.h"
#include "checks.h"
#include "common/exit_status.h"
#include "faults.h"
#include "sim_ventilator.h"
#include "world/net.h"
#include "world/world.h"
#include <stdio.h>
#include <string.h>

static struct sim_sink *self(struct process *process)
{
    return (struct sim_sink *)process;
}

static int64_t now(const struct sim_sink *s)
{
    return s->process.world->schedule.now_us;
}

/* ---- memory ---- */

static uint64_t piece_bytes(const struct piece *piece)
{
    return piece->skip
               ? 0
               : (uint64_t)(piece->payload.end - piece->payload.first) * RECORD_BYTES;
}

static void drop(struct sim_sink *s, struct piece *piece)
{
    if (piece->dropped)
        world_violation(s->process.world, "the sink drops a cargo twice");
    piece->dropped = true;
    s->pieces--;
    if (!piece->spilled)
        s->memory_bytes -= piece_bytes(piece);
}

static void drop_at_end(void *cargo)
{
    struct piece *piece = cargo;
    drop(piece->owner, piece);
}

static void fail(struct sim_sink *s, int status, const char *text)
{
    s->ended = s->ending = true;
    if (s->last_ticket) /* nobody waits for the receiver any longer */
        sink_session_lose_commits(s->core);
    s->last_ticket = 0;
    sink_session_fail(s->core, OUTCOME_STOPPED, status, text, now(s));
}

/* Spills parked results, the one that is needed last first. */
static void relieve_memory(struct sim_sink *s)
{
    struct world *world = s->process.world;
    while (!s->ended && s->memory_bytes > scenario_buffer_bytes(&world->scenario)) {
        struct piece *piece = sink_session_name_last(s->core);
        if (!piece)
            return;
        if (piece_bytes(piece) == 0)
            continue;
        if (piece->dropped || piece->spilled || piece->given) {
            world_violation(world, "%ju is to be spilled, and is not parked",
                            (uintmax_t)piece->seq);
            return;
        }
        if (!disk_has_room(world)) {
            world->disk_full = true;
            fail(s, STATUS_IO, "the spill file cannot be written");
            return;
        }
        piece->spilled = true;
        s->memory_bytes -= piece_bytes(piece);
        world->tally->spilled++;
    }
}

/* ---- output ---- */

static void writable(void *subject, uint64_t detail)
{
    (void)detail;
    process_post(subject, (struct item){.kind = ITEM_WRITABLE});
}

static void call_writable(struct sim_sink *s)
{
    struct world *world = s->process.world;
    if (s->writable_due || !s->writing)
        return;
    s->writable_due = true;
    int64_t delay = random_gap(&world->random, 10000);
    if (random_chance(&world->random, 20))
        delay += random_between(&world->random, 0, 3 * SECOND_US);
    schedule_at(&world->schedule, world->schedule.now_us + delay, writable, s, 0);
}

static void queue_piece(struct sim_sink *s, struct piece *piece)
{
    piece->next = NULL;
    piece->given = true;
    *s->last_writing = piece;
    s->last_writing = &piece->next;
    call_writable(s);
}

static void close_output(struct sim_sink *s)
{
    struct world *world = s->process.world;
    world->output_closed = true;
    world->tally->faults[FAULT_OUTPUT]++;
    TRACE(world, "FAULT: the output closes");
    fail(s, STATUS_OUTPUT_CLOSED, "the output closed");
}

static void finish_piece(struct sim_sink *s)
{
    struct piece *piece = s->writing;
    struct world *world = s->process.world;
    s->writing = piece->next;
    if (!s->writing)
        s->last_writing = &s->writing;
    s->whole = world->disk.length;
    s->dead_letters = world->disk.dead_letter_count;
    s->reached = piece->payload.end;
    TRACE(world, "%s has written %ju: records %u-%u%s", process_name(&s->process),
          (uintmax_t)piece->seq, piece->payload.first, piece->payload.end - 1,
          piece->skip ? ", as a dead letter" : "");
    sink_session_on_written(s->core, piece->seq, now(s));
    if (!world->scenario.journal) { /* written is committed */
        world->disk.durable.position = sink_session_position(s->core);
        world->disk.durable.length = s->whole;
    }
    drop(s, piece);
    s->part_full = random_chance(&world->random, world->scenario.parts);
}

/* The next record of the piece, or its dead letter. False: the disk is full. */
static bool write_one(struct sim_sink *s, struct piece *piece)
{
    struct world *world = s->process.world;
    uint32_t size = piece->payload.end - piece->payload.first;
    uint32_t record = piece->payload.first + piece->written;
    if (piece->skip) {
        piece->written = size;
        world->tally->dead_letters++;
        return disk_write_dead_letter(world, piece->payload.first, piece->payload.end);
    }
    if (piece->bad >> piece->written++ & 1) {
        world->tally->bad_records++;
        return disk_write_dead_letter(world, record, record + 1);
    }
    return disk_write(world, record);
}

/* As many records as the output takes now, which may be none. */
static void write_some(struct sim_sink *s)
{
    struct world *world = s->process.world;
    uint64_t room = random_below(&world->random, 8);
    while (s->writing && room-- > 0 && !s->ended && !s->part_full) {
        struct piece *piece = s->writing;
        if (world->disk.length >= world->scenario.output_closes)
            close_output(s);
        else if (!write_one(s, piece))
            fail(s, STATUS_IO, "the disk is full");
        else if (piece->written >= piece->payload.end - piece->payload.first)
            finish_piece(s);
    }
    if (!s->ended && !s->part_full)
        call_writable(s);
}

/* ---- actions ---- */

static void send(struct sim_sink *s, const struct message *message)
{
    if (s->process.dials[0])
        dial_send(s->process.dials[0],
                  packet_new(&s->process.world->arena, &s->process.world->spare_packets,
                             message, NULL));
}

static void connect_again(struct sim_sink *s)
{
    if (s->process.dials[0])
        dial_close(s->process.dials[0], 0);
    s->process.dials[0] = dial_open(&s->process, VENTILATOR, 0, false);
}

static void hello(struct sim_sink *s, const struct sink_action *action)
{
    char endpoint[32];
    int size = snprintf(endpoint, sizeof endpoint, "sink://%u", s->process.address);
    struct message message = {.type = MESSAGE_HELLO_SINK};
    message.hello_sink.version = PROTOCOL_VERSION;
    message.hello_sink.incarnation = s->incarnation;
    message.hello_sink.nonce = action->nonce;
    struct endpoint_entry entry = {
        .endpoint = {(const uint8_t *)endpoint, (size_t)size}};
    message.hello_sink.endpoints = &entry;
    message.hello_sink.endpoint_count = 1;
    message.hello_sink.max_result = 1 << 20;
    message.hello_sink.finished = sink_session_finished(s->core);
    struct capability loans = {slice_of_text(CAPABILITY_LOANS)};
    message.hello_sink.capabilities = &loans;
    message.hello_sink.capability_count = s->process.world->scenario.loans ? 1 : 0;
    send(s, &message);
}

static void begin(struct sim_sink *s, const struct sink_action *action)
{
    struct position position = sink_session_position(s->core);
    struct message message = {.type = MESSAGE_BEGIN};
    message.begin.uid = action->uid;
    message.begin.run = position.run;
    message.begin.epoch = position.epoch;
    message.begin.position = position.next;
    message.begin.mark = (struct slice){position.mark, position.mark_size};
    message.begin.input = (struct slice){position.input, position.input_size};
    message.begin.held = sink_session_held(s->core, &message.begin.count);
    check_begin(s, &position);
    send(s, &message);
    faults_nudge(s->process.world, true);
}

static void ping(struct sim_sink *s)
{
    send(s, &(struct message){.type = MESSAGE_PING, .ping = {.link = LINK_OPEN}});
}

static void refuse(struct sim_sink *s)
{
    struct sink_refusal refusal = sink_session_refusal(s->core);
    struct message message = {.type = MESSAGE_REFUSED};
    message.refused.epoch = sink_session_position(s->core).epoch;
    message.refused.uuid = refusal.uuid;
    message.refused.seq = refusal.seq;
    message.refused.attempt = refusal.attempt;
    message.refused.marked = refusal.marked;
    message.refused.cause = refusal.cause;
    send(s, &message);
}

static void progress(struct sim_sink *s)
{
    struct sink_progress news = sink_session_progress(s->core);
    struct message message = {.type = MESSAGE_PROGRESS};
    message.progress.epoch = news.epoch;
    message.progress.held = news.held;
    message.progress.count = news.count;
    message.progress.released = news.released;
    message.progress.committed = news.committed;
    message.progress.parked = news.parked;
    message.progress.failed = news.failed;
    check_progress(s, &news);
    send(s, &message);
}

static void commit(struct sim_sink *s, const struct sink_action *action)
{
    struct world *world = s->process.world;
    struct position position = sink_session_position(s->core);
    check_commit(s, &position);
    if (s->part_ordered && !position.finished)
        s->part_ticket = action->ticket;
    s->part_ordered = false;
    if (position.finished && random_chance(&world->random, world->scenario.sends)) {
        s->last_ticket = action->ticket; /* until all is stored, the run goes on */
        position.finished = false;
    }
    disk_commit(world, &s->process, action->ticket, &position, s->whole,
                s->dead_letters);
}

static void finished(struct sim_sink *s)
{
    struct sink_verdict verdict = sink_session_verdict(s->core);
    struct message message = {.type = MESSAGE_FINISHED};
    message.finished.epoch = sink_session_position(s->core).epoch;
    message.finished.outcome = verdict.outcome;
    message.finished.dead_letters = sink_session_position(s->core).dead_letters;
    message.finished.status = (uint32_t)verdict.status;
    message.finished.text =
        (struct slice){(const uint8_t *)verdict.text, strlen(verdict.text)};
    check_finished(s, &verdict);
    s->told = true;
    send(s, &message);
}

static void leave(struct sim_sink *s)
{
    struct sink_verdict verdict = sink_session_verdict(s->core);
    TRACE(s->process.world, "%s leaves: status %d %s", process_name(&s->process),
          verdict.status, verdict.text);
    check_parting(s, &verdict);
    s->complete = verdict.outcome == OUTCOME_COMPLETE;
    disk_cut(s->process.world);
    process_leave(&s->process, verdict.status);
}

static void perform(struct sim_sink *s, const struct sink_action *action)
{
    switch (action->kind) {
    case SINK_CONNECT:
        connect_again(s);
        break;
    case SINK_HELLO:
        hello(s, action);
        break;
    case SINK_BEGIN:
        begin(s, action);
        break;
    case SINK_PING:
        ping(s);
        break;
    case SINK_PROGRESS:
        progress(s);
        break;
    case SINK_REFUSE:
        refuse(s);
        break;
    case SINK_WRITE:
        check_write(s, action->cargo, action->seq);
        queue_piece(s, action->cargo);
        break;
    case SINK_DROP:
        drop(s, action->cargo);
        break;
    case SINK_COMMIT:
        commit(s, action);
        break;
    case SINK_FINISHED:
        finished(s);
        break;
    case SINK_LEAVE:
        leave(s);
        break;
    }
}

/* ---- loop ---- */

static struct piece *piece_new(struct sim_sink *s, const struct packet *packet,
                               uint64_t seq)
{
    struct piece *piece = arena_take(&s->process.world->arena, sizeof *piece);
    *piece = (struct piece){.owner = s, .payload = packet->payload, .seq = seq};
    return piece;
}

static void keep(struct sim_sink *s, const struct piece *piece)
{
    s->pieces++;
    s->memory_bytes += piece_bytes(piece);
}

/* The loan is of another host, or has come back meanwhile, or this host lacks
 * something. */
static bool cannot_borrow(struct sim_sink *s, const struct packet *packet)
{
    struct world *world = s->process.world;
    return packet->message.result.compression == PAYLOAD_LENT &&
           (packet->payload.far ||
            random_chance(&world->random, world->scenario.unborrowed));
}

static void on_result(struct sim_sink *s, const struct packet *packet)
{
    const struct message *message = &packet->message;
    const struct result_entry *entry = &message->result.entries[0];
    if (cannot_borrow(s, packet)) {
        sink_session_on_unread(s->core, &message->result.run, message->result.epoch,
                               &message->result.uuid, entry, FAILURE_REFERENCE);
        return;
    }
    struct piece *piece = piece_new(s, packet, entry->seq);
    for (uint32_t i = 0; i < entry->bad_count; i++)
        piece->bad |= (uint8_t)(1 << (entry->bad[i].record - piece->payload.first));
    bool taken = sink_session_on_result(s->core, &message->result.run,
                                        message->result.epoch, &message->result.uuid,
                                        entry, piece);
    if (taken)
        keep(s, piece);
    if (piece->payload.slip && !taken)
        check_slip(s, packet);
    check_result(s, packet, taken);
}

static void on_skip(struct sim_sink *s, const struct packet *packet)
{
    struct piece *piece = piece_new(s, packet, packet->message.skip.seq);
    piece->skip = true;
    bool taken = sink_session_on_skip(s->core, &packet->message, piece, now(s));
    if (taken)
        keep(s, piece);
    check_skip_taken(s, packet, taken);
}

static void on_message(struct sim_sink *s, const struct item *item)
{
    struct world *world = s->process.world;
    char text[512];
    if (item->dial && item->dial->closed)
        return;
    TRACE(world, "%s <- %s: %s", process_name(&s->process),
          item->conn ? process_name(item->conn->dial->owner) : "ventilator",
          packet_print(item->packet, text, sizeof text));
    struct message *message = &item->packet->message;
    if (item->conn) {
        if (message->type == MESSAGE_RESULT)
            on_result(s, item->packet);
        return;
    }
    s->process.heard_us = now(s);
    s->ending |= message->type == MESSAGE_END &&
                 message->end.outcome != OUTCOME_COMPLETE;
    s->welcomed |= message->type == MESSAGE_WELCOME;
    if (message->type == MESSAGE_GOODBYE)
        s->parted = s->ending = true;
    if (message->type == MESSAGE_SKIP)
        on_skip(s, item->packet);
    else
        sink_session_on_message(s->core, message, now(s));
}

static void stored(void *subject, uint64_t detail)
{
    process_post(subject, (struct item){.kind = ITEM_STORED, .detail = detail});
}

static void on_committed(struct sim_sink *s, uint64_t ticket)
{
    struct world *world = s->process.world;
    if (ticket == s->last_ticket) {
        int64_t delay_us = random_between(&world->random, 0, 2 * SECOND_US);
        schedule_at(&world->schedule, now(s) + delay_us, stored, s,
                    random_chance(&world->random, 700));
        return;
    }
    if (ticket == s->part_ticket) {
        s->part_full = false;
        s->part_ticket = 0;
        call_writable(s);
    }
    sink_session_on_committed(s->core, ticket);
}

static void on_stored(struct sim_sink *s, bool all)
{
    struct position position = sink_session_position(s->core);
    uint64_t ticket = s->last_ticket;
    if (!ticket)
        return;
    if (!all) {
        close_output(s);
        return;
    }
    s->last_ticket = 0;
    disk_commit(s->process.world, &s->process, ticket, &position, s->whole,
                s->dead_letters);
}

static void on_item(struct process *process, struct item *item)
{
    struct sim_sink *s = self(process);
    if (item->kind == ITEM_MESSAGE) {
        on_message(s, item);
    } else if (item->kind == ITEM_WRITABLE) {
        s->writable_due = false;
        write_some(s);
    } else if (item->kind == ITEM_COMMITTED) {
        on_committed(s, item->detail);
    } else if (item->kind == ITEM_STORED) {
        on_stored(s, item->detail);
    } else if (item->kind == ITEM_NO_ROOM) {
        s->ended = s->ending = true;
        sink_session_on_journal_failed(s->core, "the journal cannot be written",
                                       now(s));
    }
}

/* A part that has its end is committed at once. */
static void end_part(struct sim_sink *s)
{
    if (s->part_full && !s->part_ordered && !s->part_ticket && !s->ended)
        s->part_ordered = sink_session_commit(s->core, now(s));
}

static int64_t settle(struct process *process)
{
    struct sim_sink *s = self(process);
    struct sink_action action;
    sink_session_on_stood_still(s->core, s->stood_us, now(s));
    s->stood_us = 0;
    relieve_memory(s);
    end_part(s);
    int64_t deadline_us = sink_session_tick(s->core, now(s));
    while (!process->exits && sink_session_next(s->core, &action))
        perform(s, &action);
    check_memory(s);
    return deadline_us;
}

/* ---- a file system that does not answer ---- */

static void go_on(void *subject, uint64_t detail)
{
    (void)detail;
    struct sim_sink *s = subject;
    if (!s->process.alive)
        return;
    TRACE(s->process.world, "%s waits no longer", process_name(&s->process));
    if (s->speaker)
        speaker_end(s->speaker);
    s->speaker = NULL;
    s->woke_us = now(s);
    s->stood_us = now(s) - s->waits_us;
    process_wait_over(&s->process);
}

void sim_sink_wait(struct process *process, int64_t length_us)
{
    struct sim_sink *s = self(process);
    struct world *world = process->world;
    bool mute = random_chance(&world->random, world->scenario.mute_waits);
    TRACE(world, "FAULT: %s waits for a file system for %d ms%s", process_name(process),
          (int)(length_us / 1000), mute ? ", and nobody says so" : "");
    s->waits_us = now(s);
    s->knew = s->welcomed && now(s) - process->heard_us < LIVENESS_US;
    process_wait(process);
    if (!mute)
        s->speaker = speaker_start(process, &s->incarnation);
    schedule_at(&world->schedule, now(s) + length_us, go_on, s, 0);
}

/* Its speaker may come back when another sink has the place, and must not keep one out
 * for longer than that waits. */
static void leave_speaker(struct sim_sink *s)
{
    struct world *world = s->process.world;
    if (!s->speaker)
        return;
    if (!random_chance(&world->random, world->scenario.old_words)) {
        speaker_end(s->speaker);
        return;
    }
    int64_t from_us = now(s) + random_between(&world->random, 0, 3 * LIVENESS_US);
    int64_t until_us = from_us + random_between(&world->random, 0, PATIENCE_US / 2);
    TRACE(world, "FAULT: the speaker of %s outlives it", process_name(&s->process));
    world_trouble_until(world, until_us);
    speaker_outlive(s->speaker, from_us, until_us);
}

static void end(struct process *process)
{
    struct sim_sink *s = self(process);
    leave_speaker(s);
    for (; s->writing; s->writing = s->writing->next)
        drop(s, s->writing);
    sink_session_destroy(&s->core, drop_at_end);
    if (s->pieces > 0)
        world_violation(process->world, "the sink leaks %u cargoes", s->pieces);
    disk_abandon(process->world, process);
}

static const struct role role = {on_item, settle, end};

void sim_sink_start(struct world *world)
{
    struct sim_sink *s = arena_take(&world->arena, sizeof *s);
    process_init(&s->process, world, SINK, &role);
    s->last_writing = &s->writing;
    s->process.address = world->scenario.sink_moves ? s->process.life : 0;
    s->incarnation = random_id(&world->random);
    s->had = arena_take(&world->arena, (size_t)world->scenario.records);
    struct sink_session_config config = {
        .position = disk_open(world),
        .ordered = world->scenario.ordered,
        .journal = world->scenario.journal,
        .liveness_us = LIVENESS_US,
        .patience_us = PATIENCE_US,
    };
    s->whole = world->disk.journal.length;
    s->dead_letters = world->disk.journal.dead_letters;
    s->reached = s->given = mark_read(config.position.mark, config.position.mark_size);
    s->core = sink_session_new(&config, world->schedule.now_us);
    process_post(&s->process, (struct item){.kind = ITEM_WAKE});
}
