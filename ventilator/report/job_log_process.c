/* SPDX-License-Identifier: MIT */
/* Entries go in batches; what the process does not take yet waits in a queue, in whole
 * batches. An entry without a completion is job_log_begin. */
#include "ventilator/report/job_log_process.h"

#include "common/clock.h"
#include "common/helper/helper_process.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/process/process_handle.h"
#include "common/ring.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    BATCH_BYTES = 64 << 10,
    QUEUE_BATCHES = 1024,
    HURRY_MS = 1000,
    WORD_MS = 2000, /* of waiting, before a person is told */
};

#define AGAIN_US (SECOND_US / 10)

struct entry {
    bool begins;
    struct completion completion; /* without its texts, which follow */
    size_t host_size, command_size;
};

struct batch {
    char *bytes;
    size_t size;
};

struct job_log_process {
    struct job_log *log; /* the process's alone */
    struct helper_process helper;
    struct ring queue;
    struct batch batch; /* being filled */
    bool said_lost, said_waiting;
};

/* ---- in the process ---- */

static void take_entries(struct job_log *log, const char *bytes, size_t size)
{
    struct entry entry;
    for (size_t at = 0; at + sizeof entry <= size;) {
        memcpy(&entry, bytes + at, sizeof entry);
        at += sizeof entry;
        entry.completion.host = bytes + at;
        entry.completion.command = bytes + at + entry.host_size;
        at += entry.host_size + entry.command_size;
        if (entry.begins)
            job_log_begin(log);
        else
            job_log_add(log, &entry.completion, clock_now_us());
    }
}

static void live(int socket, int file, void *context)
{
    struct job_log_process *process = context;
    struct pollfd item = {.fd = socket, .events = POLLIN};
    char *bytes = allocate(BATCH_BYTES);
    ssize_t size = 1;
    job_log_use(process->log, file);
    while (size > 0) {
        int64_t now_us = clock_now_us();
        int64_t due_us = job_log_tick(process->log, now_us);
        if (poll(&item, 1, clock_poll_ms(now_us, due_us, -1)) <= 0)
            continue;
        size = helper_receive(socket, bytes, BATCH_BYTES, 0);
        if (size > 0)
            take_entries(process->log, bytes, (size_t)size);
    }
    job_log_destroy(&process->log);
    free(bytes);
}

/* ---- in the ventilator ---- */

int job_log_process_start(const struct job_log_config *config,
                          struct job_log_process **ret_process, char *error,
                          size_t error_size)
{
    struct job_log *log;
    int result = job_log_open(config, &log, error, error_size);
    if (result < 0)
        return result;
    struct job_log_process *process = allocate_zeroed(1, sizeof *process);
    process->log = log;
    ring_init(&process->queue, sizeof(struct batch));
    result = helper_process_start(&(struct helper_task){.name = "fanfold-joblog",
                                                        .work = live,
                                                        .context = process,
                                                        .kept = job_log_file(log),
                                                        .talks = true},
                                  &process->helper);
    job_log_leave(&process->log);
    if (result < 0) {
        snprintf(error, error_size, "cannot start a process: %s", strerror(-result));
        free(process);
        return result;
    }
    *ret_process = process;
    return 0;
}

static void close_batch(struct job_log_process *process)
{
    if (process->batch.size > 0)
        *(struct batch *)ring_push(&process->queue) = process->batch;
    process->batch = (struct batch){NULL, 0};
}

/* It never ends by itself: somebody has killed it. */
static void say_lost(struct job_log_process *process)
{
    if (!process->said_lost)
        say("the process that writes --joblog was killed: the log lacks lines, and the "
            "run continues without it");
    process->said_lost = true;
}

static void say_waiting(struct job_log_process *process)
{
    if (!process->said_waiting)
        say("waiting for the file system of --joblog, which does not answer");
    process->said_waiting = true;
}

static void send_batches(struct job_log_process *process, int flags)
{
    while (process->queue.count > 0) {
        struct batch *first = ring_first(&process->queue), sent;
        int result =
            helper_send(process->helper.socket, first->bytes, first->size, flags);
        if (result == -EAGAIN)
            return;
        if (result < 0)
            say_lost(process);
        ring_pop(&process->queue, &sent);
        free(sent.bytes);
    }
}

/* However long that takes. */
static void send_all(struct job_log_process *process)
{
    struct pollfd room = {.fd = process->helper.socket, .events = POLLOUT};
    send_batches(process, MSG_DONTWAIT);
    if (process->queue.count > 0 && poll(&room, 1, WORD_MS) == 0)
        say_waiting(process);
    send_batches(process, 0);
}

static void add(struct job_log_process *process, const struct entry *entry)
{
    size_t texts = entry->host_size + entry->command_size;
    if (process->batch.size + sizeof *entry + texts > BATCH_BYTES)
        close_batch(process);
    if (!process->batch.bytes)
        process->batch.bytes = allocate(BATCH_BYTES);
    char *end = process->batch.bytes + process->batch.size;
    memcpy(end, entry, sizeof *entry);
    if (texts > 0) {
        memcpy(end + sizeof *entry, entry->completion.host, entry->host_size);
        memcpy(end + sizeof *entry + entry->host_size, entry->completion.command,
               entry->command_size);
    }
    process->batch.size += sizeof *entry + texts;
}

void job_log_process_begin(struct job_log_process *process)
{
    struct entry entry;
    if (!process)
        return;
    memset(&entry, 0, sizeof entry);
    entry.begins = true;
    add(process, &entry);
}

void job_log_process_add(struct job_log_process *process,
                         const struct completion *completion)
{
    struct entry entry;
    memset(&entry, 0, sizeof entry);
    entry.completion = *completion;
    entry.host_size = strlen(completion->host) + 1;
    entry.command_size = strlen(completion->command) + 1;
    add(process, &entry);
}

int64_t job_log_process_tick(struct job_log_process *process, int64_t now_us)
{
    if (!process)
        return NEVER_US;
    send_batches(process, MSG_DONTWAIT);
    if (process->queue.count == 0) {
        close_batch(process);
        send_batches(process, MSG_DONTWAIT);
    }
    if (process->queue.count > QUEUE_BATCHES)
        send_all(process);
    return process->queue.count > 0 ? now_us + AGAIN_US : NEVER_US;
}

static void await_end(struct job_log_process *process, bool hurry)
{
    shutdown(process->helper.socket, SHUT_WR);
    if (!hurry && !child_await_end(process->helper.pid, WORD_MS))
        say_waiting(process);
    if (!helper_process_stop(&process->helper, hurry ? HURRY_MS : -1) && !hurry)
        say_lost(process);
}

void job_log_process_stop(struct job_log_process **process_p, bool hurry)
{
    struct job_log_process *process = *process_p;
    struct batch batch;
    if (!process)
        return;
    close_batch(process);
    if (hurry)
        send_batches(process, MSG_DONTWAIT);
    else
        send_all(process);
    await_end(process, hurry);
    while (ring_pop(&process->queue, &batch))
        free(batch.bytes);
    ring_deinit(&process->queue);
    free(process);
    *process_p = NULL;
}
