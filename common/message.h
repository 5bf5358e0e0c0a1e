/* SPDX-License-Identifier: MIT */
/*
 * The messages of FANFOLD/1 in their decoded form: plain data, no I/O. PROTOCOL.md says
 * what each means and who may send it when. The cores take and give these; protocol.h
 * turns them into bytes and back.
 *
 * Slices (`struct slice`, and the arrays of a batch) are borrowed: from the frame and
 * the decoder for a message that was decoded, from the sender's memory for one that is
 * to be encoded. Who wants to keep one copies it.
 */
#ifndef FANFOLD_COMMON_MESSAGE_H
#define FANFOLD_COMMON_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bounds of FANFOLD/1. Whoever exceeds one is malformed. */
enum {
    PROTOCOL_VERSION = 1,
    HEADER_MAX = 2 << 20, /* bytes of frame 0 */
    BATCH_MAX = 4096,     /* entries of TASK, RESULT, DONE, RETURNED, FORGET */
    LEDGER_MAX = 65536,   /* entries of HELLO's ledger and of PING's running attempts */
    RANGES_MAX = 65536,   /* ranges in BEGIN and PROGRESS */
    MARK_MAX = 255,       /* bytes of a mark */
    NAME_MAX_BYTES = 255, /* bytes of a host name, an endpoint */
    FORMAT_MAX_BYTES = 1024,    /* bytes of a record format */
    TEXT_MAX_BYTES = 4096,      /* bytes of a reason, of the tail of stderr */
    RECORDS_HEADER_MAX = 65536, /* bytes of the input's header in WELCOME */
    BAD_MAX = 2048,             /* bad records named in one RESULT entry */
    BAD_TEXT_MAX_BYTES = 512,   /* bytes of what is said of one */
    INPUT_MAX_BYTES = 255,      /* bytes of what names an input */
    SLOTS_MAX = 65535,
    STATUS_MAX = 255,    /* an exit status */
    WINDOW_MAX = 131072, /* tasks; half of it is RANGES_MAX, the worst that a sink can
                            hold in ranges */
};

/* X(NAME, number on the wire) */
#define MESSAGE_TYPES(X) \
    X(HELLO_WORKER, 1)   \
    X(HELLO_SINK, 2)     \
    X(WELCOME, 3)        \
    X(REJECT, 4)         \
    X(BEGIN, 5)          \
    X(WHO, 6)            \
    X(TASK, 7)           \
    X(RESULT, 8)         \
    X(DONE, 9)           \
    X(FAILED, 10)        \
    X(RETURNED, 11)      \
    X(FORGET, 12)        \
    X(PROGRESS, 13)      \
    X(SKIP, 14)          \
    X(END, 15)           \
    X(FINISHED, 16)      \
    X(STOP, 17)          \
    X(GOODBYE, 18)       \
    X(PING, 19)          \
    X(PONG, 20)          \
    X(ISOLATE, 21)

enum message_type {
#define X(name, number) MESSAGE_##name = number,
    MESSAGE_TYPES(X)
#undef X
};

/* A 128-bit random name: of a run, a ventilator, a worker, an incarnation of a sink. */
struct id {
    uint8_t bytes[16];
};

struct slice {
    const uint8_t *data;
    size_t size;
};

struct slice slice_of_text(const char *text);
/* Into a string, cut where it has not the room. */
void slice_copy_text(struct slice slice, char *to, size_t size);
/* The name of the input, of several, that a mark says a chunk is of; empty: none. Lies
 * in the mark. */
struct slice mark_input(struct slice mark);
bool id_equal(const struct id *a, const struct id *b);

/* [first, first + count) */
struct range {
    uint64_t first;
    uint64_t count;
};

/* Whether a worker's way to the sink is open. */
enum way { WAY_SHUT = 0, WAY_OPEN = 1, WAY_UNKNOWN = 2 };

enum entry_state { ENTRY_QUEUED = 0, ENTRY_RUNNING = 1, ENTRY_DONE = 2 };

