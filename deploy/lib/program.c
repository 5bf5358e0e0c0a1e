/* SPDX-License-Identifier: MIT */
/*
 * posix_spawn runs nothing of the caller in the child. The child gets a process group
 * of its own, so that Ctrl-C reaches the caller alone, which decides. It needs no
 * signal when the caller dies: it reads the end of its input, and its output breaks.
 */
#include "deploy/lib/program.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum {
    SOCKET_BYTES = 1 << 20,
    ASKED_MS = 3000, /* from SIGTERM until SIGKILL */
    KILLED_MS = 2000,
};

/* ---- where it is ---- */

static char *executable(const char *folder, size_t length, const char *rest)
{
    struct stat file;
    char *path;
    if (asprintf(&path, "%.*s%s", (int)length, folder, rest) < 0)
        return NULL;
    if (stat(path, &file) == 0 && S_ISREG(file.st_mode) && access(path, X_OK) == 0)
        return path;
    free(path);
    return NULL;
}

/* The folder of this library, or of the program that it is a part of: installed,
 * LIBDIR beside bin, or LIBDIR/TRIPLET; in the build directory, deploy/lib. */
static char *find_beside(void)
{
    static const char *const places[] = {"/../bin/fanfold", "/../../bin/fanfold",
                                         "/../local/fanfold", "/fanfold"};
    Dl_info own;
    char *path = NULL, *real;
    if (!dladdr((const void *)(uintptr_t)&program_find, &own) || !own.dli_fname)
        return NULL;
    real = realpath(own.dli_fname, NULL);
    char *slash = real ? strrchr(real, '/') : NULL;
    for (size_t i = 0; slash && !path && i < sizeof places / sizeof *places; i++)
        path = executable(real, (size_t)(slash - real), places[i]);
    free(real);
    return path;
}

static char *find_in_path(void)
{
    const char *folder = getenv("PATH");
    char *path = NULL;
    while (folder && !path) {
        size_t length = strcspn(folder, ":");
        if (length > 0)
            path = executable(folder, length, "/fanfold");
        folder = folder[length] ? folder + length + 1 : NULL;
    }
    return path;
}

char *program_find(const char *named)
{
    if (!named)
        named = getenv("FANFOLD_PROGRAM");
    if (named)
        return executable(named, strlen(named), "");
    char *path = find_beside();
    return path ? path : find_in_path();
}

/* ---- its start ---- */

/* The ends that the child gets. */
struct ends {
    int input, output, errors;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int open_pair(int *ours, int *theirs, int shut)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    int bytes = SOCKET_BYTES; /* as many as the system allows */
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    shutdown(pair[0], shut);
    *ours = pair[0];
    *theirs = pair[1];
    return 0;
}

static int open_ends(struct program *program, struct ends *ends)
{
    int pipe_ends[2];
    int rc = open_pair(&program->input, &ends->input, SHUT_RD);
    if (rc == 0)
        rc = open_pair(&program->output, &ends->output, SHUT_WR);
    if (rc == 0 && pipe2(pipe_ends, O_CLOEXEC) < 0)
        rc = -errno;
    if (rc < 0)
        return rc;
    program->errors = pipe_ends[0];
    ends->errors = pipe_ends[1];
    return fcntl(program->errors, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, plain;
    sigemptyset(&none);
    sigemptyset(&plain);
    sigaddset(&plain, SIGPIPE);
    sigaddset(&plain, SIGINT);
    sigaddset(&plain, SIGTERM);
    sigaddset(&plain, SIGCHLD);
    int rc = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP |
                                                      POSIX_SPAWN_SETSIGDEF |
                                                      POSIX_SPAWN_SETSIGMASK);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(attributes, &none);
    return rc ? rc : posix_spawnattr_setsigdefault(attributes, &plain);
}

static int move_ends(posix_spawn_file_actions_t *actions, const struct ends *ends)
{
    int rc = posix_spawn_file_actions_adddup2(actions, ends->input, STDIN_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, ends->output, STDOUT_FILENO);
    return rc ? rc
              : posix_spawn_file_actions_adddup2(actions, ends->errors, STDERR_FILENO);
}

