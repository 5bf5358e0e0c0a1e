/* SPDX-License-Identifier: MIT */
#include "deploy/slurm/command.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/memory.h"
#include "common/process/fds.h"
#include "common/process/strangers.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_US (30 * SECOND_US)

enum { TEXT_LIMIT = 64 << 20 };

extern char **environ;

/* A job must not take the slots and the numbers of the allocation that this program
 * runs in for its own. */
static void forget_allocation(void)
{
    for (char **entry = environ; *entry;) {
        char *end = strchr(*entry, '=');
        bool theirs = strncmp(*entry, "SLURM_", strlen("SLURM_")) == 0 &&
                      strncmp(*entry, "SLURM_CONF=", strlen("SLURM_CONF=")) != 0;
        if (!theirs || !end) {
            entry++;
            continue;
        }
        char *name = allocate_text("%.*s", (int)(end - *entry), *entry);
        unsetenv(name);
        free(name);
        entry = environ;
    }
}

static void become(const char *const *argv, int out, const struct slurm_config *config)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    forget_allocation();
    config->in_child(config->context);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    const char *text = strerror(errno);
    if (write(STDERR_FILENO, text, strlen(text)) < 0)
        _exit(STATUS_CANNOT_EXECUTE);
    _exit(STATUS_NOT_FOUND);
}

int command_start(struct command *command, const char *const *argv,
                  const struct slurm_config *config, int64_t now_us)
{
    int theirs;
    command_end(command);
    int result = pipe_open(PIPE_READ, &command->out, &theirs);
    if (result < 0)
        return result;
    fcntl(command->out, F_SETFL, O_NONBLOCK);
    pid_t pid = fork();
    if (pid == 0)
        become(argv, theirs, config);
    result = pid < 0 ? -errno : 0;
    fd_close(&theirs);
    if (result < 0) {
        fd_close(&command->out);
        return result;
    }
    strangers_spare(pid);
    command->pid = pid;
    command->limit_us = now_us + LIMIT_US;
    return 0;
}

static void read_text(struct command *command)
{
    char bytes[16384];
    ssize_t size = 1;
    while (command->out >= 0 && size > 0) {
        size = read(command->out, bytes, sizeof bytes);
        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (size <= 0 || command->size + (size_t)size > TEXT_LIMIT) {
            fd_close(&command->out);
            return;
        }
        command->text = reallocate(command->text, command->size + (size_t)size + 1, 1);
        memcpy(command->text + command->size, bytes, (size_t)size);
        command->size += (size_t)size;
        command->text[command->size] = '\0';
    }
}

bool command_ended(struct command *command, int64_t now_us)
{
    int status;
    if (!command->pid)
        return false;
    read_text(command);
    if (now_us >= command->limit_us)
        kill(command->pid, SIGKILL);
    pid_t reaped = waitpid(command->pid, &status, WNOHANG);
    if (reaped == 0 || (reaped < 0 && errno == EINTR))
        return false;
    read_text(command); /* what it printed since */
    fd_close(&command->out);
    strangers_release(command->pid);
    command->pid = 0;
    command->status = reaped < 0            ? STATUS_IO
                      : WIFSIGNALED(status) ? STATUS_SIGNAL + WTERMSIG(status)
                                            : WEXITSTATUS(status);
    if (!command->text)
        command->text = allocate_zeroed(1, 1);
    return true;
}

void command_end(struct command *command)
{
    if (command->pid) {
        kill(command->pid, SIGKILL);
        while (waitpid(command->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        strangers_release(command->pid);
    }
    fd_close(&command->out);
    free(command->text);
    *command = COMMAND_NONE;
}
