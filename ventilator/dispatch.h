/* SPDX-License-Identifier: MIT */
/*
 * The one brain. Knows every task from cut to committed: with whom, since when, which
 * attempt; every worker's session and its free places; the window; what failed and what
 * it was charged. Knows no socket, no payload, no clock.
 *
 * Events go in (messages as they were decoded, chunks as they were cut, the time).
 * Actions come out of dispatch_next, in the order in which they are to be done, after
 * any event and after dispatch_tick. Peers are numbers: the ROUTER gives each
 * connection a new one.
 */
#ifndef FANFOLD_VENTILATOR_DISPATCH_H
#define FANFOLD_VENTILATOR_DISPATCH_H

#include "common/message.h"

struct dispatch;

/* What follows when a chunk has failed, or was lost, as often as it may. */
enum on_error {
    ON_ERROR_STOP,    /* the run stops */
    ON_ERROR_SKIP,    /* the chunk is a dead letter, the run goes on */
    ON_ERROR_ISOLATE, /* its bad records are found, and only they are dead letters */
};

/* After how many tasks with dead letters the run stops all the same. */
struct halt {
    enum { HALT_NEVER, HALT_SOON, HALT_NOW } when; /* soon: what runs is finished */
    uint64_t tasks;                                /* so many; 0: by percent */
    uint32_t percent; /* of the tasks that are released, once 3 of them failed */
};

struct dispatch_config {
    struct id uid;   /* this ventilator's */
    uint32_t window; /* tasks ahead of released; 0: 4096, or 4 a slot if that is more */
    uint64_t buffer_bytes; /* the ventilator's share; over it nothing new is cut */
    uint64_t block_bytes;  /* nominal size of a chunk: the share is never below two of
                              them a slot */
    bool block_auto; /* dispatch_block says the size; block_bytes is the most it may be,
                        and two of what it says a slot stay within the share */
    bool
        keeps_bytes; /* a chunk's bytes stay in memory until it is committed (a stream),
                        or until it is sent (a file, which can be read again) */
    uint32_t retries; /* attempts that a chunk may fail; 0: no limit */
    uint32_t losses;  /* attempts that may be lost with their workers; 0: no limit */
    int64_t liveness_us;
    enum on_error on_error;
    struct halt halt;
    uint32_t limit_ms;      /* an attempt may run so long; 0: as long as it takes */
    uint32_t limit_percent; /* or so long, of the median run time; 0: not said */
    bool speculate;  /* a copy of a task that runs long goes to a slot that is free */
    bool resume;     /* the sink may begin where an earlier run stood */
    bool tells_ends; /* see dispatch_next_end */
    bool awaits_header;   /* workers are not welcomed before dispatch_on_header */
    uint32_t min_workers; /* before the first task; at least 1 */
    int64_t patience_us;  /* how long to wait for anybody; < 0: 300 s once there was
                             somebody, no limit before */
};

enum dispatch_action_kind {
    DISPATCH_WELCOME_SINK, /* peer */
    DISPATCH_WELCOME,      /* peer, session, nonce; run and epoch from dispatch_run,
                              dispatch_epoch */
    DISPATCH_REJECT,       /* peer, reason */
    DISPATCH_WHO,          /* peer */
    DISPATCH_PONG,         /* peer */
    DISPATCH_TASK, /* peer, session, seq, attempt, limit_ms; lowest seq first, runs of
                      one session follow each other */
    DISPATCH_ISOLATE, /* the same; and see dispatch_isolation */
    DISPATCH_FORGET,  /* peer, session, seq, attempt, only_queued */
    DISPATCH_START,   /* cutting may begin: seq is the position, dispatch_mark the place
                         in the input that dispatch_input names */
    DISPATCH_DISCARD, /* seq is committed: the loop may drop what it keeps of it */
    DISPATCH_SKIP,    /* peer (the sink), seq: given up, see dispatch_skipped */
    DISPATCH_END,     /* peer (the sink), seq: the total */
    DISPATCH_STOP,    /* peer (a worker) */
    DISPATCH_GOODBYE, /* peer (the sink): the run is over */
    DISPATCH_FAREWELL, /* peer (a worker): the answer to its GOODBYE */
    DISPATCH_OVER,     /* nothing is on the books and everybody was told: leave with
                          dispatch_verdict */
};

