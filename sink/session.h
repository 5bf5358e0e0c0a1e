/* SPDX-License-Identifier: MIT */
/*
 * The sink's core: its session with the ventilator, run and epoch, and around `reorder`
 * what is released, written and committed. Touches no socket, file or byte: results are
 * opaque cargo of the loop's.
 *
 * Released is given to the output; written is all of it there; committed is safe.
 * Without a journal written is committed.
 *
 * However the run ends, what is written is committed before the end is told: also when
 * a signal came or the output failed. Only when the journal itself fails
 * (sink_session_on_journal_failed) nothing more is.
 */
#ifndef FANFOLD_SINK_SESSION_H
#define FANFOLD_SINK_SESSION_H

#include "common/message.h"

struct sink_session;

/* What a journal keeps: where a sink that returns goes on. Without one, all zero but
 * `run`. Counts are of what is written. */
struct position {
    struct id run;
    struct id uid; /* of the ventilator that has this epoch */
    uint64_t epoch;
    uint64_t next; /* seq */
    uint64_t dead_letters;
    uint64_t failed; /* tasks that are dead letters, as a whole or in part */
    uint8_t mark[MARK_MAX];
    uint8_t mark_size;
    uint8_t input[INPUT_MAX_BYTES]; /* that the run began with */
    uint8_t input_size;
    bool finished; /* complete, and nothing is to follow */
};

struct sink_session_config {
    struct position position;
    bool ordered;
    bool journal; /* false: committed is the same as written, no SINK_COMMIT comes */
    int64_t liveness_us; /* until WELCOME says another */
    int64_t patience_us; /* how long to wait for a ventilator; < 0: 300 s once there was
                            one, no limit before */
};

enum sink_action_kind {
    SINK_CONNECT, /* close the DEALER if there is one, open it anew */
    SINK_HELLO,   /* nonce; finished from sink_session_finished */
    SINK_BEGIN,   /* uid; run, epoch, position, mark, input and held from
                     sink_session_position and _held */
    SINK_PING,
    SINK_PROGRESS, /* from sink_session_progress */
    SINK_WRITE,    /* seq, cargo: append it to the output; it is the loop's now */
    SINK_DROP,     /* cargo: not wanted any more */
    SINK_COMMIT,   /* make sink_session_position durable, then sink_session_on_committed
                      with `ticket` */
    SINK_FINISHED, /* outcome, status and text from sink_session_verdict */
    SINK_LEAVE,    /* the end: status from sink_session_verdict */
};

struct sink_action {
    enum sink_action_kind kind;
    struct id uid;
    uint64_t nonce;
    uint64_t seq;
    uint64_t ticket;
    void *cargo;
};

struct sink_verdict {
    enum outcome outcome;
    int status;
    bool relayed; /* the ventilator ended the run, and has said why */
    char text[512];
};

struct sink_progress {
    uint64_t epoch;
    const struct range *held; /* newly; valid until the next event */
    uint32_t count;
    uint64_t released; /* written in full */
    uint64_t committed;
    uint64_t parked;
    uint64_t failed; /* tasks before `released` with dead letters */
};

struct sink_session *sink_session_new(const struct sink_session_config *config,
                                      int64_t now_us);
void sink_session_destroy(struct sink_session **session_p, void (*drop)(void *cargo));

/* From the ventilator, every message but SKIP, which has cargo. */
void sink_session_on_message(struct sink_session *session,
                             const struct message *message, int64_t now_us);
/* One entry of a RESULT. True: taken, cargo too. False: of another run or epoch, or
 * here before, also as a SKIP; the cargo is still the caller's. The mark is copied. Its
 * bad records are dead letters, as many as bad_count, once it is written. */
bool sink_session_on_result(struct sink_session *session, const struct id *run,
                            uint64_t epoch, const struct result_entry *entry,
                            void *cargo);
/* A SKIP, which is a result without a byte and with one dead letter; outcomes as with
 * sink_session_on_result. */
bool sink_session_on_skip(struct sink_session *session, const struct message *message,
                          void *cargo, int64_t now_us);
/* Everything that was given out up to and with `seq` is written; in the order of
 * SINK_WRITE. */
void sink_session_on_written(struct sink_session *session, uint64_t seq,
                             int64_t now_us);
void sink_session_on_committed(struct sink_session *session, uint64_t ticket,
                               int64_t now_us);
/* No SINK_COMMIT will be answered any more: give up with STATUS_IO, unless it gives up
 * already for a reason of its own. */
void sink_session_on_journal_failed(struct sink_session *session, const char *text,
                                    int64_t now_us);
/* The output or the disk failed, its reader went away, or a signal came: give up,
 * commit what is written, tell the ventilator, leave. The first call counts. */
void sink_session_fail(struct sink_session *session, enum outcome outcome, int status,
                       const char *text, int64_t now_us);

int64_t sink_session_tick(struct sink_session *session, int64_t now_us);
bool sink_session_next(struct sink_session *session, struct sink_action *ret_action);

/* The position as far as it is written. */
struct position sink_session_position(const struct sink_session *session);
/* All that it holds beyond the position. */
const struct range *sink_session_held(struct sink_session *session,
                                      uint32_t *ret_count);
/* What is new since the last call. */
struct sink_progress sink_session_progress(struct sink_session *session);
struct sink_verdict sink_session_verdict(const struct sink_session *session);
/* GOODBYE came: what the journal says is not needed any more if all is finished. */
bool sink_session_dismissed(const struct sink_session *session);
/* All is written and committed. */
bool sink_session_finished(const struct sink_session *session);
/* Has a ventilator? For a line on stderr. */
bool sink_session_welcomed(const struct sink_session *session);
/* Results of its run and epoch are taken: since its first WELCOME, which says how they
 * are to be written. */
bool sink_session_takes(const struct sink_session *session);
/* The cargo that will be needed last of those parked, for spilling. */
void *sink_session_last_parked(const struct sink_session *session,
                               bool (*wanted)(const void *cargo));
/* Results that had to wait for an older one, ever. */
uint64_t sink_session_parked_ever(const struct sink_session *session);
/* Lines at the beginning of a result that are a header. Nothing is to be written before
 * that is known. */
uint32_t sink_session_header_out(const struct sink_session *session);
/* Bytes of parked results that WELCOME allows in memory; 0: not said. */
uint64_t sink_session_buffer(const struct sink_session *session);

#endif
