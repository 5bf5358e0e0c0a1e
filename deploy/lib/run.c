/* SPDX-License-Identifier: MIT */
/*
 * Connects the parts: records into the program's standard input, results out of its
 * standard output, what it prints for the sentence of an error. Invariants:
 *   - the number of a record is how many were pushed before it, and also the number of
 *     its task, because fanfold is told to make a task of each record;
 *   - fanfold_fd is readable while fanfold_take has something to do: its epoll watches
 *     what comes in, the input while records wait for it, the program's end, and an
 *     event that is set while a whole result lies in the buffer or the run is over;
 *   - a run is over with FANFOLD_END only if each record has been answered.
 */
#include "deploy/lib/config.h"
#include "deploy/lib/failure_text.h"
#include "deploy/lib/libfanfold.h"
#include "deploy/lib/program.h"
#include "deploy/lib/record_queue.h"
#include "deploy/lib/result_stream.h"
#include "deploy/lib/text_tail.h"
#include "deploy/lib/watches.h"
#include "deploy/lib/words.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ERROR_BYTES = 1024 + TAIL_BYTES,
    REASON_BYTES = 128,
    TEXT_BYTES = 8192,
    LAST_END_MS = 3000,  /* for fanfold to end behind its last result */
    LAST_WORDS_MS = 200, /* for all programs to close standard error */
};

enum state {
    TAKING,    /* records come */
    FINISHING, /* no more records come */
    OVER,      /* `outcome` is what every call answers */
};

struct fanfold {
    struct fanfold_config config; /* its strings are not kept */
    pid_t owner;
    enum state state;
    int outcome;
    struct program program;
    struct record_queue queue;
    struct result_stream stream;
    struct text_tail tail;
    struct watches watches;
    struct watch input_watch, errors_watch, output_watch, end_watch;
    bool input_broken; /* the program reads no more */
    bool refused; /* the last record found no room, and its caller waits for some */
    uint64_t pushed, answered, failed;
    char error[ERROR_BYTES];
    char reason[REASON_BYTES], text[TEXT_BYTES];
};

/* ---- errors ---- */

__attribute__((format(printf, 2, 3))) static int fail(struct fanfold *run,
                                                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->error, sizeof run->error, format, arguments);
    va_end(arguments);
    return FANFOLD_ERROR;
}

/* A fork has copies of the descriptors: what it read or wrote would be missing here. */
static bool is_foreign(struct fanfold *run)
{
    if (run->owner == getpid())
        return false;
    fail(run,
         "this process was forked from process %ld, which opened the run: "
         "call fanfold_open here for a run of its own",
         (long)run->owner);
    return true;
}

/* ---- what fanfold_fd watches ---- */

/* Records that wait for the program to read are something to do as soon as it does. */
static void watch_input(struct fanfold *run)
{
    if (record_queue_waits(&run->queue) && run->program.input >= 0)
        watches_add(&run->watches, &run->input_watch, run->program.input, true);
    else
        watches_remove(&run->watches, &run->input_watch);
}

/* A result that has come, or room for a record that had none. */
static void set_event(struct fanfold *run)
{
    bool room = run->refused && !record_queue_waits(&run->queue);
    watches_set_event(&run->watches, room || result_stream_has(&run->stream));
}

static int watch_all(struct fanfold *run)
{
    int rc = watches_open(&run->watches);
    if (rc == 0)
        rc = watches_add(&run->watches, &run->output_watch, run->program.output, false);
    if (rc == 0)
        rc = watches_add(&run->watches, &run->errors_watch, run->program.errors, false);
    if (rc == 0 && run->program.fd >= 0)
        rc = watches_add(&run->watches, &run->end_watch, run->program.fd, false);
    return rc;
}

/* ---- the end ---- */

static int end(struct fanfold *run, int outcome)
{
    run->state = OVER;
    run->outcome = outcome;
    watches_remove(&run->watches, &run->input_watch);
    watches_remove(&run->watches, &run->errors_watch);
    watches_remove(&run->watches, &run->output_watch);
    watches_set_event(&run->watches, true);
    return outcome;
}

static void read_errors(struct fanfold *run)
{
    if (watch_stands(&run->errors_watch) &&
        !text_tail_read(&run->tail, run->program.errors, run->config.stderr_fd))
        watches_remove(&run->watches, &run->errors_watch);
}

/* All that the program printed: its end is the pipe's, unless a process of the user's
 * still has that. */
static void read_last_errors(struct fanfold *run)
{
    struct pollfd polled = {.fd = run->program.errors, .events = POLLIN};
    while (watch_stands(&run->errors_watch) && poll(&polled, 1, LAST_WORDS_MS) > 0)
        read_errors(run);
}

/* Kills what broke the rules. */
static int break_off(struct fanfold *run, const char *why)
{
    program_signal(&run->program, SIGTERM);
    fail(run, "fanfold has written what is no result (%s): is it of another version?",
         why);
    return end(run, FANFOLD_ERROR);
}