struct dispatch_action {
    enum dispatch_action_kind kind;
    uint32_t peer;
    uint64_t session;
    uint64_t nonce;
    uint64_t seq;
    uint32_t attempt;
    uint32_t limit_ms;
    bool only_queued;
    enum reject reason;
};

/* How the bad records of a task are to be found in its next attempt. */
struct isolation {
    uint32_t tries; /* of a record alone */
    bool probe;
    const struct range *except; /* valid until the next event */
    uint32_t count;
};

/* How the run ended, or is about to. */
struct verdict {
    enum outcome outcome;
    int status;      /* enum exit_status */
    bool relayed;    /* the text is another program's, which has said it already */
    char text[1024]; /* the reason for a person; empty: nothing to say */
};

/* Why a chunk was given up: the loop, which knows bytes and records, makes the sentence
 * or the dead letter of it. */
struct dispatch_failure {
    uint64_t seq;
    uint32_t attempts; /* that failed or were lost */
    enum failure how;
    uint32_t code;
    uint32_t text_size;
    uint8_t text[TEXT_MAX_BYTES]; /* the tail of stderr; not terminated */
};

/* How a task ended: one for each that failed for good, or whose result the sink holds.
 * Strings live as long as dispatch. */
struct dispatch_end {
    uint64_t seq;
    uint64_t length;  /* bytes of the chunk */
    int64_t ended_us; /* when its last attempt was heard to have ended */
    uint64_t run_us;  /* that attempt's; 0: its worker was lost before it could say */
    bool well;        /* else how and code are valid, as in FAILED */
    enum failure how;
    uint32_t code;
    const char
        *host; /* of the worker of that attempt, by its own word; "": not known */
    const char *command; /* that it runs; likewise */
};

/* Counts since the start; see dispatch_counts. */
struct dispatch_counts {
    uint64_t cut, released, committed; /* seqs */
    uint64_t sent;                     /* attempts */
    uint64_t done, failed, returned;   /* attempts */
    uint64_t retried; /* attempts at what had failed or was lost before */
    uint64_t adopted; /* attempts that moved over to a new session from a ledger */
    uint64_t lost_sessions;
    uint64_t given_up;              /* tasks that are dead letters as a whole */
    uint64_t dead;                  /* tasks with dead letters, as the sink says */
    uint64_t speculated;            /* attempts that were copies */
    uint64_t bytes_written;         /* as the sink says */
    uint64_t parked;                /* as the sink says */
    uint32_t sessions, slots, busy; /* now */
};

struct dispatch *dispatch_new(const struct dispatch_config *config, int64_t now_us);
void dispatch_destroy(struct dispatch **dispatch_p);

/* A decoded message. Slices are copied where they are kept. Types that no ventilator is
 * sent are answered with REJECT. */
void dispatch_on_message(struct dispatch *dispatch, uint32_t peer,
                         const struct message *message, int64_t now_us);
/* False: a type that no ventilator is sent. */
bool dispatch_hears(enum message_type type);
/* What came could not be decoded, or is a type that no ventilator is sent. */
void dispatch_on_malformed(struct dispatch *dispatch, uint32_t peer);
/* A send to the peer failed: it is gone. May be called between two calls of
 * dispatch_next. */
void dispatch_on_unreachable(struct dispatch *dispatch, uint32_t peer, int64_t now_us);

/* How many chunks may be cut now; 0: none. To be asked again after each cut, as the
 * budget counts bytes. */
