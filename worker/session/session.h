/* SPDX-License-Identifier: MIT */
/*
 * The worker's core: its session with the ventilator, and the ledger of the tasks that
 * the ventilator gave it, from TASK until FORGET. It decides which task starts in which
 * slot, what is sent, and what is sent again. It touches no socket, no child and no
 * byte of payload: each entry of the ledger carries an opaque `cargo` of the loop's.
 */
#ifndef FANFOLD_WORKER_SESSION_SESSION_H
#define FANFOLD_WORKER_SESSION_SESSION_H

#include "common/protocol/message.h"

struct session;

/* What a worker does once its ventilator is lost (liveness_lost). */
enum on_lost {
    ON_LOST_WAIT,   /* it works on, and waits for the next one */
    ON_LOST_FINISH, /* it begins nothing, and leaves when nothing runs */
    ON_LOST_STOP,   /* it leaves at once */
};

struct session_config {
    struct id uuid;
    uint32_t slots;
    uint32_t depth; /* the most tasks that a slot gets at once, if they are short; 1 for
                       exec */
    bool monitor;   /* the loop reports by session_on_link whether the sink is there */
    bool stay;      /* serve the next run as well */
    bool drains;    /* only the end of its programs shows that all results are right */
    int64_t liveness_us; /* until WELCOME says another */
    int64_t patience_us; /* how long to wait for a ventilator; < 0: 300 s once there was
                            one, no limit before */
    int64_t wait_us;     /* the same, for one that is lost; < 0: as patience_us */
    enum on_lost on_lost;
};

enum session_action_kind {
    SESSION_CONNECT,    /* close the DEALER if there is one, open it again */
    SESSION_HELLO,      /* `session` is the nonce; the ledger is session_ledger's */
    SESSION_PING,       /* the running attempts are session_running's */
    SESSION_OPEN_LINK,  /* close the PUSH if there is one, open it again to
                          session_endpoint */
    SESSION_CLOSE_LINK, /* close the PUSH */
    SESSION_START,      /* slot, seq, attempt, cargo: give the task to the slot */
    SESSION_KILL,   /* slot, seq, attempt: end it at once. The slot's other tasks come
                       back by session_on_unstarted, and then session_on_slot says that
                       the slot is ready again */
    SESSION_RESULT, /* seq, attempt, run_us, cargo: send the result, and keep it: it may
                       have to be sent again */
    SESSION_DONE,   /* seq, attempt, run_us */
    SESSION_FAILED, /* seq, attempt, run_us, cargo, which knows the cause; DROP
                     * follows */
    SESSION_RETURNED, /* seq, attempt */
    SESSION_DROP,     /* cargo: it is off the ledger, free it */
    SESSION_DRAIN,   /* let the programs end, and compare: session_on_drained follows */
    SESSION_DRAINED, /* say so */
    SESSION_DOUBT,   /* say it: session_doubt has the words */
    SESSION_GOODBYE,
    SESSION_LEAVE, /* the end: status, and session_exit_reason for a person */
};

struct session_action {
    enum session_action_kind kind;
    uint32_t slot;
    uint64_t session; /* the number that the message names; in HELLO, its nonce */
    uint64_t seq;
    uint32_t attempt;
    uint64_t run_us;
    void *cargo;
    int status;
};

struct session *session_new(const struct session_config *config, int64_t now_us);
/* Calls `drop` for each cargo that the loop has not been told to drop. */
void session_destroy(struct session **session_p, void (*drop)(void *cargo));

/* Any message from the ventilator but TASK and ISOLATE. */
void session_on_message(struct session *session, const struct message *message,
                        int64_t now_us);
/* One entry of a TASK. True: it is on the ledger with this cargo. False: not taken
 * (another session, already there, or handed back at once); the cargo stays the
 * caller's. */
bool session_on_task(struct session *session, uint64_t session_number,
                     const struct task_entry *entry, void *cargo);
/* A queued task is one that this worker cannot do: it has failed. */
void session_on_refused(struct session *session, uint64_t seq);
/* An ISOLATE, by the same rules. A probe's result is never sent, but its DONE is. */
bool session_on_isolate(struct session *session, const struct message *message,
                        void *cargo);
/* The connection to the sink has opened or closed (config.monitor). */
void session_on_link(struct session *session, bool open, int64_t now_us);

