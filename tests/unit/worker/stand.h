/* SPDX-License-Identifier: MIT */
/* What stands in for the worker in tests of worker/program.h: opens a program, gives it
 * tasks, notes every event. */
#ifndef FANFOLD_TESTS_STAND_H
#define FANFOLD_TESTS_STAND_H

#include "worker/program.h"
#include <sys/types.h>

enum { STAND_NOTES_MAX = 512 };

enum note_kind { NOTE_DONE = 1, NOTE_FAILED, NOTE_UNSTARTED };

struct note {
    enum note_kind kind;
    uint32_t slot;
    uint64_t seq;
    enum failure how;
    uint32_t code;
    char text[TEXT_MAX_BYTES + 1];
    size_t text_size;
    uint8_t *data;
    size_t size;
    uint64_t run_us;
};

struct stand {
    struct program *program;
    struct slice header;                /* of the tasks that stand_start starts */
    struct note notes[STAND_NOTES_MAX]; /* the first ones */
    uint32_t count;                     /* of all */
    uint32_t done, failed, unstarted;
    uint64_t bytes; /* of results */
    uint32_t ready; /* slot events that say ready */
    uint32_t unready;
    int broken; /* its status */
    char error[1024];
    int status; /* of program_open */
};

/* NULL-terminated words. */
struct stand *stand_open(struct program_config *config, const char *const *words);
struct stand *stand_open_exec(uint32_t slots, const char *const *words);
struct stand *stand_open_plugin(uint32_t slots, const char *plugin,
                                const char *const *words);
/* Mode lines or frames. */
struct stand *stand_open_lasting(enum program_mode mode, uint32_t slots,
                                 int64_t silence_us, const char *const *words);
void stand_close(struct stand **stand_p);

void stand_start(struct stand *stand, uint32_t slot, uint64_t seq, const void *data,
                 size_t size);
/* With a limit. */
void stand_start_limited(struct stand *stand, uint32_t slot, uint64_t seq,
                         const char *text, uint32_t limit_ms);
/* Handles events until so many notes are there (or 20 s have gone: false). */
bool stand_await(struct stand *stand, uint32_t count);
bool stand_await_ready(struct stand *stand, uint32_t count);
bool stand_await_broken(struct stand *stand);
/* One task by itself. */
struct note *stand_run(struct stand *stand, const void *data, size_t size);
bool stand_turn(struct stand *stand, int timeout_ms);

/* Sends SIGTSTP to the group of `worker`, a child of this process that leads one, sees
 * that it stops and `slot` does, and sends SIGCONT (before that, where it is `hasty`).
 */
bool stand_suspend(pid_t worker, pid_t slot, bool hasty);

#endif
