/* SPDX-License-Identifier: MIT */
/*
 * A process: one event loop around a core. What comes in waits in a mailbox until the
 * loop's next turn; a stop halts the turns, a kill ends them. Each life of a name is an
 * object of its own.
 *
 * As each socket of a real process has its own queue, what connected peers send waits
 * in another mailbox than all else, and a turn reads some of either: results do not
 * wait behind a thousand PONGs that came while the sink did.
 */
#ifndef FANFOLD_TESTS_SIM_WORLD_PROCESS_H
#define FANFOLD_TESTS_SIM_WORLD_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* Names of processes are numbers: WORKER is the first worker's. */
enum { SINK, VENTILATOR, WORKER };

struct world;
struct process;
struct packet;
struct conn;
struct dial;

enum item_kind {
    ITEM_MESSAGE,   /* packet; conn: where it came from, at the bound side */
    ITEM_LINK,      /* dial; detail: open */
    ITEM_RUN_END,   /* subject: the run */
    ITEM_SLOT,      /* subject: the slot is ready again */
    ITEM_DRAINED,   /* the worker's programs have ended */
    ITEM_WRITABLE,  /* the output takes some */
    ITEM_COMMITTED, /* detail: the ticket */
    ITEM_NO_ROOM,   /* a commit met a full disk */
    ITEM_STORED, /* detail: the receiver of the output has all of it; else it is gone */
    ITEM_LEAVE,  /* SIGTERM */
    ITEM_INTERRUPT, /* SIGINT, to the ventilator */
    ITEM_WAKE,      /* nothing but a turn */
};

struct item {
    struct item *next;
    enum item_kind kind;
    struct conn *conn;
    struct dial *dial;
    struct packet *packet;
    void *subject;
    uint64_t detail;
};

struct mailbox {
    struct item *first, **last;
};

/* What makes a process a ventilator, a worker or a sink. */
struct role {
    void (*on_item)(struct process *process, struct item *item);
    /* Once a turn: tick, do the actions, and say when to wake. */
    int64_t (*settle)(struct process *process);
    /* Destroys the core. */
    void (*end)(struct process *process);
};

struct process {
    struct world *world;
    const struct role *role;
    uint32_t name;
    uint32_t life; /* 1: the first of its name */
    uint32_t address;
    bool alive, turning, exits;
    bool stopped; /* by a signal */
    bool waits;   /* its loop, for a file system; its network goes on */
    int exit_status;
    int64_t woke_us, heard_us, wake_us;
    struct mailbox others, peers; /* peers: what was sent to the bound socket */
    bool turn_due;
    uint32_t turns_at_once; /* turns at the same time, to see a loop that spins */
    int64_t turned_us;

    struct conn **conns; /* accepted; the index is the peer's number less 1 */
    uint32_t conn_count, conn_capacity;
    struct dial *dials[2]; /* to the ventilator and to the sink; NULL: closed */
};

void process_init(struct process *process, struct world *world, uint32_t name,
                  const struct role *role);
/* A helper of `of`, on the same host, which no name leads to. */
void process_init_beside(struct process *process, const struct process *of,
                         const struct role *role);
/* Puts a copy of the item into the mailbox; nothing for a dead process. */
void process_post(struct process *process, struct item item);
/* As process_post, and at once where the loop has nothing else to do. */
void process_deliver(struct process *process, struct item item);
/* From within a turn: the process ends when the turn does. */
void process_leave(struct process *process, int status);
/* Not from within its own turn. */
void process_kill(struct process *process);
void process_stop(struct process *process);
void process_continue(struct process *process);
void process_wait(struct process *process);
void process_wait_over(struct process *process);

/* "ventilator", "worker 1"; with the life where it is not the first. Static, a few
 * buffers in turn. */
const char *process_name(const struct process *process);
const char *name_text(uint32_t name);

#endif
