/* SPDX-License-Identifier: MIT */
#include "stand.h"
#include "common/clock.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static struct note *add_note(struct stand *stand, enum note_kind kind, uint32_t slot,
                             uint64_t seq)
{
    static struct note spare;
    uint32_t index = stand->count++;
    struct note *note = index < STAND_NOTES_MAX ? &stand->notes[index] : &spare;
    *note = (struct note){.kind = kind, .slot = slot, .seq = seq};
    return note;
}

static void on_done(void *context, uint32_t slot, uint64_t seq, uint32_t attempt,
                    uint64_t run_us, zmq_msg_t *result)
{
    struct stand *stand = context;
    (void)attempt;
    bool kept = stand->count < STAND_NOTES_MAX;
    struct note *note = add_note(stand, NOTE_DONE, slot, seq);
    note->run_us = run_us;
    note->size = zmq_msg_size(result);
    stand->bytes += note->size;
    stand->done++;
    if (kept) {
        note->data = malloc(note->size + 1);
        memcpy(note->data, zmq_msg_data(result), note->size);
        note->data[note->size] = '\0';
    }
}

static void on_failed(void *context, uint32_t slot, uint64_t seq, uint32_t attempt,
                      uint64_t run_us, enum failure how, uint32_t code,
                      struct slice text)
{
    struct stand *stand = context;
    (void)attempt;
    struct note *note = add_note(stand, NOTE_FAILED, slot, seq);
    note->run_us = run_us;
    note->how = how;
    note->code = code;
    note->text_size = text.size;
    memcpy(note->text, text.data,
           text.size < TEXT_MAX_BYTES ? text.size : TEXT_MAX_BYTES);
    stand->failed++;
}

static void on_unstarted(void *context, uint32_t slot, uint64_t seq, uint32_t attempt)
{
    struct stand *stand = context;
    (void)attempt;
    add_note(stand, NOTE_UNSTARTED, slot, seq);
    stand->unstarted++;
}

static void on_slot(void *context, uint32_t slot, bool ready)
{
    struct stand *stand = context;
    (void)slot;
    stand->ready += ready;
    stand->unready += !ready;
}

static void on_broken(void *context, int status, const char *text)
{
    struct stand *stand = context;
    stand->broken = status;
    strncpy(stand->error, text, sizeof stand->error - 1);
}

struct stand *stand_open(struct program_config *config, const char *const *words)
{
    struct stand *stand = calloc(1, sizeof *stand);
    signal(SIGPIPE, SIG_IGN);
    config->argv = (char **)(uintptr_t)words;
    config->worker = "0123456789abcdef";
    struct program_events events = {
        .context = stand,
        .done = on_done,
        .failed = on_failed,
        .unstarted = on_unstarted,
        .slot = on_slot,
        .broken = on_broken,
    };
    stand->status = program_open(config, &events, &stand->program, stand->error,
                                 sizeof stand->error);
    return stand;
}

struct stand *stand_open_exec(uint32_t slots, const char *const *words)
{
    return stand_open(&(struct program_config){.mode = PROGRAM_EXEC, .slots = slots},
                      words);
}

struct stand *stand_open_plugin(uint32_t slots, const char *plugin,
                                const char *const *words)
{
    return stand_open(&(struct program_config){.mode = PROGRAM_PLUGIN,
                                               .slots = slots,
                                               .plugin = plugin},
                      words);
}

struct stand *stand_open_lasting(enum program_mode mode, uint32_t slots,
                                 int64_t silence_us, const char *const *words)
{
    return stand_open(&(struct program_config){.mode = mode,
                                               .slots = slots,
                                               .silence_us = silence_us,
                                               .prepare_each = true},
                      words);
}

void stand_close(struct stand **stand_p)
{
    struct stand *stand = *stand_p;
    program_close(&stand->program);
    for (uint32_t i = 0; i < STAND_NOTES_MAX; i++)
        free(stand->notes[i].data);
    free(stand);
    *stand_p = NULL;
}

void stand_start(struct stand *stand, uint32_t slot, uint64_t seq, const void *data,
                 size_t size)
{
    program_start(stand->program, slot,
                  &(struct program_task){.seq = seq,
                                         .attempt = 1,
                                         .records = 1,
                                         .header = stand->header,
                                         .input = {data, size}});
}

void stand_start_limited(struct stand *stand, uint32_t slot, uint64_t seq,
                         const char *text, uint32_t limit_ms)
{
    program_start(stand->program, slot,
                  &(struct program_task){.seq = seq,
                                         .attempt = 1,
                                         .records = 1,
                                         .limit_ms = limit_ms,
                                         .input = slice_of_text(text)});
}

bool stand_turn(struct stand *stand, int timeout_ms)
{
    zmq_pollitem_t items[1];
    uint32_t count = program_poll(stand->program, items);
    if (zmq_poll(items, (int)count, timeout_ms) <= 0)
        return false;
    program_handle(stand->program, items, count, clock_now_us());
    return true;
}

static bool await(struct stand *stand, const uint32_t *value, uint32_t wanted)
{
    int64_t end_us = clock_now_us() + 20 * SECOND_US;
    program_flush(stand->program);
    while (*value < wanted && clock_now_us() < end_us) {
        stand_turn(stand, 1000);
        program_flush(stand->program);
    }
    return *value >= wanted;
}

bool stand_await(struct stand *stand, uint32_t count)
{
    return await(stand, &stand->count, count);
}

bool stand_await_ready(struct stand *stand, uint32_t count)
{
    return await(stand, &stand->ready, count);
}

bool stand_await_broken(struct stand *stand)
{
    int64_t end_us = clock_now_us() + 20 * SECOND_US;
    while (!stand->broken && clock_now_us() < end_us)
        stand_turn(stand, 1000);
    return stand->broken != 0;
}

struct note *stand_run(struct stand *stand, const void *data, size_t size)
{
    uint32_t index = stand->count;
    stand_start(stand, 0, index, data, size);
    bool told = stand_await(stand, index + 1);
    return told && index < STAND_NOTES_MAX ? &stand->notes[index] : NULL;
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

/* Nothing tells of it that could be waited for. */
static bool becomes(pid_t pid, bool stopped)
{
    int64_t end_us = clock_now_us() + 20 * SECOND_US;
    while ((state_of(pid) == 'T') != stopped)
        if (clock_now_us() > end_us)
            return false;
        else
            poll(NULL, 0, 1);
    return true;
}

bool stand_suspend(pid_t worker, pid_t slot, bool hasty)
{
    int status;
    kill(-worker, SIGTSTP);
    if (!hasty && (waitpid(worker, &status, WUNTRACED) != worker ||
                   !WIFSTOPPED(status) || !becomes(slot, true)))
        return false;
    kill(-worker, SIGCONT);
    return becomes(slot, false);
}
