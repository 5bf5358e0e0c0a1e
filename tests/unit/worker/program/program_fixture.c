/* SPDX-License-Identifier: MIT */
#include "tests/unit/worker/program/program_fixture.h"
#include "common/clock.h"
#include "common/loan/borrow.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Longer than any test takes on a busy machine, shorter than the runner's own. */
#define PATIENCE_US (60 * SECOND_US)

static struct note *add_note(struct program_fixture *fixture, enum note_kind kind,
                             uint32_t slot, uint64_t seq)
{
    static struct note spare;
    uint32_t index = fixture->count++;
    struct note *note = index < NOTES_MAX ? &fixture->notes[index] : &spare;
    *note = (struct note){.kind = kind, .slot = slot, .seq = seq};
    return note;
}

static void on_done(void *context, uint32_t slot, uint64_t seq, uint32_t attempt,
                    uint64_t run_us, const struct program_result *result)
{
    struct program_fixture *fixture = context;
    (void)attempt;
    bool kept = fixture->count < NOTES_MAX;
    struct note *note = add_note(fixture, NOTE_DONE, slot, seq);
    zmq_msg_t bytes;
    zmq_msg_init(&bytes);
    zmq_msg_copy(&bytes, result->message);
    if (result->lent && !loan_borrow(&bytes, result->lent, getpid()))
        abort();
    fixture->lent += result->lent > 0;
    note->run_us = run_us;
    note->size = zmq_msg_size(&bytes);
    fixture->bytes += note->size;
    fixture->done++;
    if (kept) {
        note->data = malloc(note->size + 1);
        memcpy(note->data, zmq_msg_data(&bytes), note->size);
        note->data[note->size] = '\0';
    }
    zmq_msg_close(&bytes);
}

static void on_failed(void *context, uint32_t slot, uint64_t seq, uint32_t attempt,
                      uint64_t run_us, enum failure cause, uint32_t code,
                      struct slice text)
{
    struct program_fixture *fixture = context;
    (void)attempt;
    struct note *note = add_note(fixture, NOTE_FAILED, slot, seq);
    note->run_us = run_us;
    note->cause = cause;
    note->code = code;
    note->text_size = text.size;
    memcpy(note->text, text.data,
           text.size < TEXT_MAX_BYTES ? text.size : TEXT_MAX_BYTES);
    fixture->failed++;
}

static void on_unstarted(void *context, uint32_t slot, uint64_t seq, uint32_t attempt)
{
    struct program_fixture *fixture = context;
    (void)attempt;
    add_note(fixture, NOTE_UNSTARTED, slot, seq);
    fixture->unstarted++;
}

static void on_slot(void *context, uint32_t slot, bool ready)
{
    struct program_fixture *fixture = context;
    (void)slot;
    fixture->ready += ready;
    fixture->unready += !ready;
}

static void on_doubt(void *context, const struct program_doubt *doubt)
{
    struct program_fixture *fixture = context;
    fixture->doubts++;
    fixture->doubt_from = doubt->from;
    snprintf(fixture->doubt_text, sizeof fixture->doubt_text, "%s", doubt->text);
}

static void on_drained(void *context)
{
    struct program_fixture *fixture = context;
    fixture->drained++;
}

static void on_broken(void *context, int status, const char *text)
{
    struct program_fixture *fixture = context;
    fixture->broken = status;
    strncpy(fixture->error, text, sizeof fixture->error - 1);
}

struct program_fixture *fixture_open(struct program_config *config,
                                     const char *const *words)
{
    struct program_fixture *fixture = calloc(1, sizeof *fixture);
    signal(SIGPIPE, SIG_IGN);
    config->argv = (char **)(uintptr_t)words;
    config->worker = "0123456789abcdef";
    struct program_events events = {
        .context = fixture,
        .done = on_done,
        .failed = on_failed,
        .unstarted = on_unstarted,
        .slot = on_slot,
        .doubt = on_doubt,
        .drained = on_drained,
        .broken = on_broken,
    };
    fixture->status = program_open(config, &events, &fixture->program, fixture->error,
                                   sizeof fixture->error);
    return fixture;
}

struct program_fixture *fixture_open_exec(uint32_t slots, const char *const *words)
{
    return fixture_open(&(struct program_config){.mode = PROGRAM_EXEC, .slots = slots},
                        words);
}

struct program_fixture *fixture_open_plugin(uint32_t slots, const char *plugin,
                                            const char *const *words)
{
    return fixture_open(&(struct program_config){.mode = PROGRAM_PLUGIN,
                                                 .slots = slots,
                                                 .plugin = plugin},
                        words);
}

