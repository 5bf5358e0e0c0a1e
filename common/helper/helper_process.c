/* SPDX-License-Identifier: MIT */
#include "common/helper/helper_process.h"

#include "common/process/process_handle.h"
#include "common/process/signals.h"
#include "common/process/strangers.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Closes all of the program's descriptors but these: whoever waits for the end of a
 * pipe that the program had must not wait for a disk. */
static void keep_only(int *socket, int *kept, bool talks)
{
    enum { SOCKET = STDERR_FILENO + 1, KEPT, BEHIND };
    int nothing = open("/dev/null", O_RDWR);
    int high_socket = fcntl(*socket, F_DUPFD_CLOEXEC, BEHIND);
    int high_kept = *kept < 0 ? -1 : fcntl(*kept, F_DUPFD_CLOEXEC, BEHIND);
    if (nothing < 0 || high_socket < 0 || (*kept >= 0 && high_kept < 0))
        _exit(EXIT_FAILURE);
    for (int fd = 0; fd <= (talks ? STDOUT_FILENO : STDERR_FILENO); fd++)
        dup2(nothing, fd);
    *socket = dup2(high_socket, SOCKET);
    close(KEPT);
    *kept = *kept < 0 ? -1 : dup2(high_kept, KEPT);
    close_range(BEHIND, UINT_MAX, 0);
}

static void live(const struct helper_task *task, int socket) __attribute__((noreturn));

static void live(const struct helper_task *task, int socket)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ};
    int kept = task->kept;
    signals_ignore(ignored, sizeof ignored / sizeof *ignored);
    prctl(PR_SET_NAME, task->name);
    keep_only(&socket, &kept, task->talks);
    task->work(socket, kept, task->context);
    _exit(EXIT_SUCCESS);
}

int helper_process_start(const struct helper_task *task,
                         struct helper_process *ret_helper)
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
        live(task, ends[1]);
    close(ends[1]);
    strangers_spare(pid);
    *ret_helper = (struct helper_process){.pid = pid, .socket = ends[0]};
    return 0;
}

bool helper_process_stop(struct helper_process *helper, int wait_ms)
{
    int status = -1;
    if (helper->pid == 0)
        return true;
    close(helper->socket);
    if (child_await_end(helper->pid, wait_ms))
        waitpid(helper->pid, &status, WNOHANG);
    strangers_release(helper->pid);
    *helper = (struct helper_process){.socket = -1};
    return status == 0;
}

ssize_t helper_receive(int socket, void *data, size_t size, int flags)
{
    ssize_t got;
    do
        got = recv(socket, data, size, flags);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == ECONNRESET ? 0 : -errno;
    return got;
}

int helper_send(int socket, const void *data, size_t size, int flags)
{
    ssize_t sent;
    do
        sent = send(socket, data, size, flags | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == ECONNRESET ? -EPIPE : -errno;
    return 0;
}