uint32_t dispatch_wants(const struct dispatch *dispatch);
/* How long the next chunk should be, where the config leaves that open (else 0), with
 * so much of the input not cut yet (0: nobody knows). To be asked before
 * dispatch_wants.
 */
uint64_t dispatch_block(struct dispatch *dispatch, uint64_t rest);
/* The next chunk was cut; returns its seq. */
uint64_t dispatch_on_cut(struct dispatch *dispatch, uint64_t length, uint64_t records,
                         int64_t now_us);
/* The input has ended in good order: what was cut is all. */
void dispatch_on_input_end(struct dispatch *dispatch);
/* The input has failed: what was cut is all that there will be. When it is done, the
 * run ends as dispatch_stop says, as stopped. */
void dispatch_on_input_failure(struct dispatch *dispatch, int status, const char *text);
/* What workers are told of the input is known, where they have to wait for it. */
void dispatch_on_header(struct dispatch *dispatch, int64_t now_us);
/* The run is to end: a chunk is lost (STOPPED, STATUS_IO), a signal came (INTERRUPTED,
 * 128 + n). The first call counts. */
void dispatch_stop(struct dispatch *dispatch, enum outcome outcome, int status,
                   const char *text, int64_t now_us);

/* The run is to end in good order (the first SIGINT, --halt soon): nothing more is cut
 * or begun, what was given out is finished, and then as dispatch_stop says. The first
 * call counts; dispatch_stop after it ends the run at once. */
void dispatch_drain(struct dispatch *dispatch, enum outcome outcome, int status,
                    const char *text);

/* Gives out what can be given out, minds the time; returns when it must be called again
 * at the latest. Called once an iteration, after the events. */
int64_t dispatch_tick(struct dispatch *dispatch, int64_t now_us);

/* The next action; false: there is none. */
bool dispatch_next(struct dispatch *dispatch, struct dispatch_action *ret_action);

/* The next end of a task, where config.tells_ends; false: none since the last one. To
 * be asked once an iteration, the last time after DISPATCH_OVER. */
bool dispatch_next_end(struct dispatch *dispatch, struct dispatch_end *ret_end);

/* The run and epoch that BEGIN gave; zero before. */
struct id dispatch_run(const struct dispatch *dispatch);
uint64_t dispatch_epoch(const struct dispatch *dispatch);
/* The hash of mode and command of the first worker; 0 before. */
uint64_t dispatch_program(const struct dispatch *dispatch);
/* The results endpoint of the sink that began; "" before. */
const char *dispatch_endpoint(const struct dispatch *dispatch);
/* The largest result that the sink takes, bytes; 0 before. */
uint64_t dispatch_max_result(const struct dispatch *dispatch);
struct slice dispatch_mark(const struct dispatch *dispatch);
/* The input that the run began with, as the sink's journal has it. */
struct slice dispatch_input(const struct dispatch *dispatch);
/* Of a DISPATCH_ISOLATE; valid until the next event. */
struct isolation dispatch_isolation(struct dispatch *dispatch, uint64_t seq);
/* Why the task of a DISPATCH_SKIP was given up; borrowed until the next event. NULL:
 * the sink has settled it meanwhile, and it is not to be said. */
const struct dispatch_failure *dispatch_skipped(const struct dispatch *dispatch,
                                                uint64_t seq);
struct verdict dispatch_verdict(const struct dispatch *dispatch);
/* NULL unless a chunk that failed for good stopped the run (STATUS_CHUNK_FAILED). */
const struct dispatch_failure *dispatch_failure(const struct dispatch *dispatch);
struct dispatch_counts dispatch_counts(const struct dispatch *dispatch);
/* For the progress of a run: whether BEGIN has come; sessions that there are. */
bool dispatch_begun(const struct dispatch *dispatch);
/* The heartbeat that WELCOME states, slower with thousands of workers. */
uint32_t dispatch_heartbeat_ms(const struct dispatch *dispatch);

#endif
