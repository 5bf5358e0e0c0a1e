/* SPDX-License-Identifier: MIT */
/*
 * The supervisor is forked first, and only then does the keeper leave for a session of
 * its own: the user's programs stay in the terminal's. A keeper in another session also
 * leaves it to others whether the worker's process group counts as orphaned.
 */
#include "worker/supervisor/keeper.h"
#include "common/exit_status.h"
#include "common/process/descendants.h"
#include "common/process/fds.h"
#include "common/process/settle_in.h"
#include "common/process/worker_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void keep_only(const int *fds, unsigned count)
{
    unsigned from = STDERR_FILENO + 1;
    for (;;) { /* the next one that is kept */
        unsigned next = ~0u;
        for (unsigned i = 0; i < count; i++)
            if (fds[i] >= (int)from && (unsigned)fds[i] < next)
                next = (unsigned)fds[i];
        if (next > from)
            close_range(from, next == ~0u ? ~0u : next - 1, 0);
        if (next == ~0u)
            return;
        from = next + 1;
    }
}

/* Reaps until the supervisor has ended; its wait status. */
static int await(pid_t supervisor)
{
    int status = 0;
    for (;;) {
        pid_t pid = waitpid(-1, &status, 0);
        if (pid == supervisor)
            return status;
        if (pid < 0 && errno != EINTR)
            return -1;
    }
}

static void keep(pid_t supervisor, int end, struct worker_cgroup *cgroup, int keeper_fd)
{
    setsid();
    keep_only((const int[]){end, cgroup->fd, keeper_fd}, 3);
    int status = await(supervisor);
    worker_cgroup_kill(cgroup);
    if (descendants_end() > 0 && status != 0)
        descendants_tell_left();
    worker_cgroup_remove(cgroup);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_IO);
}

pid_t keeper_fork(int keeper_fd, void (*run)(void *context, int keeper), void *context)
{
    struct worker_cgroup cgroup;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid != 0) {
        int error = errno;
        close(ends[0]);
        close(ends[1]);
        return pid < 0 ? -error : pid;
    }
    settle_in("fanfold-keeper");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    worker_cgroup_make(&cgroup);
    pid_t supervisor = worker_cgroup_fork(&cgroup);
    if (supervisor < 0)
        _exit(STATUS_IO);
    if (supervisor == 0) {
        close(ends[1]);
        if (keeper_fd > STDERR_FILENO)
            close(keeper_fd);
        run(context, ends[0]);
        _exit(0);
    }
    close(ends[0]);
    keep(supervisor, ends[1], &cgroup, keeper_fd);
    abort(); /* it does not return */
}
