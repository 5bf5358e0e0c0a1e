/* SPDX-License-Identifier: MIT */
/*
 * Orders and answers are structs on a socket that keeps their borders: both ends are
 * the same program. After a commit that failed none is tried again: what the kernel
 * said once of a lost write it does not say twice.
 */
#include "sink/committer.h"

#include "common/memory.h"
#include <assert.h>
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

struct committer {
    pid_t pid;
    int socket;
    uint64_t ordered, answered; /* commits */
};

struct order {
    uint64_t ticket;
    struct journal journal;
    struct commit_letters letters;
};

/* ---- in the process ---- */

/* Nothing of the sink's but the socket and the output: whoever waits for the end of a
 * pipe that the sink had must not wait for a disk. */
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
        answer.error = commit_make(place, &order.journal, &order.letters, &answer.step);
        if (send(socket, &answer, sizeof answer, MSG_NOSIGNAL) < 0 || answer.error < 0)
            return;
    }
}

static void ignore_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        signal(numbers[i], SIG_IGN);
}

static void live(int socket, int output, const char *journal, const char *letters)
    __attribute__((noreturn));

static void live(int socket, int output, const char *journal, const char *letters)
{
    char name[PATH_MAX], directory[PATH_MAX];
    ignore_signals();
    prctl(PR_SET_NAME, "fanfold-commit");
    keep_only(&socket, &output);
    snprintf(name, sizeof name, "%s", journal);
    snprintf(directory, sizeof directory, "%s", journal);
    struct commit_place place = {
        .output = output,
        .directory = open(dirname(directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .journal = basename(name),
        .letters = letters,
    };
    if (place.directory >= 0)
        serve(socket, &place);
    _exit(EXIT_SUCCESS);
}

/* ---- in the sink ---- */

int committer_start(int output, const char *journal, const char *letters,
                    struct committer **ret_committer)
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
        live(ends[1], output, journal, letters);
    close(ends[1]);
    struct committer *committer = allocate_zeroed(1, sizeof *committer);
    committer->pid = pid;
    committer->socket = ends[0];
    *ret_committer = committer;
    return 0;
}

bool committer_is_idle(const struct committer *committer)
{
    return committer == NULL || committer->ordered == committer->answered;
}

void committer_stop(struct committer **committer_p)
{
    struct committer *committer = *committer_p;
    if (committer == NULL)
        return;
    bool idle = committer_is_idle(committer);
    close(committer->socket);
    /* Else it is on the disk, for as long as that takes; init will wait for it. */
    while (waitpid(committer->pid, NULL, idle ? 0 : WNOHANG) < 0 && errno == EINTR)
        ;
    free(committer);
    *committer_p = NULL;
}

int committer_order(struct committer *committer, uint64_t ticket,
                    const struct journal *journal, const struct commit_letters *letters)
{
    struct order order;
    memset(&order, 0, sizeof order); /* padding, too: nothing undefined goes out */
    order.ticket = ticket;
    order.journal = *journal;
    order.letters = *letters;
    ssize_t size;
    do
        size =
            send(committer->socket, &order, sizeof order, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return errno == ECONNRESET ? -EPIPE : -errno;
    committer->ordered++;
    return 0;
}

int committer_take(struct committer *committer, struct commit_answer *ret_answer)
{
    struct commit_answer answer;
    ssize_t size;
    do
        size = recv(committer->socket, &answer, sizeof answer, MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return errno == EAGAIN ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
    if (size != sizeof answer)
        return -EPIPE;
    committer->answered++;
    *ret_answer = answer;
    return 1;
}

int committer_descriptor(const struct committer *committer)
{
    return committer->socket;
}