/* The sentence about a program that has ended before its work. */
static int end_early(struct fanfold *run)
{
    const char *said = text_tail_last(&run->tail);
    char how[96];
    program_describe_end(&run->program, how, sizeof how);
    fail(run, "%s; %llu of %llu records have no result%s%s", how,
         (unsigned long long)(run->pushed - run->answered),
         (unsigned long long)run->pushed, *said ? ": " : "", said);
    return end(run, FANFOLD_ERROR);
}

/* Behind the last result: FANFOLD_EMPTY until the program has ended. */
static int take_end(struct fanfold *run)
{
    watches_remove(&run->watches, &run->output_watch);
    /* Without a descriptor that tells the end, nothing would wake the caller. */
    if (!program_await_end(&run->program, run->program.fd < 0 ? LAST_END_MS : 0))
        return FANFOLD_EMPTY;
    read_last_errors(run);
    int status = run->program.status;
    bool good = status == 0 || status < 0 || (status == 1 && run->failed > 0);
    if (run->state == FINISHING && run->answered == run->pushed && good)
        return end(run, FANFOLD_END);
    return end_early(run);
}

/* ---- the beginning ---- */

static bool take_config(struct fanfold *run, const struct fanfold_config *config)
{
    const char *wrong = config_take(config, &run->config);
    if (wrong)
        fail(run, "%s", wrong);
    return !wrong;
}

static bool start(struct fanfold *run)
{
    struct words words;
    char *path = program_find(run->config.program);
    if (!path) {
        fail(run,
             "cannot find the program %s: name it in `program` of the "
             "configuration, by FANFOLD_PROGRAM, or put it into the PATH",
             run->config.program ? run->config.program : "fanfold");
        return false;
    }
    words_init(&words, &run->config, path);
    int rc = words.failed ? -ENOMEM : program_start(&run->program, path, words.items);
    if (rc < 0)
        fail(run, "cannot start %s: %s", path, strerror(-rc));
    words_deinit(&words);
    free(path);
    return rc == 0;
}

struct fanfold *fanfold_open(const struct fanfold_config *config)
{
    struct fanfold *run = calloc(1, sizeof *run);
    if (!run)
        return NULL;
    run->owner = getpid();
    run->watches = (struct watches){-1, -1, false};
    run->input_watch = run->errors_watch = run->output_watch = run->end_watch =
        (struct watch){-1};
    run->program = (struct program){0, -1, -1, -1, -1, -1};
    bool good = take_config(run, config) && start(run);
    int rc = good ? watch_all(run) : 0;
    if (rc < 0)
        fail(run, "cannot watch fanfold: %s", strerror(-rc));
    if (!good || rc < 0)
        end(run, FANFOLD_ERROR);
    return run;
}

/* ---- records ---- */

/* The program reads no more: why is known when it has ended. */
static int refuse(struct fanfold *run, int rc)
{
    if (rc == -ENOMEM)
        return fail(run, "there is no memory for the record, which was not taken");
    if (rc != -EPIPE && rc != -ECONNRESET) {
        fail(run, "cannot write to fanfold: %s", strerror(-rc));
        return end(run, FANFOLD_ERROR);
    }
    run->input_broken = true;
    record_queue_deinit(&run->queue);
    watch_input(run);
    return FANFOLD_FULL;
}

static int flush(struct fanfold *run)
{
    int rc = 0;
    if (record_queue_waits(&run->queue))
        rc = record_queue_flush(&run->queue, run->program.input);
    if (rc < 0)
        rc = refuse(run, rc) == FANFOLD_ERROR ? FANFOLD_ERROR : FANFOLD_OK;
    if (run->state == FINISHING && !record_queue_waits(&run->queue) &&
        run->program.input >= 0) {
        watches_remove(&run->watches, &run->input_watch);
        /* Reaches the program even where a fork of the caller has a copy. */
        shutdown(run->program.input, SHUT_WR);
        close(run->program.input);
        run->program.input = -1;
    }
    watch_input(run);
    set_event(run);
    return rc;
}

static int check_push(struct fanfold *run, const struct iovec *parts, int count,
                      size_t *ret_size)
{
    *ret_size = 0;
    if (run->state == OVER && run->outcome == FANFOLD_ERROR)
        return FANFOLD_ERROR;
    if (run->state != TAKING)
        return fail(run, "a record came after fanfold_finish, and was not taken");
    if (count < 0 || count > QUEUE_PARTS)
        return fail(run, "a record has at most %d parts, not %d", QUEUE_PARTS, count);
    for (int i = 0; i < count; i++) {
        if (parts[i].iov_len > run->config.max_record - *ret_size)
            return fail(run, "a record is longer than %llu bytes, and was not taken",
                        (unsigned long long)run->config.max_record);
        *ret_size += parts[i].iov_len;
    }
    return FANFOLD_OK;
}

