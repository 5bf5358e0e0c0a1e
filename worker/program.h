/* SPDX-License-Identifier: MIT */
/*
 * The user's program in its slots. All user code runs under the keeper, a process of
 * its own that is forked by program_open, before any socket exists; what is here starts
 * tasks in slots, moves their bytes and says how they ended. It decides nothing: which
 * task goes where, and what is tried again, is the session's.
 *
 * Events come by callback, only from within program_handle. Nothing here blocks.
 */
#ifndef FANFOLD_WORKER_PROGRAM_H
#define FANFOLD_WORKER_PROGRAM_H

#include "common/message.h"
#include <stdint.h>
#include <zmq.h>

struct program;

enum program_mode {
    PROGRAM_EXEC,   /* a process a chunk */
    PROGRAM_PLUGIN, /* a shared object, prepared once and forked to the slots */
    PROGRAM_LINES,  /* a process a slot, that answers each line with one line */
    PROGRAM_FRAMES, /* a process a slot, FRAMES/1 on its stdin and stdout */
};

struct program_config {
    enum program_mode mode;
    char **argv; /* copied: the command; plugin: the plugin's arguments (argv[0] is the
                    plugin's file) */
    const char *plugin; /* the shared object */
    uint32_t slots;
    bool prepare_each;     /* frames: each slot prepares by itself */
    int64_t silence_us;    /* lines: without a byte of output, while a task is at work,
                              that is a failure; 0: never */
    bool shell;            /* argv is a shell's command line */
    const char *workdir;   /* where the program runs; NULL: here */
    int niceness;          /* of the program; 0: ours */
    uint64_t memory_bytes; /* resident, that a slot may use; 0: no limit */
    const char *worker;    /* FANFOLD_WORKER: the worker's uuid in hexadecimal */
};

/* Also the order in which a slot's events come. */
struct program_events {
    void *context; /* the first argument of each */
    /* The task is done; the result is taken by zmq_msg_move, or left and thrown away.
     */
    void (*done)(void *context, uint32_t slot, uint64_t seq, uint32_t attempt,
                 uint64_t run_us, zmq_msg_t *result);
    /* It failed; text is the tail of its stderr, or what is to be said. */
    void (*failed)(void *context, uint32_t slot, uint64_t seq, uint32_t attempt,
                   uint64_t run_us, enum failure how, uint32_t code, struct slice text);
    /* The slot went before it began this one. */
    void (*unstarted)(void *context, uint32_t slot, uint64_t seq, uint32_t attempt);
    /* The slot is ready for tasks again, or (being replaced) is not. Every slot is
     * ready at the start. */
    void (*slot)(void *context, uint32_t slot, bool ready);
    /* The keeper is gone, or cannot start anything any more: the worker must end with
     * this status. */
    void (*broken)(void *context, int status, const char *text);
};

/*
 * Resolves the command, or loads and prepares the plugin, and forks the keeper. To be
 * called before any thread or socket exists. 0, or an exit status (2 usage, 126 cannot
 * be executed, 127 not found, 4 no resources) with a sentence for a person in `error`:
 * prepare's own message, "no such command; did you mean sh -c '...'" where the word has
 * blanks or shell characters.
 */
int program_open(const struct program_config *config,
                 const struct program_events *events, struct program **ret_program,
                 char *error, size_t error_size);

/* Ends every slot, every process group and every descendant, and waits for the keeper.
 */
void program_close(struct program **program_p);

/* A result larger than this is a failure (FAILURE_TOO_LARGE). */
void program_set_max_result(struct program *program, uint64_t bytes);

struct program_task {
    uint64_t seq;
    uint32_t attempt;
    uint32_t limit_ms; /* 0: none. A task that runs for longer (in its slot, not before,
                          nor while all is stopped by SIGTSTP) fails (FAILURE_TIMEOUT):
                          its process group gets SIGTERM and, unless its leader ends
                          within a second, SIGKILL */
    uint64_t records;
    struct slice header; /* of the input, given to the program before `input` */
    struct slice input;  /* borrowed until the task's end is reported */
};

/* Exec: the slot must be idle. Plugin: it may have up to program_depth tasks. 0; the
 * task's end comes as an event, also where it cannot be started. Several calls are
 * flushed together by program_flush. */
void program_start(struct program *program, uint32_t slot,
                   const struct program_task *task);
void program_flush(struct program *program);
/* How many tasks a slot may be given at once: 1 for exec. */
uint32_t program_depth(const struct program *program);
/*
 * Ends the slot's process group at once. Nothing is reported of the task (seq, attempt)
 * any more; done results of others still are, what was not begun comes as unstarted,
 * and then slot (ready).
 */
void program_kill(struct program *program, uint32_t slot, uint64_t seq,
                  uint32_t attempt);

/* Descriptors to poll: appends to `items` (room for program_poll_max), returns how
 * many. */
uint32_t program_poll_max(const struct program *program);
uint32_t program_poll(struct program *program, zmq_pollitem_t *items);
/* Handles what the poller found; `items` as program_poll filled them. Drains a bounded
 * number of events. */
void program_handle(struct program *program, const zmq_pollitem_t *items,
                    uint32_t count, int64_t now_us);

/* Times that `prepare` ran: 1 for a plugin, for ever; 0 for exec. */
uint32_t program_prepared(const struct program *program);

#endif
