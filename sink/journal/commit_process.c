/* SPDX-License-Identifier: MIT */
/*
 * Orders and answers are structs on a socket that keeps their borders: both ends are
 * the same program. After a commit that failed the process makes no other: what the
 * kernel said once of a lost write it does not say twice.
 */
#include "sink/journal/commit_process.h"

#include "common/memory.h"
#include "common/process/signals.h"
#include "common/process/strangers.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct commit_process {
    pid_t pid;
    int socket;
    uint64_t ordered, answered; /* commits */
};

struct order {
    uint64_t ticket;
    struct journal journal;
    struct commit_dead_letters dead_letters;
};

/* ---- in the process ---- */

/* Closes all of the sink's descriptors but the socket and the output: whoever waits for
 * the end of a pipe that the sink had must not wait for a disk. */
static void keep_only(int *socket, int *output)
{
    enum { SOCKET = STDERR_FILENO + 1, OUTPUT, BEHIND };
    int nothing = open("/dev/null", O_RDWR);
    int high_socket = fcntl(*socket, F_DUPFD_CLOEXEC, BEHIND);
    int high_output = fcntl(*output, F_DUPFD_CLOEXEC, BEHIND);
    if (nothing < 0 || high_socket < 0 || high_output < 0)
        _exit(EXIT_FAILURE);
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        dup2(nothing, fd);
    *socket = dup2(high_socket, SOCKET);
    *output = dup2(high_output, OUTPUT);
    close_range(BEHIND, UINT_MAX, 0);
}

static bool receive_order(int socket, struct order *ret_order)
{
    ssize_t size;
    do
        size = recv(socket, ret_order, sizeof *ret_order, 0);
    while (size < 0 && errno == EINTR);
    return size == sizeof *ret_order;
}

static void serve(int socket, const struct commit_place *place)
{
    struct order order;
    struct commit_answer answer;
    while (receive_order(socket, &order)) {
        memset(&answer, 0, sizeof answer);
        answer.ticket = order.ticket;
        answer.next = order.journal.position.next;
        answer.offset = order.journal.offset;
        answer.error =
            commit_make(place, &order.journal, &order.dead_letters, &answer.step);
        if (send(socket, &answer, sizeof answer, MSG_NOSIGNAL) < 0 || answer.error < 0)
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

static void live(int socket, int output, const char *journal, const char *dead_letters)
    __attribute__((noreturn));

static void live(int socket, int output, const char *journal, const char *dead_letters)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ};
    char name[PATH_MAX], directory[PATH_MAX];
    signals_ignore(ignored, sizeof ignored / sizeof *ignored);
    prctl(PR_SET_NAME, "fanfold-commit");
    keep_only(&socket, &output);
    snprintf(name, sizeof name, "%s", journal);
    snprintf(directory, sizeof directory, "%s", journal);
    struct commit_place place = {
        .output = output,
        .directory = open_directory(dirname(directory)),
        .journal = basename(name),
        .dead_letters = dead_letters,
    };
    if (place.directory >= 0)
        serve(socket, &place);
    _exit(EXIT_SUCCESS);
}

/* ---- in the sink ---- */

int commit_process_start(int output, const char *journal, const char *dead_letters,
                         struct commit_process **ret_process)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return -errno;
    pid_t pid = fork();
    if (pid < 0) {
        int error = errno;
        close(ends[0]);
        close(ends[1]);
        return -error;
    }
    if (pid == 0)
        live(ends[1], output, journal, dead_letters);
    close(ends[1]);
    struct commit_process *commit_process = allocate_zeroed(1, sizeof *commit_process);
    commit_process->pid = pid;
    strangers_spare(pid);
    commit_process->socket = ends[0];
    *ret_process = commit_process;
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
    bool idle = commit_process_is_idle(commit_process);
    close(commit_process->socket);
    /* A process that is not idle waits for the disk; init will wait for the process. */
    while (waitpid(commit_process->pid, NULL, idle ? 0 : WNOHANG) < 0 && errno == EINTR)
        ;
    strangers_release(commit_process->pid);
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
    ssize_t size;
    do
        size = send(commit_process->socket, &order, sizeof order,
                    MSG_NOSIGNAL | MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return errno == ECONNRESET ? -EPIPE : -errno;
    commit_process->ordered++;
    return 0;
}

int commit_process_take(struct commit_process *commit_process,
                        struct commit_answer *ret_answer)
{
    struct commit_answer answer;
    ssize_t size;
    do
        size = recv(commit_process->socket, &answer, sizeof answer, MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return errno == EAGAIN ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
    if (size != sizeof answer)
        return -EPIPE;
    commit_process->answered++;
    *ret_answer = answer;
    return 1;
}

int commit_process_descriptor(const struct commit_process *commit_process)
{
    return commit_process->socket;
}
