/* SPDX-License-Identifier: MIT */
#include "net.h"
#include "world.h"

static void connect_now(void *subject, uint64_t detail);
static void arrive(void *subject, uint64_t detail);

static void packets_init(struct packets *packets)
{
    *packets = (struct packets){.last = &packets->first};
}

static void packets_add(struct packets *packets, struct packet *packet)
{
    packet->next = NULL;
    *packets->last = packet;
    packets->last = &packet->next;
    packets->count++;
}

static struct packet *packets_take(struct packets *packets)
{
    struct packet *first = packets->first;
    if (!first)
        return NULL;
    packets->first = first->next;
    if (!packets->first)
        packets->last = &packets->first;
    packets->count--;
    return first;
}

/* ---- one direction ---- */

static int64_t delay_us(struct world *world)
{
    int64_t delay = random_between(&world->random, 5000, 150000);
    if (random_chance(&world->random, world->scenario.slow_messages))
        delay += random_between(&world->random, 200000, 2000000);
    return delay;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void lane_send(struct lane *lane, struct packet *packet)
{
    struct world *world = lane->conn->server->world;
    world->tally->messages++;
    if (!lane->conn->up) { /* half open: the kernel takes it, and it is lost */
        world->tally->lost_messages++;
        return;
    }
    int64_t at_us = world->schedule.now_us + delay_us(world);
    at_us = later(at_us, later(lane->last_us, lane->stalled_until_us));
    lane->last_us = at_us;
    packets_add(&lane->packets, packet);
    schedule_at(&world->schedule, at_us, arrive, lane, 0);
}

static void hand_in(struct conn *conn, struct packet *packet)
{
    process_deliver(
        conn->server,
        (struct item){.kind = ITEM_MESSAGE, .conn = conn, .packet = packet});
}

static void hand_back(struct conn *conn, struct packet *packet)
{
    if (!conn->dial->closed)
        process_deliver(
            conn->dial->owner,
            (struct item){.kind = ITEM_MESSAGE, .dial = conn->dial, .packet = packet});
}

static void arrive(void *subject, uint64_t detail)
{
    (void)detail;
    struct lane *lane = subject;
    struct world *world = lane->conn->server->world;
    if (!lane->conn->up || !lane->packets.first)
        return;
    if (world->schedule.now_us < lane->stalled_until_us) {
        schedule_at(&world->schedule, lane->stalled_until_us, arrive, lane, 0);
        return;
    }
    struct packet *packet = packets_take(&lane->packets);
    if (lane->back)
        hand_back(lane->conn, packet);
    else
        hand_in(lane->conn, packet);
}

/* ---- connections ---- */

static void add_conn(struct process *server, struct conn *conn)
{
    if (server->conn_count == server->conn_capacity) {
        uint32_t capacity = server->conn_capacity ? 2 * server->conn_capacity : 16;
        struct conn **conns =
            arena_take(&server->world->arena, capacity * sizeof(struct conn *));
        for (uint32_t i = 0; i < server->conn_count; i++)
            conns[i] = server->conns[i];
        server->conns = conns;
        server->conn_capacity = capacity;
    }
    server->conns[server->conn_count++] = conn;
    conn->peer = server->conn_count;
}

static struct conn *conn_new(struct dial *dial, struct process *server)
{
    struct conn *conn = arena_take(&server->world->arena, sizeof *conn);
    conn->dial = dial;
    conn->server = server;
    conn->up = conn->seen = true;
    conn->in.conn = conn->back.conn = conn;
    conn->back.back = true;
    packets_init(&conn->in.packets);
    packets_init(&conn->back.packets);
    add_conn(server, conn);
    return conn;
}

bool conn_send(struct process *server, uint32_t peer, struct packet *packet)
{
    if (peer == 0 || peer > server->conn_count || !server->conns[peer - 1]->seen)
        return false;
    lane_send(&server->conns[peer - 1]->back, packet);
    return true;
}

static void server_notices(void *subject, uint64_t detail)
{
    (void)detail;
    ((struct conn *)subject)->seen = false;
}

static void post_link(struct dial *dial, bool open)
{
    process_post(dial->owner,
                 (struct item){.kind = ITEM_LINK, .dial = dial, .detail = open});
}

static void connect_in(struct dial *dial, int64_t delay)
{
    struct schedule *schedule = &dial->owner->world->schedule;
    schedule_at(schedule, schedule->now_us + delay, connect_now, dial, 0);
}

static void dial_notices(void *subject, uint64_t detail)
{
    (void)detail;
    struct conn *conn = subject;
    struct dial *dial = conn->dial;
    if (dial->conn != conn)
        return;
    dial->conn = NULL;
    if (dial->closed)
        return;
    post_link(dial, false);
    connect_in(dial, random_between(&dial->owner->world->random, 50000, SECOND_US));
}

static void arrive_late(void *subject, uint64_t detail)
{
    struct packet *packet = subject;
    hand_in((struct conn *)(uintptr_t)detail, packet);
}

/* Some has arrived, some is lost; what follows has not left. However much has arrived,
 * the other side has read it after some seconds: a hundred PINGs that waited for a
 * connection do not keep a session alive for a minute. */
static void lose_incoming(struct conn *conn)
{
    struct world *world = conn->server->world;
    struct random *random = &world->random;
    struct packets *packets = &conn->in.packets;
    uint64_t left = random_below(random, packets->count + 1);
    uint64_t arrived = random_below(random, left + 1);
    int64_t at_us = world->schedule.now_us, latest_us = at_us + 2 * LIVENESS_US;
    for (uint64_t i = 0; i < left; i++) {
        struct packet *packet = packets_take(packets);
        if (i >= arrived) {
            world->tally->lost_messages++;
            continue;
        }
        /* In the old pipe: perhaps read after the next connection's first ones. */
        at_us +=
            random_between(random, 0, random_chance(random, 100) ? 4000000 : 600000);
        at_us = at_us < latest_us ? at_us : latest_us;
        schedule_at(&world->schedule, at_us, arrive_late, packet, (uintptr_t)conn);
    }
    if (conn->dial->conn != conn || conn->dial->immediate) {
        world->tally->lost_messages += packets->count;
        return;
    }
    for (struct packet *packet; (packet = packets_take(packets));)
        packets_add(&conn->dial->waiting, packet);
}

static void lose_outgoing(struct conn *conn)
{
    struct world *world = conn->server->world;
    struct packets *packets = &conn->back.packets;
    uint64_t arrived = random_below(&world->random, packets->count + 1);
    while (arrived-- > 0)
        process_post(conn->dial->owner, (struct item){.kind = ITEM_MESSAGE,
                                                      .dial = conn->dial,
                                                      .packet = packets_take(packets)});
    world->tally->lost_messages += packets->count;
}

void conn_break(struct conn *conn, int64_t dial_lag_us, int64_t server_lag_us)
{
    if (!conn->up)
        return;
    struct schedule *schedule = &conn->server->world->schedule;
    conn->up = false;
    lose_incoming(conn);
    lose_outgoing(conn);
    if (server_lag_us != NEVER_US)
        schedule_at(schedule, schedule->now_us + server_lag_us, server_notices, conn,
                    0);
    if (dial_lag_us == 0)
        dial_notices(conn, 0);
    else if (dial_lag_us != NEVER_US)
        schedule_at(schedule, schedule->now_us + dial_lag_us, dial_notices, conn, 0);
}

void conn_stall(struct conn *conn, bool in, bool back, int64_t until_us)
{
    if (in)
        conn->in.stalled_until_us = later(conn->in.stalled_until_us, until_us);
    if (back)
        conn->back.stalled_until_us = later(conn->back.stalled_until_us, until_us);
}

/* ---- connecting sockets ---- */

struct dial *dial_open(struct process *owner, uint32_t to, uint32_t address,
                       bool immediate)
{
    struct world *world = owner->world;
    struct dial *dial = arena_take(&world->arena, sizeof *dial);
    dial->owner = owner;
    dial->to = to;
    dial->address = address;
    dial->immediate = immediate;
    packets_init(&dial->waiting);
    connect_in(dial, random_between(&world->random, 1000, 50000));
    return dial;
}

static bool reachable(const struct dial *dial, const struct process *server)
{
    const struct world *world = dial->owner->world;
    return server && server->alive && !server->stopped && !dial->owner->stopped &&
           server->address == dial->address &&
           world->schedule.now_us >=
               world->hosts[dial->owner->name].blocked_until_us[dial->to];
}

static void connect_now(void *subject, uint64_t detail)
{
    (void)detail;
    struct dial *dial = subject;
    struct world *world = dial->owner->world;
    struct process *server = world->hosts[dial->to].process;
    if (dial->closed || dial->conn || !dial->owner->alive)
        return;
    if (!reachable(dial, server)) {
        connect_in(dial, random_between(&world->random, 100000, 800000));
        return;
    }
    dial->conn = conn_new(dial, server);
    for (struct packet *packet; (packet = packets_take(&dial->waiting));)
        lane_send(&dial->conn->in, packet);
    post_link(dial, true);
}

void dial_send(struct dial *dial, struct packet *packet)
{
    if (dial->conn)
        lane_send(&dial->conn->in, packet);
    else if (!dial->immediate)
        packets_add(&dial->waiting, packet);
    else
        dial->owner->world->tally->lost_messages++;
}

void dial_close(struct dial *dial, int64_t lag_us)
{
    struct conn *conn = dial->conn;
    dial->closed = true;
    dial->conn = NULL;
    packets_init(&dial->waiting);
    if (conn)
        conn_break(conn, 0, lag_us);
}