struct program_fixture *fixture_open_persistent(enum program_mode mode, uint32_t slots,
                                                int64_t silence_us,
                                                const char *const *words)
{
    return fixture_open(&(struct program_config){.mode = mode,
                                                 .slots = slots,
                                                 .silence_us = silence_us,
                                                 .prepare_each = true},
                        words);
}

void fixture_close(struct program_fixture **fixture_p)
{
    struct program_fixture *fixture = *fixture_p;
    program_close(&fixture->program);
    for (uint32_t i = 0; i < NOTES_MAX; i++)
        free(fixture->notes[i].data);
    free(fixture);
    *fixture_p = NULL;
}

void fixture_start(struct program_fixture *fixture, uint32_t slot, uint64_t seq,
                   const void *data, size_t size)
{
    program_start(fixture->program, slot,
                  &(struct program_task){.seq = seq,
                                         .attempt = 1,
                                         .records = 1,
                                         .header = fixture->header,
                                         .input = {data, size}});
}

void fixture_start_limited(struct program_fixture *fixture, uint32_t slot, uint64_t seq,
                           const char *text, uint32_t limit_ms)
{
    program_start(fixture->program, slot,
                  &(struct program_task){.seq = seq,
                                         .attempt = 1,
                                         .records = 1,
                                         .limit_ms = limit_ms,
                                         .input = slice_of_text(text)});
}

bool fixture_turn(struct program_fixture *fixture, int timeout_ms)
{
    zmq_pollitem_t items[1];
    uint32_t count = program_poll(fixture->program, items);
    if (zmq_poll(items, (int)count, timeout_ms) <= 0)
        return false;
    program_handle(fixture->program, items, count, clock_now_us());
    return true;
}

static bool await(struct program_fixture *fixture, const uint32_t *value,
                  uint32_t wanted)
{
    int64_t end_us = clock_now_us() + PATIENCE_US;
    program_flush(fixture->program);
    while (*value < wanted && clock_now_us() < end_us) {
        fixture_turn(fixture, 1000);
        program_flush(fixture->program);
    }
    return *value >= wanted;
}

bool fixture_await(struct program_fixture *fixture, uint32_t count)
{
    return await(fixture, &fixture->count, count);
}

bool fixture_await_ready(struct program_fixture *fixture, uint32_t count)
{
    return await(fixture, &fixture->ready, count);
}

bool fixture_drain(struct program_fixture *fixture)
{
    uint32_t drained = fixture->drained;
    program_drain(fixture->program);
    return await(fixture, &fixture->drained, drained + 1);
}

bool fixture_await_broken(struct program_fixture *fixture)
{
    int64_t end_us = clock_now_us() + PATIENCE_US;
    while (!fixture->broken && clock_now_us() < end_us)
        fixture_turn(fixture, 1000);
    return fixture->broken != 0;
}

struct note *fixture_run(struct program_fixture *fixture, const void *data, size_t size)
{
    uint32_t index = fixture->count;
    fixture_start(fixture, 0, index, data, size);
    bool noted = fixture_await(fixture, index + 1);
    return noted && index < NOTES_MAX ? &fixture->notes[index] : NULL;
}

static char state_of(pid_t pid)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[size] = '\0';
    const char *rest = strrchr(text, ')');
    return rest && rest[1] ? rest[2] : '?';
}

/* Polls, because nothing reports it. */
static bool becomes(pid_t pid, bool stopped)
{
    int64_t end_us = clock_now_us() + PATIENCE_US;
    while ((state_of(pid) == 'T') != stopped)
        if (clock_now_us() > end_us)
            return false;
        else
            poll(NULL, 0, 1);
    return true;
}

bool fixture_suspend(pid_t worker, pid_t slot, bool hasty)
{
    int status;
    kill(-worker, SIGTSTP);
    if (!hasty && (waitpid(worker, &status, WUNTRACED) != worker ||
                   !WIFSTOPPED(status) || !becomes(slot, true)))
        return false;
    kill(-worker, SIGCONT);
    return becomes(slot, false);
}

pid_t fixture_find(pid_t parent, const char *line)
{
    char whole[256];
    int pid = 0;
    snprintf(whole, sizeof whole, "set -- %d; %s", (int)parent, line);
    for (int64_t end_us = clock_now_us() + PATIENCE_US;
         !pid && clock_now_us() < end_us;) {
        FILE *file = popen(whole, "r");
        if (file && fscanf(file, "%d", &pid) != 1)
            pid = 0;
        if (file)
            pclose(file);
    }
    return pid;
}
