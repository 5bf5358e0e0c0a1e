/* SPDX-License-Identifier: MIT */
/*
 * The messages of FANFOLD/2 in their decoded form: plain data, no I/O. PROTOCOL.md says
 * what each means and who may send it when. The cores take and give these; protocol.h
 * turns them into bytes and back.
 *
 * Slices (`struct slice`, and the arrays of a batch) are borrowed: a decoded message
 * borrows from the frame and the decoder, one to be encoded from the sender's memory.
 * Copy a slice to keep it.
 */
#ifndef FANFOLD_COMMON_PROTOCOL_MESSAGE_H
#define FANFOLD_COMMON_PROTOCOL_MESSAGE_H

#include "common/id.h"
#include "common/protocol/capability.h"
#include "common/range.h"
#include "common/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bounds of FANFOLD/2. A message that exceeds one is malformed. */
enum {
    PROTOCOL_VERSION = 2,
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
    BAD_TEXT_MAX_BYTES = 512,   /* bytes of the text about one */
    INPUT_MAX_BYTES = 255,      /* bytes of an input's fingerprint */
    SLOTS_MAX = 65535,
    ENDPOINTS_MAX = 16, /* results endpoints that a sink has */
    KEY_MAX_BYTES = 64, /* bytes of an endpoint's public key */
    CAPABILITIES_MAX = 64,
    CAPABILITY_MAX_BYTES = 32, /* bytes of its name */
    STATUS_MAX = 255,          /* an exit status */
    COMPRESSED_MAX = 64 << 20, /* bytes of a payload before it was compressed */
    LENT_MAX = 32,             /* bytes of a payload that names a loan */
    PART_MAX = 96,             /* of one that names a part */
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
    X(ISOLATE, 21)       \
    X(REFUSED, 22)       \
    X(UNKNOWN, 23)       \
    X(DRAIN, 24)         \
    X(DRAINED, 25)       \
    X(DOUBT, 26)         \
    X(STALLED, 27)

enum message_type {
#define X(name, number) MESSAGE_##name = number,
    MESSAGE_TYPES(X)
#undef X
};

/* Whether a worker's link to the sink is open. */
enum results_link { LINK_SHUT = 0, LINK_OPEN = 1, LINK_UNKNOWN = 2 };

enum entry_state { ENTRY_QUEUED = 0, ENTRY_RUNNING = 1, ENTRY_DONE = 2 };

/* How an attempt failed. */
enum failure {
    FAILURE_EXIT = 0,      /* code: the exit status */
    FAILURE_SIGNAL = 1,    /* code: the signal */
    FAILURE_TIMEOUT = 2,   /* code: 0 */
    FAILURE_MEMORY = 3,    /* code: 0: probably out of memory; FAILURE_MEMORY_LIMIT */
    FAILURE_PROTOCOL = 4,  /* code: 0, FAILURE_PROTOCOL_*; the program broke its mode's
                              rules */
    FAILURE_TOO_LARGE = 5, /* code: 0; the result is above the limit */
    FAILURE_REPORTED = 6,  /* code: the program's own; it said that it failed */
    FAILURE_KIND = 7,      /* code: the kind of task, which the worker does not know */
    FAILURE_LOST = 8, /* code: 0; it took workers down again and again (SKIP only) */
    FAILURE_REFERENCE = 9, /* code: 0; bytes that do not travel cannot be read where
                              they are: the chunk (FAILED), the result (REFUSED) */
};

/* Code of FAILURE_MEMORY: the worker killed the program, because it used more memory
 * than a slot may. */
enum { FAILURE_MEMORY_LIMIT = 1 };

/* Code of FAILURE_PROTOCOL: the program has never given the worker a byte, in any slot,
 * and would not in another attempt; more than BAD_MAX records of an ISOLATE are bad. */
enum { FAILURE_PROTOCOL_MUTE = 1, FAILURE_PROTOCOL_TOO_MANY = 2 };

enum outcome {
    OUTCOME_COMPLETE = 0,
    OUTCOME_STOPPED = 1,
    OUTCOME_INTERRUPTED = 2,
    OUTCOME_DOUBT = 3, /* stopped, and what is written may be wrong */
};

enum reject {
    REJECT_MALFORMED = 0,
    REJECT_VERSION = 1,
    REJECT_TAKEN = 2, /* there is a sink already */
    REJECT_STATE = 3, /* a run that this ventilator cannot continue */
    REJECT_TYPE = 4,  /* a type of message that this version does not have */
    REJECT_KEY = 5,   /* the key of the link is revoked, or not one of this role */
};

/* What the bytes of a task are. */
enum task_kind {
    TASK_BY_VALUE = 0,     /* the chunk */
    TASK_BY_REFERENCE = 1, /* where it is: reference.h */
};

/* How a reference names the file. */
enum reference_way {
    REFERENCE_NONE,   /* there is none */
    REFERENCE_OPENED, /* by a descriptor of the ventilator's */
    REFERENCE_NAMED,  /* by its path below a root */
};

/* How a payload is compressed. */
enum payload_compression {
    PAYLOAD_PLAIN = 0,
    PAYLOAD_ZSTD = 1,
    PAYLOAD_LZ4 = 2,
    PAYLOAD_COMPRESSION_MAX = PAYLOAD_LZ4,
    PAYLOAD_LENT = 3, /* of a RESULT: the payload names a loan, where the bytes are */
    PAYLOAD_PART = 4, /* likewise, a part: a file that has them */
};

/* Where results go; a worker tries one after the other. */
struct endpoint_entry {
    struct slice endpoint;
    struct slice key; /* the sink's public key there; empty: none is needed */
};

struct ledger_entry {
    uint64_t seq;
    uint32_t attempt;
    enum entry_state state;
};

struct task_entry {
    uint64_t seq;
    uint32_t attempt;
    uint32_t kind;    /* enum task_kind, or one of a later version */
    uint64_t length;  /* bytes of this chunk in the payload, where the chunks lie in the
                         order of the entries */
    uint64_t records; /* 0: not counted */
    uint32_t limit_ms; /* time limit; 0: none */
    struct slice mark;
};

/* A record that failed by itself. */
struct bad_record {
    uint64_t record; /* its number in the input, from 0 */
    uint64_t offset; /* of its first byte in the input */
    uint64_t length; /* bytes */
    enum failure cause;
    uint32_t code;
    struct slice text; /* the tail of stderr, or a reason */
};

struct result_entry {
    uint64_t seq;
    uint32_t attempt;
    uint64_t length;
    uint64_t run_us;
    struct slice mark;
    const struct bad_record *bad; /* records that became dead letters; ascending. Their
                                     bytes follow the result's in the payload */
    uint32_t bad_count;
};

/* Durations by the worker's monotonic clock. */
struct done_entry {
    uint64_t seq;
    uint32_t attempt;
    uint64_t waited_us; /* from TASK to the start */
    uint64_t run_us;    /* from the start to the end */
    uint64_t kept_us;   /* from the end to this message */
    uint32_t bad;       /* records that an ISOLATE found bad, or excepted */
    bool open; /* only the end of the program, which DRAINED tells, proves the result */
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
            enum results_link link;
            uint64_t program;     /* hash of mode and command; 0: not to be compared */
            struct slice command; /* for a person to read, cut to NAME_MAX_BYTES */
            struct id run;        /* of the ledger; zero where there is none */
            uint64_t epoch;
            const struct ledger_entry *ledger;
            uint32_t count;
            const struct capability *capabilities;
            uint32_t capability_count;
        } hello_worker;
        struct {
            uint32_t version;
            struct id incarnation;
            uint64_t nonce; /* higher than in any HELLO before it; from 1 */
            const struct endpoint_entry *endpoints; /* where workers reach it */
            uint32_t endpoint_count;                /* 1 .. ENDPOINTS_MAX */
            struct slice host;
            uint32_t pid;
            uint64_t max_result; /* bytes */
            bool finished;
            const struct capability *capabilities;
            uint32_t capability_count;
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
            struct slice header; /* of the input; the worker gives it to every chunk */
            /* The next six are for workers; zero and empty for the sink. */
            uint64_t session;
            uint64_t nonce;
            struct id run;
            uint64_t epoch;
            const struct endpoint_entry *endpoints; /* for results */
            uint32_t endpoint_count;
            uint64_t program;   /* of the run's first worker; 0: not known */
            struct slice input; /* to the sink: the source's fingerprint of its input */
            uint32_t header_out; /* lines at the beginning of each result that are a
                                    header: the output has those of the first one */
            const struct capability *capabilities;
            uint32_t capability_count;
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
            struct slice mark;  /* where the source resumes; empty at the start */
            struct slice input; /* fingerprint, as the run's first WELCOME gave it */
            const struct range *held;
            uint32_t count;
        } begin;
        struct {
            uint64_t session;
            const struct task_entry *entries;
            uint32_t count; /* 1 .. BATCH_MAX */
            enum payload_compression compression;
        } task;
        /* A task in which the worker searches for bad records, as far as it survives
         * them. */
        struct {
            uint64_t session;
            uint64_t seq;
            uint32_t attempt;
            uint32_t kind; /* enum task_kind */
            uint64_t length;
            uint64_t records;
            uint32_t limit_ms; /* of each run of a part of it */
            struct slice mark;
            uint64_t offset; /* of its first byte in the input */
            uint64_t record; /* the number of its first record, from 0 */
            uint32_t tries;  /* runs of a record alone until it is bad; at least 1 */
            bool probe; /* asks only whether the worker survives: DONE, and no RESULT */
            const struct range *except; /* records, from 0 in the chunk, that the worker
                                           does not run: they are bad; of a probe, they
                                           are not asked for */
            uint32_t count;
            enum payload_compression compression;
        } isolate;
        struct {
            struct id run;
            uint64_t epoch;
            struct id uuid; /* of the worker */
            const struct result_entry *entries;
            uint32_t count;
            enum payload_compression compression;
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
            uint64_t waited_us; /* as in a done_entry */
            uint64_t run_us;
            enum failure cause;
            uint32_t code;
            struct slice text; /* the tail of stderr, or a reason */
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
            enum failure cause;
            uint32_t code;
            struct slice text;
        } skip;
        struct {
            uint64_t epoch;
            uint64_t total;
            enum outcome outcome;
            uint32_t status;     /* the run's exit status as the ventilator knows it */
            struct slice header; /* of the input: the sink keeps it with dead letters */
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
            uint64_t session;       /* 0 from the sink, or where there is none */
            enum results_link link; /* LINK_OPEN from the sink */
            bool leaving;
            const struct attempt_entry *running;
            uint32_t count;
        } ping;
        /* A result that the sink does not take: the attempt has failed. */
        struct {
            uint64_t epoch;
            struct id uuid; /* of the worker */
            uint64_t seq;
            uint32_t attempt;
            uint64_t marked; /* the seq that its mark names; seq where it names none */
            enum failure cause;
            uint32_t code;
            struct slice text; /* what is wrong with it */
        } refused;
        struct {
            uint64_t type; /* of the message that its receiver does not know */
        } unknown;
        struct {
            uint64_t session;
        } drain;
        struct {
            uint64_t session;
        } drained;
        /* Results that were given, and may be wrong. */
        struct {
            uint64_t session;
            uint64_t from;     /* the lowest such seq */
            struct slice text; /* why */
        } doubt;
        /* A sink's, which is in its place, but waits for a file system. */
        struct {
            struct id incarnation; /* of the sink */
            uint64_t waited_ms;
            struct slice text; /* for what it waits */
        } stalled;
    };
};

/* "TASK"; "?" for a number that is no type. Static. */
const char *message_type_name(enum message_type type);

#endif
