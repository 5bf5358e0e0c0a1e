/* SPDX-License-Identifier: MIT */
/*
 * Orders and answers are structs on a socket that keeps their borders: both ends are
 * the same program. After a commit that failed the process makes no other: what the
 * kernel said once of a lost write it does not say twice.
 */
#include "sink/journal/commit_process.h"

#include "common/helper/helper_process.h"
#include "common/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct commit_process {
    struct helper_process helper;
    uint64_t ordered, answered; /* commits */
};

struct order {
    uint64_t ticket;
    struct journal journal;
    struct commit_dead_letters dead_letters;
};

/* ---- in the process ---- */

static void serve(int socket, const struct commit_place *place)
{
    struct order order;
    struct commit_answer answer;
    while (helper_receive(socket, &order, sizeof order, 0) == sizeof order) {
        memset(&answer, 0, sizeof answer);
        answer.ticket = order.ticket;
        answer.next = order.journal.position.next;
        answer.offset = order.journal.offset;
        answer.error =
            commit_make(place, &order.journal, &order.dead_letters, &answer.step);
        if (helper_send(socket, &answer, sizeof answer, 0) < 0 || answer.error < 0)
            return;
    }
}

/* One that we may write to, and not read, can be named, but has no fsync. */
static int open_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 && errno == EACCES ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)
                                     : fd;
}

struct paths {
    const char *journal, *dead_letters;
};

static void live(int socket, int output, void *context)
{
    const struct paths *paths = context;
    char name[PATH_MAX], directory[PATH_MAX];
    snprintf(name, sizeof name, "%s", paths->journal);
    snprintf(directory, sizeof directory, "%s", paths->journal);
    struct commit_place place = {
        .output = output,
        .directory = open_directory(dirname(directory)),
        .journal = basename(name),
        .dead_letters = paths->dead_letters,
    };
    if (place.directory >= 0)
        serve(socket, &place);
}

/* ---- in the sink ---- */

int commit_process_start(int output, const char *journal, const char *dead_letters,
                         struct commit_process **ret_process)
{
    struct paths paths = {journal, dead_letters};
    struct helper_process helper;
    int result = helper_process_start(
        &(struct helper_task){
            .name = "fanfold-commit", .work = live, .context = &paths, .kept = output},
        &helper);
    if (result < 0)
        return result;
    *ret_process = allocate_zeroed(1, sizeof **ret_process);
    (*ret_process)->helper = helper;
    return 0;
}

bool commit_process_is_idle(const struct commit_process *commit_process)
{
    return !commit_process || commit_process->ordered == commit_process->answered;
}

void commit_process_stop(struct commit_process **commit_process_p)
{
    struct commit_process *commit_process = *commit_process_p;
    if (!commit_process)
        return;
    /* A process that is not idle waits for the disk; init will wait for the process. */
    helper_process_stop(&commit_process->helper,
                        commit_process_is_idle(commit_process) ? -1 : 0);
    free(commit_process);
    *commit_process_p = NULL;
}

int commit_process_order(struct commit_process *commit_process, uint64_t ticket,
                         const struct journal *journal,
                         const struct commit_dead_letters *dead_letters)
{
    struct order order;
    memset(&order, 0, sizeof order); /* padding, too: no undefined byte goes out */
    order.ticket = ticket;
    order.journal = *journal;
    order.dead_letters = *dead_letters;
    int result =
        helper_send(commit_process->helper.socket, &order, sizeof order, MSG_DONTWAIT);
    if (result < 0)
        return result;
    commit_process->ordered++;
    return 0;
}

int commit_process_take(struct commit_process *commit_process,
                        struct commit_answer *ret_answer)
{
    struct commit_answer answer;
    ssize_t size = helper_receive(commit_process->helper.socket, &answer, sizeof answer,
                                  MSG_DONTWAIT);
    if (size == -EAGAIN)
        return 0;
    if (size != sizeof answer)
        return size < 0 ? (int)size : -EPIPE;
    commit_process->answered++;
    *ret_answer = answer;
    return 1;
}

int commit_process_descriptor(const struct commit_process *commit_process)
{
    return commit_process->helper.socket;
}