int fanfold_pushv(struct fanfold *run, const struct iovec *parts, int count,
                  uint64_t *ret_seq)
{
    size_t size;
    if (is_foreign(run))
        return FANFOLD_ERROR;
    if (check_push(run, parts, count, &size) != FANFOLD_OK)
        return FANFOLD_ERROR;
    if (run->input_broken) {
        if (!program_ended(&run->program))
            return FANFOLD_FULL;
        read_last_errors(run);
        return end_early(run);
    }
    int rc = record_queue_push(&run->queue, run->program.input, parts, count, size);
    run->refused = rc == 0;
    watch_input(run);
    set_event(run);
    if (rc < 0)
        return refuse(run, rc);
    if (rc == 0)
        return FANFOLD_FULL;
    if (ret_seq)
        *ret_seq = run->pushed;
    run->pushed++;
    return FANFOLD_OK;
}

int fanfold_push(struct fanfold *run, const void *data, size_t size, uint64_t *ret_seq)
{
    struct iovec part = {(void *)(uintptr_t)data, size};
    return fanfold_pushv(run, &part, 1, ret_seq);
}

int fanfold_finish(struct fanfold *run)
{
    if (is_foreign(run))
        return FANFOLD_ERROR;
    if (run->state == OVER)
        return run->outcome == FANFOLD_ERROR ? FANFOLD_ERROR : FANFOLD_OK;
    run->state = FINISHING;
    run->refused = false;
    return flush(run);
}

/* ---- results ---- */

static void describe_failure(struct fanfold *run, struct fanfold_result *result)
{
    failure_text_string(result->data, result->size, "how", run->reason,
                        sizeof run->reason);
    failure_text_lines(result->data, result->size, "stderr", run->text,
                       sizeof run->text);
    result->reason = run->reason;
    result->text = run->text;
    result->attempts = failure_text_number(result->data, result->size, "attempts");
}

static int give(struct fanfold *run, struct tagged_head head,
                const unsigned char *bytes, struct fanfold_result *ret_result)
{
    if (head.seq >= run->pushed ||
        (!run->config.unordered && head.seq != run->answered))
        return break_off(run, "a result of another record");
    *ret_result = (struct fanfold_result){
        .seq = head.seq,
        .kind = head.kind == TAGGED_RESULT ? FANFOLD_RESULT : FANFOLD_FAILED,
        .data = bytes,
        .size = head.length,
    };
    run->answered++;
    if (ret_result->kind == FANFOLD_FAILED) {
        run->failed++;
        describe_failure(run, ret_result);
    }
    set_event(run);
    return FANFOLD_OK;
}

int fanfold_take(struct fanfold *run, struct fanfold_result *ret_result)
{
    struct tagged_head head;
    const unsigned char *bytes;
    if (is_foreign(run))
        return FANFOLD_ERROR;
    if (run->state == OVER)
        return run->outcome;
    if (flush(run) == FANFOLD_ERROR)
        return FANFOLD_ERROR;
    int rc;
    do /* the sink may tell more than we know of */
        rc = result_stream_take(&run->stream, run->program.output,
                                run->config.max_result, &head, &bytes);
    while (rc == STREAM_RESULT && head.kind > TAGGED_DEAD_LETTER);
    if (rc == STREAM_RESULT)
        return give(run, head, bytes, ret_result);
    read_errors(run);
    set_event(run);
    if (rc == STREAM_NONE && program_ended(&run->program)) /* its sink has not */
        watches_remove(&run->watches, &run->end_watch);
    if (rc == STREAM_NONE)
        return FANFOLD_EMPTY;
    if (rc == STREAM_LARGE)
        return break_off(run, "it is longer than max_result");
    if (rc == STREAM_END || rc == STREAM_CUT)
        return take_end(run);
    fail(run, "cannot read from fanfold: %s", strerror(-rc));
    return end(run, FANFOLD_ERROR);
}

/* ---- queries ---- */

int fanfold_fd(struct fanfold *run)
{
    return run->watches.fd;
}

int fanfold_wait(struct fanfold *run, int timeout_ms)
{
    struct pollfd polled = {.fd = run->watches.fd, .events = POLLIN};
    if (is_foreign(run))
        return FANFOLD_ERROR;
    if (run->watches.fd < 0)
        return run->outcome;
    int rc = poll(&polled, 1, timeout_ms);
    if (rc > 0)
        return FANFOLD_OK;
    if (rc == 0 || errno == EINTR)
        return FANFOLD_EMPTY;
    return fail(run, "cannot wait: %s", strerror(errno));
}

const char *fanfold_error(struct fanfold *run)
{
    return run->error;
}

int fanfold_status(struct fanfold *run)
{
    return run->program.status;
}

/* ---- the close ---- */

void fanfold_close(struct fanfold **run_p)
{
    struct fanfold *run = *run_p;
    if (!run)
        return;
    *run_p = NULL;
    if (run->owner == getpid())
        program_stop(&run->program);
    program_close(&run->program);
    watches_close(&run->watches);
    record_queue_deinit(&run->queue);
    result_stream_deinit(&run->stream);
    free(run);
}