/* The cargo of the attempt, if it runs in this slot; NULL: the ledger knows nothing of
 * that, and ignores what the slot reports of it. */
void *session_slot_cargo(const struct session *session, uint32_t slot, uint64_t seq,
                         uint32_t attempt);
/* It has another part to run in its slot: SESSION_START comes again. */
void session_on_part(struct session *session, uint32_t slot, uint64_t seq,
                     uint32_t attempt);
/* The slot's report of a task. False: the task is not on the ledger any more, and the
 * caller throws the report away (the cargo was dropped before). After SESSION_KILL no
 * report of that slot counts until it is ready again. */
bool session_on_done(struct session *session, uint32_t slot, uint64_t seq,
                     uint32_t attempt, uint64_t run_us);
bool session_on_failed(struct session *session, uint32_t slot, uint64_t seq,
                       uint32_t attempt, uint64_t run_us);
/* It failed because this worker is to leave: handed back, as if it had not begun. */
bool session_on_preempted(struct session *session, uint32_t slot, uint64_t seq,
                          uint32_t attempt);
/* The slot has not begun the task (it died before, of something else): back into the
 * queue. */
void session_on_unstarted(struct session *session, uint32_t slot, uint64_t seq,
                          uint32_t attempt);
/* The slot takes tasks, or does not (it is being replaced). At the start all do. */
void session_on_slot(struct session *session, uint32_t slot, bool ready);

/* The programs have ended, and all that they gave was compared; what is wrong with it,
 * session_on_doubt has said before (config.drains). */
void session_on_drained(struct session *session);
/* Results from this seq on may be wrong. */
void session_on_doubt(struct session *session, uint64_t from, const char *text);

/* SIGTERM: finish what runs, hand back what is queued. A second call: hand back all at
 * once. */
void session_leave(struct session *session, int64_t now_us);

/* Starts the tasks that can start, and does what is due by the time; returns when it
 * must be called again at the latest. */
int64_t session_tick(struct session *session, int64_t now_us);
/* The next action; false: there is none. */
bool session_next(struct session *session, struct session_action *ret_action);

/* For HELLO: at most LEDGER_MAX entries, valid until the next event. */
const struct ledger_entry *session_ledger(struct session *session, uint32_t *ret_count);
/* For PING. */
const struct attempt_entry *session_running(struct session *session,
                                            uint32_t *ret_count);
bool session_leaving(const struct session *session);
/* The results that may be wrong: the lowest seq, and why; false: there are none. */
bool session_doubt(const struct session *session, uint64_t *ret_from,
                   const char **ret_text);
/* The ventilator hears it: what is said to it need not be said here. */
bool session_is_open(const struct session *session);
enum results_link session_link(const struct session *session);
struct id session_run(const struct session *session);
uint64_t session_epoch(const struct session *session);
const char *session_endpoint(const struct session *session);
/* The sink's public key there; empty: it needs none. */
struct slice session_endpoint_key(const struct session *session);
/* That endpoint cannot be reached from this host: the session turns to the next one, if
 * one is left. Whether it does. */
bool session_skip_endpoint(struct session *session);
uint64_t session_max_result(const struct session *session);
/* Of the input's records, as WELCOME names it; valid until the next event. */
struct slice session_format(const struct session *session);
/* Of the input, for the program to read before each chunk; valid until another run or
 * epoch begins, which kills all running tasks. */
struct slice session_header(const struct session *session);
/* How results are compressed on a link between hosts. */
enum payload_compression session_compression(const struct session *session);
/* The sink borrows results. */
bool session_lends(const struct session *session);
/* The sink takes results that are files. */
bool session_takes_parts(const struct session *session);
/* How many lines at the beginning of a result are a header. */
uint32_t session_header_out(const struct session *session);
/* A sentence on why it leaves; "": there is nothing to say. */
const char *session_exit_reason(const struct session *session);

enum session_waits {
    SESSION_WAITS_NOTHING,
    SESSION_WAITS_VENTILATOR,
    SESSION_WAITS_SINK,
    SESSION_WAITS_HELD, /* all tasks are done, and the sink has not confirmed them */
    SESSION_WAITS_TASKS,
};
/* For a line on stderr. */
enum session_waits session_waits(const struct session *session);
/* How many tasks have been done since the start. */
uint64_t session_finished(const struct session *session);

#endif