static int spawn(pid_t *pid, const char *path, char *const *words,
                 const struct ends *ends)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc)
        return -rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = set_attributes(&attributes);
        if (rc == 0)
            rc = move_ends(&actions, ends);
        if (rc == 0)
            rc = posix_spawn(pid, path, &actions, &attributes, words, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

/* posix_spawn's dup2 would leave an end close-on-exec if it had 0, 1 or 2 already, as
 * it may where the caller has closed its own. */
static int lift(int *fd)
{
    if (*fd > STDERR_FILENO)
        return 0;
    int higher = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (higher < 0)
        return -errno;
    close(*fd);
    *fd = higher;
    return 0;
}

int program_start(struct program *program, const char *path, char *const *words)
{
    struct ends ends = {-1, -1, -1};
    *program = (struct program){0, -1, -1, -1, -1, -1};
    int rc = open_ends(program, &ends);
    if (rc == 0)
        rc = lift(&ends.input);
    if (rc == 0)
        rc = lift(&ends.output);
    if (rc == 0)
        rc = lift(&ends.errors);
    if (rc == 0)
        rc = spawn(&program->pid, path, words, &ends);
    close_fd(&ends.input);
    close_fd(&ends.output);
    close_fd(&ends.errors);
    if (rc == 0)
        program->fd = (int)syscall(SYS_pidfd_open, program->pid, 0);
    else
        program_close(program);
    return rc;
}

/* ---- its end ---- */

bool program_ended(struct program *program)
{
    siginfo_t info = {.si_pid = 0};
    if (program->pid == 0)
        return true;
    int rc = waitid(P_PID, (id_t)program->pid, &info, WEXITED | WNOHANG);
    if (rc < 0 && errno != ECHILD)
        return false;
    if (rc == 0 && info.si_pid == 0)
        return false;
    if (rc < 0) { /* someone else has waited for it, or SIGCHLD is ignored */
        struct pollfd polled = {.fd = program->fd, .events = POLLIN};
        if (program->fd >= 0 && poll(&polled, 1, 0) <= 0)
            return false;
    } else {
        program->status = info.si_code == CLD_EXITED ? info.si_status
                                                     : 128 + info.si_status;
    }
    program->pid = 0;
    return true;
}

bool program_await_end(struct program *program, int timeout_ms)
{
    struct pollfd polled = {.fd = program->fd, .events = POLLIN};
    if (program->pid != 0 && program->fd >= 0)
        (void)poll(&polled, 1, timeout_ms);
    while (!program_ended(program) && program->fd < 0 && timeout_ms-- > 0)
        (void)poll(NULL, 0, 1);
    return program_ended(program);
}

void program_signal(struct program *program, int signal)
{
    if (program->pid != 0 && program->fd < 0)
        kill(program->pid, signal);
    else if (program->pid != 0)
        (void)syscall(SYS_pidfd_send_signal, program->fd, signal, NULL, 0);
}

/* fanfold ends what its workers run at the second SIGTERM. */
void program_stop(struct program *program)
{
    if (program_ended(program))
        return;
    program_signal(program, SIGTERM);
    program_signal(program, SIGTERM);
    if (program_await_end(program, ASKED_MS))
        return;
    program_signal(program, SIGKILL);
    program_await_end(program, KILLED_MS);
}

void program_describe_end(const struct program *program, char *text, size_t size)
{
    int status = program->status;
    if (status < 0)
        snprintf(text, size, "fanfold has ended, nobody knows how");
    else if (status > 128)
        snprintf(text, size, "fanfold was ended by signal %d", status - 128);
    else
        snprintf(text, size, "fanfold ended with status %d", status);
}

void program_close(struct program *program)
{
    close_fd(&program->input);
    close_fd(&program->output);
    close_fd(&program->errors);
    close_fd(&program->fd);
}
