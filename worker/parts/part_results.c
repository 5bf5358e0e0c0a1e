/* SPDX-License-Identifier: MIT */
#include "worker/parts/part_results.h"

#include "common/loan/loan_name.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/process/write_all.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SAID_MAX = 3 };

/* One that is being written; once it is, until its actions are taken. */
struct entry {
    uint64_t ticket;
    struct task *task; /* NULL: it is off the ledger */
    char name[PART_NAME_MAX];
    bool written;
    struct session_action result, done; /* valid if the next two say so */
    bool has_result, has_done;
    struct entry *next;
};

struct part_results {
    struct part_writer *writer; /* NULL: there is no directory */
    uint64_t ticket;            /* the last one */
    uint64_t parts, failed;
    struct entry *entries;
};

struct part_results *part_results_new(struct part_writer **writer_p)
{
    struct part_results *results = allocate_zeroed(1, sizeof *results);
    results->writer = *writer_p;
    *writer_p = NULL;
    return results;
}

static void drop(struct entry **at)
{
    struct entry *entry = *at;
    *at = entry->next;
    free(entry);
}

void part_results_destroy(struct part_results **results_p)
{
    struct part_results *results = *results_p;
    if (!results)
        return;
    if (results->writer)
        log_event(LOG_LEVEL_INFO, "parts", "written=%llu failed=%llu",
                  (unsigned long long)results->parts,
                  (unsigned long long)results->failed);
    while (results->entries)
        drop(&results->entries);
    part_writer_stop(&results->writer);
    free(results);
    *results_p = NULL;
}

bool part_results_may(const struct part_results *results)
{
    return results->writer;
}

static struct entry *find(struct part_results *results, const struct task *task)
{
    struct entry *entry = results->entries;
    while (entry && entry->task != task)
        entry = entry->next;
    return entry;
}

/* ---- the bytes ---- */

static int copy_to_memory(const void *data, size_t size)
{
    int fd = memfd_create("fanfold-part", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = write_all(fd, data, size);
    if (result == 0)
        return fd;
    close(fd);
    return result;
}

/* Memory that has the result, from *ret_offset on; or -errno. */
static int find_memory(const struct task *task, uint64_t *ret_offset)
{
    struct loan_name loan;
    zmq_msg_t *result = (zmq_msg_t *)&task->result;
    struct slice bytes = {zmq_msg_data(result), zmq_msg_size(result)};
    *ret_offset = 0;
    if (!task->lent)
        return copy_to_memory(bytes.data, bytes.size);
    if (!loan_name_unpack(bytes, &loan))
        return -EBADF;
    *ret_offset = LOAN_HEAD;
    int fd = fcntl((int)loan.fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return fd < 0 ? -errno : fd;
}

/* ---- orders ---- */

static void say_failed(struct part_results *results, struct task *task, int error)
{
    task->unparted = true;
    if (results->failed++ < SAID_MAX)
        say("warning: cannot write a result to --parts: %s; its bytes are sent",
            strerror(-error));
}

/* False: it cannot be. */
static bool begin(struct part_results *results, const struct session *session,
                  const struct session_action *action)
{
    struct task *task = action->cargo;
    struct id run = session_run(session);
    uint64_t offset;
    int fd = find_memory(task, &offset);
    if (fd < 0) {
        say_failed(results, task, fd);
        return false;
    }
    struct entry *entry = allocate_zeroed(1, sizeof *entry);
    entry->ticket = ++results->ticket;
    entry->task = task;
    entry->next = results->entries;
    results->entries = entry;
    part_name(action->seq, session_epoch(session), action->attempt, entry->name);
    part_writer_write(results->writer, entry->ticket, &run, entry->name, fd, offset,
                      task->length);
    return true;
}

bool part_results_hold(struct part_results *results, const struct session *session,
                       const struct session_action *action)
{
    struct task *task = action->cargo;
    if (*task->part || task->unparted)
        return false;
    struct entry *entry = find(results, task);
    if (!entry && begin(results, session, action))
        entry = results->entries;
    if (!entry)
        return false;
    entry->result = *action;
    entry->has_result = true;
    return true;
}

bool part_results_hold_done(struct part_results *results,
                            const struct session_action *action)
{
    struct entry *entry = find(results, action->cargo);
    if (!entry)
        return false;
    entry->done = *action;
    entry->has_done = true;
    return true;
}

void part_results_name(const struct task *task, zmq_msg_t *ret_payload)
{
    uint8_t packed[PART_MAX];
    size_t size = part_pack(task->part, task->part_hash, packed);
    zmq_msg_init_size(ret_payload, size);
    memcpy(zmq_msg_data(ret_payload), packed, size);
}

void part_results_unsend(struct part_results *results)
{
    for (struct entry *entry = results->entries; entry; entry = entry->next)
        entry->has_result = false;
}

void part_results_forget(struct part_results *results, const struct task *task)
{
    struct entry *entry = find(results, task);
    if (!entry)
        return;
    entry->task = NULL;
    entry->has_result = entry->has_done = false;
}

/* ---- answers ---- */

static void finish(struct part_results *results, uint64_t ticket, int error,
                   uint64_t hash)
{
    struct entry *entry = results->entries;
    while (entry && entry->ticket != ticket)
        entry = entry->next;
    if (!entry)
        return;
    entry->written = true;
    if (entry->task && error < 0) {
        say_failed(results, entry->task, error);
    } else if (entry->task) {
        strcpy(entry->task->part, entry->name);
        entry->task->part_hash = hash;
        results->parts++;
    }
}

bool part_results_next(struct part_results *results, struct session_action *ret_action)
{
    uint64_t ticket, hash;
    int error;
    while (results->writer && part_writer_take(results->writer, &ticket, &error, &hash))
        finish(results, ticket, error, hash);
    for (struct entry **at = &results->entries; *at;) {
        struct entry *entry = *at;
        if (!entry->written) {
            at = &entry->next;
        } else if (entry->has_result) {
            entry->has_result = false;
            *ret_action = entry->result;
            return true;
        } else if (entry->has_done) {
            *ret_action = entry->done;
            drop(at);
            return true;
        } else {
            drop(at);
        }
    }
    return false;
}

uint32_t part_results_poll(const struct part_results *results, zmq_pollitem_t *items)
{
    return results->writer ? part_writer_poll(results->writer, items) : 0;
}