/* How an attempt failed. */
enum failure {
    FAILURE_EXIT = 0,      /* code: the exit status */
    FAILURE_SIGNAL = 1,    /* code: the signal */
    FAILURE_TIMEOUT = 2,   /* code: 0 */
    FAILURE_MEMORY = 3,    /* code: 0: probably out of memory; FAILURE_MEMORY_LIMIT */
    FAILURE_PROTOCOL = 4,  /* code: 0, FAILURE_PROTOCOL_MUTE; the program broke its
                              mode's rules */
    FAILURE_TOO_LARGE = 5, /* code: 0; the result is above the limit */
    FAILURE_REPORTED = 6,  /* code: the program's own; it said that it failed */
    FAILURE_LOST =
        7, /* code: 0; workers were lost with it, again and again (SKIP only) */
};

/* Code of FAILURE_MEMORY: killed by the worker, because its slot used more than one may
 * there. */
enum { FAILURE_MEMORY_LIMIT = 1 };

/* Code of FAILURE_PROTOCOL: the program has never given the worker a byte, in no slot,
 * and would not in another attempt. */
enum { FAILURE_PROTOCOL_MUTE = 1 };

enum outcome { OUTCOME_COMPLETE = 0, OUTCOME_STOPPED = 1, OUTCOME_INTERRUPTED = 2 };

enum reject {
    REJECT_MALFORMED = 0,
    REJECT_VERSION = 1,
    REJECT_TAKEN = 2, /* there is a sink already */
    REJECT_STATE = 3, /* a run that this ventilator cannot go on with */
};

struct ledger_entry {
    uint64_t seq;
    uint32_t attempt;
    enum entry_state state;
};

struct task_entry {
    uint64_t seq;
    uint32_t attempt;
    uint64_t length;   /* bytes of the payload that are this chunk's; entries lie one
                          after the other */
    uint64_t records;  /* 0: not counted */
    uint32_t limit_ms; /* time limit; 0: none */
    struct slice mark;
};

/* A record that failed by itself. */
struct bad_record {
    uint64_t record; /* its number in the input, from 0 */
    uint64_t offset; /* of its first byte in the input */
    uint64_t length; /* bytes */
    enum failure how;
    uint32_t code;
    struct slice text; /* the tail of stderr, or what is to be said */
};

struct result_entry {
    uint64_t seq;
    uint32_t attempt;
    uint64_t length;
    uint64_t run_us;
    struct slice mark;
    const struct bad_record *bad; /* that became dead letters; ascending. Their bytes
                                     follow the result's in the payload */
    uint32_t bad_count;
};

struct done_entry {
    uint64_t seq;
    uint32_t attempt;
    uint64_t run_us;
};

/* Names an attempt: RETURNED, FORGET, and those that run in PING. */
struct attempt_entry {
    uint64_t seq;
    uint32_t attempt;
};

