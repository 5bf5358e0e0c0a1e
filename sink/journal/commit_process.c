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

/* Room for one descriptor beside an answer. */
union passed_output {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

/* `output`: -1, or one that goes with it. */
static bool send_answer(int socket, const struct commit_answer *answer, int output)
{
    struct iovec vector = {.iov_base = (void *)answer, .iov_len = sizeof *answer};
    union passed_output passed = {.bytes = {0}};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (output >= 0) {
        message.msg_control = &passed;
        message.msg_controllen = sizeof passed;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof output);
        memcpy(CMSG_DATA(head), &output, sizeof output);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL) >= 0;
}

static void serve(int socket, struct commit_place *place)
{
    struct order order;
    struct commit_answer answer;
    while (helper_receive(socket, &order, sizeof order, 0) == sizeof order) {
        bool part = order.journal.closing;
        memset(&answer, 0, sizeof answer);
        answer.ticket = order.ticket;
        answer.error = (part ? commit_part(place, &order.journal, &order.dead_letters,
                                           &answer.step)
                             : commit_make(place, &order.journal, &order.dead_letters,
                                           &answer.step));
        answer.next = order.journal.position.next;
        answer.offset = order.journal.offset;
        if (!send_answer(socket, &answer,
                         part && answer.error == 0 ? place->output : -1) ||
            answer.error < 0)
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

static void live(int socket, int output, void *context)
{
    const struct commit_process_config *config = context;
    char name[PATH_MAX], directory[PATH_MAX], parts_of[PATH_MAX];
    snprintf(name, sizeof name, "%s", config->journal);
    snprintf(directory, sizeof directory, "%s", config->journal);
    snprintf(parts_of, sizeof parts_of, "%s", config->parts_of ? config->parts_of : "");
    struct commit_place place = {
        .output = output,
        .directory = open_directory(dirname(directory)),
        .journal = basename(name),
        .dead_letters = config->dead_letters,
        .name = config->parts_of ? basename(parts_of) : NULL,
        .part_files = config->part_files ? open_directory(config->part_files) : -1,
    };
    if (place.directory >= 0 && (!config->part_files || place.part_files >= 0))
        serve(socket, &place);
}

/* ---- in the sink ---- */

int commit_process_start(const struct commit_process_config *config,
                         struct commit_process **ret_process)
{
    struct helper_process helper;
    int result = helper_process_start(&(struct helper_task){.name = "fanfold-commit",
                                                            .work = live,
                                                            .context = (void *)config,
                                                            .kept = config->output},
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
    struct iovec vector = {.iov_base = &answer, .iov_len = sizeof answer};
    union passed_output passed;
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &passed,
                             .msg_controllen = sizeof passed};
    ssize_t size;
    do
        size = recvmsg(commit_process->helper.socket, &message,
                       MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return errno == EAGAIN ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
    if (size != sizeof answer)
        return size < 0 ? (int)size : -EPIPE;
    commit_process->answered++;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    answer.output = -1;
    if (head && head->cmsg_type == SCM_RIGHTS)
        memcpy(&answer.output, CMSG_DATA(head), sizeof answer.output);
    *ret_answer = answer;
    return 1;
}

int commit_process_descriptor(const struct commit_process *commit_process)
{
    return commit_process->helper.socket;
}
