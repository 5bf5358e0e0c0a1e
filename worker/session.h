/* SPDX-License-Identifier: MIT */
/*
 * The worker's core: its session with the ventilator and its ledger, the tasks that it
 * was given, from TASK until FORGET. Decides what starts in which slot, what is sent,
 * what is sent again. Touches no socket, child or byte of payload: each entry of the
 * ledger carries an opaque `cargo` of the loop's.
 */
#ifndef FANFOLD_WORKER_SESSION_H
#define FANFOLD_WORKER_SESSION_H

#include "common/message.h"

struct session;

struct session_config {
    struct id uuid;
    uint32_t slots;
    uint32_t depth; /* tasks that a slot may be given at once while they are short; 1
                       for exec */
    bool monitor;   /* the loop reports whether the way to the sink is open */
    bool stay;      /* serve the next run as well */
    int64_t liveness_us; /* until WELCOME says another */
    int64_t patience_us; /* how long to wait for a ventilator; < 0: 300 s once there was
                            one, no limit before */
};

enum session_action_kind {
    SESSION_CONNECT,  /* close the DEALER if there is one, open it anew */
    SESSION_HELLO,    /* session is the nonce; the ledger from session_ledger */
    SESSION_PING,     /* the attempts that run from session_running */
    SESSION_OPEN_WAY, /* close the PUSH if there is one, open it anew to
                         session_endpoint */
    SESSION_CLOSE_WAY,
    SESSION_START,  /* slot, seq, attempt, cargo: give it to the slot */
    SESSION_KILL,   /* slot, seq, attempt: end it at once. What else the slot had comes
                       back by session_on_unstarted;   then session_on_slot says that the
                       slot is ready again */
    SESSION_RESULT, /* seq, attempt, cargo: send its result (by zmq_msg_copy: it may be
                       sent again) */
    SESSION_DONE,   /* seq, attempt, run_us */
    SESSION_FAILED, /* seq, attempt, run_us, cargo: how is in the cargo; DROP follows */
    SESSION_RETURNED, /* seq, attempt */
    SESSION_DROP,     /* cargo: it is off the ledger, free it */
    SESSION_GOODBYE,
    SESSION_LEAVE, /* the end: status, and session_farewell for a person */
};

struct session_action {
    enum session_action_kind kind;
    uint32_t slot;
    uint64_t session; /* to be named in the message; in HELLO, its nonce */
    uint64_t seq;
    uint32_t attempt;
    uint64_t run_us;
    void *cargo;
    int status;
};

struct session *session_new(const struct session_config *config, int64_t now_us);
/* Cargo that is still on the ledger goes to `drop`. */
void session_destroy(struct session **session_p, void (*drop)(void *cargo));

/* Every message from the ventilator but TASK and ISOLATE. */
void session_on_message(struct session *session, const struct message *message,
                        int64_t now_us);
/* One entry of a TASK. True: it is on the ledger with this cargo. False: not taken
 * (another session, already there, or it goes back at once); the cargo is still the
 * caller's. */
bool session_on_task(struct session *session, uint64_t session_number,
                     const struct task_entry *entry, void *cargo, int64_t now_us);
/* An ISOLATE, by the same rules. The result of a probe is never sent; that it is done,
 * is said. */
bool session_on_isolate(struct session *session, const struct message *message,
                        void *cargo, int64_t now_us);
/* The way to the sink (monitor). */
void session_on_way(struct session *session, bool open, int64_t now_us);

/* The attempt is on the ledger and runs in this slot: what the slot says of it counts.
 */
bool session_is_running(const struct session *session, uint32_t slot, uint64_t seq,
                        uint32_t attempt);
/* It runs, and has another part to be run in its slot: SESSION_START comes again. */
void session_on_part(struct session *session, uint32_t slot, uint64_t seq,
                     uint32_t attempt);
/* What the slot says of a task that it was given. False: it is not on the ledger any
 * more, and the result or failure is to be thrown away (the cargo was dropped before).
 * After SESSION_KILL nothing of that slot counts until it is ready again. */
bool session_on_done(struct session *session, uint32_t slot, uint64_t seq,
                     uint32_t attempt, uint64_t run_us);
bool session_on_failed(struct session *session, uint32_t slot, uint64_t seq,
                       uint32_t attempt, uint64_t run_us);
/* The slot was given it, but never began it (it died before, of something else): back
 * into the queue. */
void session_on_unstarted(struct session *session, uint32_t slot, uint64_t seq,
                          uint32_t attempt);
/* A slot can take tasks, or cannot (it is being replaced). All are ready at the start.
 */
void session_on_slot(struct session *session, uint32_t slot, bool ready);

/* SIGTERM: finish what runs, hand back what does not. A second call: hand back all at
 * once. */
void session_leave(struct session *session, int64_t now_us);

/* Starts what can start, minds the time; returns when it must be called again at the
 * latest. */
int64_t session_tick(struct session *session, int64_t now_us);
bool session_next(struct session *session, struct session_action *ret_action);

/* What the ledger keeps for the loop; NULL: the seq is not on it. */
void *session_cargo(const struct session *session, uint64_t seq);
/* For HELLO: at most LEDGER_MAX entries, valid until the next event. */
const struct ledger_entry *session_ledger(struct session *session, uint32_t *ret_count);
/* For PING. */
const struct attempt_entry *session_running(struct session *session,
                                            uint32_t *ret_count);
bool session_leaving(const struct session *session);
enum way session_way(const struct session *session);
struct id session_run(const struct session *session);
uint64_t session_epoch(const struct session *session);
const char *session_endpoint(const struct session *session);
uint64_t session_max_result(const struct session *session);
/* Of the input's records, as WELCOME says it; valid until the next event. */
struct slice session_format(const struct session *session);
/* To be given to the program before each chunk; stays until another run or epoch
 * begins, and what was started has been killed. */
struct slice session_header(const struct session *session);
/* Lines at the beginning of a result that are a header. */
uint32_t session_header_out(const struct session *session);
/* Why it leaves; "" where there is nothing to say. */
const char *session_farewell(const struct session *session);

enum session_waits {
    SESSION_WAITS_VENTILATOR,
    SESSION_WAITS_SINK,
    SESSION_WAITS_NOTHING
};
/* What it waits for, for a line on stderr. */
enum session_waits session_waits(const struct session *session);
/* Tasks finished well since the start. */
uint64_t session_finished(const struct session *session);

#endif