struct message {
    enum message_type type;
    union {
        struct {
            uint32_t version;
            struct id uuid;
            uint64_t nonce;
            struct slice host;
            uint32_t pid;
            uint32_t slots; /* 1 .. SLOTS_MAX */
            enum way way;
            uint64_t program;     /* hash of mode and command */
            struct slice command; /* as a person would read it, cut to NAME_MAX_BYTES */
            struct id run;        /* of the ledger; zero where there is none */
            uint64_t epoch;
            const struct ledger_entry *ledger;
            uint32_t count;
        } hello_worker;
        struct {
            uint32_t version;
            struct id incarnation;
            uint64_t nonce;        /* higher than in any HELLO before it; from 1 */
            struct slice endpoint; /* where workers reach it */
            struct slice host;
            uint32_t pid;
            uint64_t max_result; /* bytes */
            bool finished;
        } hello_sink;
        struct {
            uint32_t version;
            struct id uid; /* of the ventilator */
            uint32_t heartbeat_ms;
            uint32_t liveness_ms;
            uint64_t max_result; /* bytes */
            uint64_t buffer; /* to the sink: bytes of parked results that it may keep in
                                memory */
            struct slice format; /* of the input's records */
            struct slice header; /* of the input, given to every chunk */
            uint64_t
                session; /* from here on for workers; zero and empty for the sink */
            uint64_t nonce;
            struct id run;
            uint64_t epoch;
            struct slice endpoint; /* for results */
            uint64_t program;      /* of the run's first worker; 0: not known */
            struct slice input;    /* to the sink: which input this is; the source's */
            uint32_t header_out;   /* lines at the beginning of each result that are a
                                      header: the output has those of the first one */
        } welcome;
        struct {
            enum reject reason;
            struct slice text;
        } reject;
        struct {
            struct id uid; /* of the ventilator that it answers */
            struct id run;
            uint64_t epoch;
            uint64_t position;  /* the first seq that is not released */
            struct slice mark;  /* where the source goes on; empty at the start */
            struct slice input; /* that the run began with, as WELCOME said it then */
            const struct range *held;
            uint32_t count;
        } begin;
        struct {
            uint64_t session;
            const struct task_entry *entries;
            uint32_t count; /* 1 .. BATCH_MAX */
        } task;
        /* A task whose bad records are to be found: by the worker, as far as it
         * survives them. */
        struct {
            uint64_t session;
            uint64_t seq;
            uint32_t attempt;
            uint64_t length;
            uint64_t records;
            uint32_t limit_ms; /* of each run of a part of it */
            struct slice mark;
            uint64_t offset; /* of its first byte in the input */
            uint64_t record; /* the number of its first record, from 0 */
            uint32_t tries;  /* of a record alone, before it is bad; at least 1 */
            bool probe; /* only whether it is survived matters: DONE, and no RESULT */
            const struct range *except; /* records, from 0 in the chunk, that are not to
                                           be run: they are bad; for a probe, not asked
                                           for */
            uint32_t count;
        } isolate;
        struct {
            struct id run;
            uint64_t epoch;
            const struct result_entry *entries;
            uint32_t count;
        } result;
        struct {
            uint64_t session;
            const struct done_entry *entries;
            uint32_t count;
        } done;
        struct {
            uint64_t session;
            uint64_t seq;
            uint32_t attempt;
            uint64_t run_us;
            enum failure how;
            uint32_t code;
            struct slice text; /* the tail of stderr, or what is to be said */
        } failed;
        struct {
            uint64_t session;
            const struct attempt_entry *entries;
            uint32_t count;
        } returned;
        struct {
            uint64_t session;
            bool only_queued; /* "only if it has not started" */
            const struct attempt_entry *entries;
            uint32_t count;
        } forget;
        struct {
            uint64_t epoch;
            const struct range *held; /* newly */
            uint32_t count;
            uint64_t released;  /* the first seq that is not written */
            uint64_t committed; /* the first seq that is not committed */
            uint64_t bytes;     /* written so far */
            uint64_t parked;    /* results that ever had to wait for an older one */
            uint64_t failed;    /* tasks before `released` that are dead letters, as a
                                   whole or in part */
        } progress;
        struct {
            uint64_t epoch;
            uint64_t seq;
            uint64_t length;  /* of the chunk, which is the payload */
            uint64_t offset;  /* of its first byte in the input */
            uint64_t record;  /* the number of its first record, from 0 */
            uint64_t records; /* 0: not counted, and `record` says nothing */
            struct slice mark;
            uint32_t attempts; /* that failed or were lost */
            enum failure how;
            uint32_t code;
            struct slice text;
        } skip;
        struct {
            uint64_t epoch;
            uint64_t total;
            enum outcome outcome;
            uint32_t status;     /* the run's exit status as the ventilator knows it */
            struct slice header; /* of the input: to be kept with dead letters */
        } end;
        struct {
            uint64_t epoch;
            enum outcome outcome;
            uint32_t status;
            struct slice text; /* the reason, where the sink gave up */
            uint64_t dead_letters;
            uint64_t bytes;
        } finished;
        struct {
            enum outcome outcome;
            struct slice text;
        } stop;
        struct {
            uint64_t session; /* 0 between ventilator and sink */
        } goodbye;
        struct {
            uint64_t session; /* 0 from the sink, or where there is none */
            enum way way;     /* WAY_OPEN from the sink */
            bool leaving;
            const struct attempt_entry *running;
            uint32_t count;
        } ping;
    };
};

/* "TASK"; "?" for a number that is no type. Static. */
const char *message_type_name(enum message_type type);

#endif
