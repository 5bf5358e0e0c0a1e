/* SPDX-License-Identifier: MIT */
/* Takes the worker's place in tests of worker/program/program.h: opens a program, gives
 * it tasks, notes every event. */
#ifndef FANFOLD_TESTS_UNIT_WORKER_PROGRAM_PROGRAM_FIXTURE_H
#define FANFOLD_TESTS_UNIT_WORKER_PROGRAM_PROGRAM_FIXTURE_H

#include "worker/program/program.h"
#include <sys/types.h>

#define WORDS(...)  ((const char *const[]){__VA_ARGS__, NULL})
#define SHELL(text) WORDS("sh", "-c", text)

enum { NOTES_MAX = 512 };

enum note_kind { NOTE_DONE = 1, NOTE_FAILED, NOTE_UNSTARTED };

struct note {
    enum note_kind kind;
    uint32_t slot;
    uint64_t seq;
    enum failure cause;
    uint32_t code;
    char text[TEXT_MAX_BYTES + 1];
    size_t text_size;
    uint8_t *data;
    size_t size;
    uint64_t run_us;
};

struct program_fixture {
    struct program *program;
    struct slice header;          /* of the tasks that fixture_start starts */
    struct note notes[NOTES_MAX]; /* the first ones */
    uint32_t count;               /* of all */
    uint32_t done, failed, unstarted;
    uint64_t bytes; /* of results */
    uint32_t lent;  /* of those that are done; the notes have what was borrowed */
    uint32_t ready; /* slot events that say ready */
    uint32_t unready;
    uint32_t doubts; /* and of the last one: */
    uint64_t doubt_from;
    char doubt_text[512];
    uint32_t drained;
    int broken; /* its status */
    char error[1024];
    int status; /* of program_open */
};

/* NULL-terminated words. */
struct program_fixture *fixture_open(struct program_config *config,
                                     const char *const *words);
struct program_fixture *fixture_open_exec(uint32_t slots, const char *const *words);
struct program_fixture *fixture_open_plugin(uint32_t slots, const char *plugin,
                                            const char *const *words);
/* Mode lines or frames. */
struct program_fixture *fixture_open_persistent(enum program_mode mode, uint32_t slots,
                                                int64_t silence_us,
                                                const char *const *words);
void fixture_close(struct program_fixture **fixture_p);

void fixture_start(struct program_fixture *fixture, uint32_t slot, uint64_t seq,
                   const void *data, size_t size);
/* With a limit. */
void fixture_start_limited(struct program_fixture *fixture, uint32_t slot, uint64_t seq,
                           const char *text, uint32_t limit_ms);
/* Handles events until so many notes are there (or 60 s have gone: false). */
bool fixture_await(struct program_fixture *fixture, uint32_t count);
bool fixture_await_ready(struct program_fixture *fixture, uint32_t count);
bool fixture_await_broken(struct program_fixture *fixture);
/* Drains the program, and handles events until it is. */
bool fixture_drain(struct program_fixture *fixture);
/* One task by itself. */
struct note *fixture_run(struct program_fixture *fixture, const void *data,
                         size_t size);
bool fixture_turn(struct program_fixture *fixture, int timeout_ms);

/* The process that this line for a shell finds below `parent`, $1 in it; 0: none came
 * in 60 s. The helpers give themselves their names, and so late. */
pid_t fixture_find(pid_t parent, const char *line);
/* Sends SIGTSTP to the group of `worker`, a child of this process that leads one,
 * sees that it stops and `slot` does, and sends SIGCONT (before that, where it is
 * `hasty`). */
bool fixture_suspend(pid_t worker, pid_t slot, bool hasty);

#endif
