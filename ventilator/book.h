/* SPDX-License-Identifier: MIT */
/*
 * The book of tasks: every task from cut to committed, and every attempt at one that
 * somebody has. Pure data; the rules are dispatch's.
 *
 * Invariant: an attempt is on its task's list and on its session's list, or on neither.
 */
#ifndef FANFOLD_VENTILATOR_BOOK_H
#define FANFOLD_VENTILATOR_BOOK_H

#include "common/message.h"
#include "ventilator/search.h"
#include <sys/queue.h>

struct crew_session;
struct dispatch_failure;

enum task_state {
    TASK_QUEUED, /* to be sent; some attempt may be with a worker that is not trusted */
    TASK_OUT,    /* with a worker */
    TASK_HELD,   /* the sink has its result */
    TASK_GIVEN_UP, /* it failed for good; the sink has not said yet that it knows */
};

struct attempt {
    LIST_ENTRY(attempt) of_task;
    TAILQ_ENTRY(attempt) of_session;
    struct crew_session *session;
    uint64_t seq;
    uint32_t number;
    int64_t sent_us;
    bool at_once;       /* a slot was free when it was sent */
    int64_t missing_us; /* a slot was free for it by then, and it was not there yet; 0:
                           not seen */
    bool running;       /* as the worker's last PING said */
    bool was_running;   /* as the one before it did; while a PING is read */
    int64_t running_us; /* since when; valid while it runs */
    uint32_t limit_ms;  /* that it was sent with; 0: none */
    bool called_back;
    bool isolates;   /* it is to find bad records */
    bool probe;      /* only whether it is survived matters; it isolates, too */
    bool alone;      /* its worker is given nothing beside it */
    bool done;       /* the worker says so; nobody holds its result yet */
    int64_t done_us; /* when it said so; valid while done */
};

/* The last attempt at a task that ended, where ends are told. */
struct task_run {
    int64_t ended_us; /* when that was heard */
    uint64_t run_us;
    uint32_t worker; /* crew's number; 0: not known */
    bool well;       /* else how and code are valid */
    enum failure how;
    uint32_t code;
};

LIST_HEAD(attempt_list, attempt);
TAILQ_HEAD(attempt_queue, attempt);

struct task {
    struct attempt_list open; /* the attempts that workers have */
    uint64_t length;          /* bytes of the chunk */
    uint64_t records;         /* in it; 0: not counted */
    uint32_t attempts;        /* the number of the last one */
    uint32_t fails;           /* attempts charged to it as failed */
    uint32_t losses;          /* attempts charged to it as lost with their workers */
    uint32_t failed_by; /* crew's number of the worker that failed it last; 0: none */
    struct search *search; /* for records that take workers down; NULL: none */
    struct dispatch_failure *failure; /* why it was given up; NULL: it was not. Kept
                                         when it is held: a sink may lose that again */
    enum task_state state;
    bool handed_back; /* its last attempt was, unbegun: the next is no retry */
    bool listed;      /* among those to be sent again */
    bool told;        /* its end was */
    struct task_run run;
};

struct book {
    struct task *tasks; /* a ring by seq */
    uint64_t capacity;  /* a power of two */
    uint64_t first;     /* the first seq on the book: all before it are committed */
    uint64_t cut;       /* the next seq to be cut */
    uint64_t fresh;     /* the first seq that was never sent */
    uint64_t *again; /* a heap, lowest first, of queued seqs before fresh; may name some
                        that are not any more */
    size_t again_count, again_capacity;
};

void book_init(struct book *book);
void book_deinit(struct book *book);
/* Begins at `position`; the book must be empty. */
void book_begin(struct book *book, uint64_t position);

/* NULL: not on the book. Borrowed until the next book_add. */
struct task *book_find(const struct book *book, uint64_t seq);
/* It is still to be done, or somebody is at it; NULL: it is not on the book. */
bool task_is_wanted(const struct task *task);
/* A new task at the end, queued; returns its seq. */
uint64_t book_add(struct book *book, uint64_t length, uint64_t records);
/* Takes the first task off; nobody may have an attempt at it. */
void book_remove_first(struct book *book);

/* A task that was sent is to be sent (again). */
void book_requeue(struct book *book, uint64_t seq);
/* The lowest seq that is to be sent again, off the heap; false: none. */
bool book_take_again(struct book *book, uint64_t *ret_seq);

/* The attempt at `seq` that `session` has; NULL: it has none. */
struct attempt *book_attempt(const struct book *book, uint64_t seq,
                             const struct crew_session *session);

#endif
