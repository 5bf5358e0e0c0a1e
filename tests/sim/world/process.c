/* SPDX-License-Identifier: MIT */
#include "process.h"
#include "net.h"
#include "world.h"
#include <stdio.h>

enum { SPINS_MAX = 20000 };

static void turn(void *subject, uint64_t detail);

static void init_mailboxes(struct process *process)
{
    process->others.last = &process->others.first;
    process->peers.last = &process->peers.first;
}

void process_init(struct process *process, struct world *world, uint32_t name,
                  const struct role *role)
{
    process->world = world;
    process->role = role;
    process->name = name;
    process->life = ++world->hosts[name].lives;
    process->alive = true;
    process->heard_us = world->schedule.now_us;
    process->woke_us = -LIVENESS_US;
    process->wake_us = NEVER_US;
    init_mailboxes(process);
    world->hosts[name].process = process;
}

void process_init_beside(struct process *process, const struct process *of,
                         const struct role *role)
{
    process->world = of->world;
    process->role = role;
    process->name = of->name;
    process->life = of->life;
    process->alive = true;
    process->wake_us = NEVER_US;
    init_mailboxes(process);
}

const char *name_text(uint32_t name)
{
    static char buffers[4][24];
    static unsigned turn;
    char *buffer = buffers[turn++ % 4];
    if (name < WORKER)
        return name == SINK ? "sink" : "ventilator";
    snprintf(buffer, sizeof *buffers, "worker-%u", name - WORKER);
    return buffer;
}

const char *process_name(const struct process *process)
{
    static char buffers[4][24];
    static unsigned turn;
    char *buffer = buffers[turn++ % 4];
    if (process->life == 1)
        snprintf(buffer, sizeof *buffers, "%s", name_text(process->name));
    else
        snprintf(buffer, sizeof *buffers, "%s#%u", name_text(process->name),
                 process->life);
    return buffer;
}

static bool is_halted(const struct process *process)
{
    return process->stopped || process->waits;
}

static void append(struct process *process, struct item item)
{
    struct world *world = process->world;
    struct item *copy = world->spare_items;
    if (copy)
        world->spare_items = copy->next;
    else
        copy = arena_take(&world->arena, sizeof *copy);
    struct mailbox *mailbox = item.conn ? &process->peers : &process->others;
    *copy = item;
    copy->next = NULL;
    *mailbox->last = copy;
    mailbox->last = &copy->next;
}

static int64_t lag_us(struct world *world)
{
    int64_t lag = world->scenario.lag_us;
    return lag > 0 ? random_between(&world->random, 0, lag) : 0;
}

static void call_turn(struct process *process)
{
    if (is_halted(process) || process->turn_due)
        return;
    struct world *world = process->world;
    process->turn_due = true;
    schedule_at(&world->schedule, world->schedule.now_us + lag_us(world), turn, process,
                0);
}

void process_post(struct process *process, struct item item)
{
    if (!process->alive)
        return;
    append(process, item);
    call_turn(process);
}

void process_deliver(struct process *process, struct item item)
{
    if (!process->alive)
        return;
    append(process, item);
    if (is_halted(process) || process->turn_due)
        return;
    if (process->world->scenario.lag_us > 0 || process->turning)
        call_turn(process);
    else
        turn(process, 0);
}

static void wake(void *subject, uint64_t detail)
{
    struct process *process = subject;
    if (!process->alive || process->wake_us != (int64_t)detail)
        return;
    process->wake_us = NEVER_US;
    if (process->world->scenario.lag_us > 0)
        call_turn(process);
    else if (!is_halted(process) && !process->turn_due)
        turn(process, 0);
}

static void wake_at(struct process *process, int64_t at_us)
{
    if (process->wake_us == at_us)
        return;
    process->wake_us = at_us;
    if (at_us != NEVER_US)
        schedule_at(&process->world->schedule, at_us, wake, process, (uint64_t)at_us);
}

/* A core whose deadline has always passed would have its loop spin. */
static void watch_spinning(struct process *process)
{
    struct world *world = process->world;
    if (process->turned_us != world->schedule.now_us)
        process->turns_at_once = 0;
    process->turned_us = world->schedule.now_us;
    if (++process->turns_at_once == SPINS_MAX)
        world_violation(world, "%s spins: its deadline has always passed",
                        process_name(process));
}

static void drop_connections(struct process *process)
{
    struct random *random = &process->world->random;
    for (uint32_t i = 0; i < process->conn_count; i++) {
        int64_t lag = RANDOM_PICK(random, 0, 0, 0, random_between(random, 0, 9000000));
        conn_break(process->conns[i], lag, 0);
    }
    for (int i = 0; i < 2; i++) {
        int64_t lag = RANDOM_PICK(random, 0, 0, 0, random_between(random, 0, 9000000));
        if (process->dials[i])
            dial_close(process->dials[i], lag);
    }
}

static void end(struct process *process)
{
    process->alive = false;
    process->world->tally->deaths[process->name < WORKER ? process->name : WORKER]++;
    drop_connections(process);
    process->role->end(process);
}

/* Nobody keeps an item that was dealt with, nor a packet that was read. */
static void recycle(struct world *world, struct item *item)
{
    if (item->packet)
        packet_recycle(&world->spare_packets, item->packet);
    item->next = world->spare_items;
    world->spare_items = item;
}

static void read_some(struct process *process, struct mailbox *mailbox)
{
    struct world *world = process->world;
    for (uint32_t i = 0; mailbox->first && i < world->scenario.drain; i++) {
        struct item *item = mailbox->first;
        mailbox->first = item->next;
        if (!item->next)
            mailbox->last = &mailbox->first;
        process->role->on_item(process, item);
        recycle(world, item);
    }
}

static void turn(void *subject, uint64_t detail)
{
    (void)detail;
    struct process *process = subject;
    struct world *world = process->world;
    process->turn_due = false;
    if (!process->alive || is_halted(process))
        return;
    watch_spinning(process);
    process->turning = true;
    read_some(process, &process->others);
    read_some(process, &process->peers);
    int64_t deadline_us = process->role->settle(process);
    process->turning = false;
    if (process->exits) {
        end(process);
        world->on_exit(world, process, process->exit_status);
        return;
    }
    wake_at(process, deadline_us);
    if (process->others.first || process->peers.first)
        call_turn(process);
}

void process_leave(struct process *process, int status)
{
    process->exits = true;
    process->exit_status = status;
}

void process_kill(struct process *process)
{
    end(process);
}

void process_stop(struct process *process)
{
    process->stopped = true;
}

void process_continue(struct process *process)
{
    if (!process->alive)
        return;
    process->stopped = false;
    process->woke_us = process->world->schedule.now_us;
    call_turn(process);
}

void process_wait(struct process *process)
{
    process->waits = true;
}

void process_wait_over(struct process *process)
{
    if (!process->alive)
        return;
    process->waits = false;
    process->woke_us = process->world->schedule.now_us;
    call_turn(process);
}
