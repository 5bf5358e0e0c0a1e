/* SPDX-License-Identifier: MIT */
/* What the files of the sink's loop share: writing.c (results and dead letters out),
 * saving.c (commits), ending.c (every way to the end), and sink.c, the loop itself. */
#ifndef FANFOLD_SINK_SINK_STATE_H
#define FANFOLD_SINK_SINK_STATE_H

#include "common/records.h"
#include "sink/heading.h"
#include "sink/parts.h"
#include "sink/session.h"

enum { ERROR_MAX = 1024 };

struct sink {
    const struct sink_options *options;
    struct parts parts;
    struct sink_session *session;
    struct id incarnation;
    uint64_t output_bytes; /* kept when the output is closed */
    bool output_ended;     /* closed or failed: nothing more is written */
    bool output_lost;      /* it has its name no more: nobody can go on with it */
    bool output_as_found;  /* has bytes that an earlier sink left, and no others */
    struct heading heading;
    uint64_t letters;         /* dead letters that there are, the journal's included */
    uint64_t letters_ordered; /* those that were given to a commit */
    struct record_format format; /* of the input's records, as WELCOME says */
    uint8_t *header;             /* of the input, header_size bytes, as END says; NULL:
                                    none, or not known yet */
    size_t header_size;
    bool header_kept;   /* with the dead letters */
    uint64_t safe_next; /* seq and byte of the output that the journal has */
    uint64_t safe_offset;
    bool journal_ended;       /* failed: nothing more is committed */
    bool failed;              /* sink_session_fail was called */
    int signalled;            /* the last signal that came; 0: none */
    bool stirred;             /* the session heard something since its last tick */
    int64_t hint_at_us;       /* NEVER_US: said, or not wanted */
    struct sink_verdict late; /* what close said, when the session was done; status 0:
                                 nothing */
    bool over;
    int status; /* valid when over */
};

/* ---- writing.c ---- */

/* Dead letters are written here and now, the rest is the output's. */
void sink_write_parcel(struct sink *sink, struct parcel *parcel, int64_t now_us);
/* What the input's records are, for who runs dead letters again. */
void sink_take_format(struct sink *sink, const struct message *welcome);
/* The input's header, which END brings: it is kept with the dead letters, as they are
 * without it. */
void sink_take_header(struct sink *sink, const struct message *end, int64_t now_us);
/* What the output takes now. */
void sink_write_output(struct sink *sink, int64_t now_us);
void sink_check_output(struct sink *sink, int64_t now_us);
/* Over its share of memory parcels go to the spill file. */
void sink_relieve_memory(struct sink *sink, int64_t now_us);

/* ---- saving.c ---- */

void sink_commit(struct sink *sink, uint64_t ticket, int64_t now_us);
void sink_receive_commits(struct sink *sink, int64_t now_us);

/* ---- ending.c ---- */

void sink_leave(struct sink *sink, int status);
void sink_fail(struct sink *sink, int status, const char *text, int64_t now_us);
/* `error` is that of a write. */
void sink_fail_output(struct sink *sink, int error, int64_t now_us);
/* Of a run that did not finish: what was not written in full is cut off, what is empty
 * taken away. */
void sink_abandon_output(struct sink *sink);
/* The output is closed, and what comes of that is the last word. */
struct sink_verdict sink_end_output(struct sink *sink);
/* Says to the person what is to be said, and is over. */
void sink_leave_with_verdict(struct sink *sink);
/* Once nothing commits any more: a journal that has served its turn is removed. */
void sink_end_journal(struct sink *sink);

#endif
