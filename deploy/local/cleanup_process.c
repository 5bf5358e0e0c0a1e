/* SPDX-License-Identifier: MIT */
/*
 * Answerable for the clean-up if the launcher is killed. The two ends of a socket pair
 * exchange whole records: the cleanup process sends one `struct birth`, the launcher
 * one `struct role_change` whenever a role starts or ends. The end of the stream means
 * that the launcher is dead: at an orderly end, it kills the cleanup process first.
 */
#include "deploy/local/cleanup_process.h"
#include "common/memory.h"
#include "common/process/fds.h"
#include "deploy/local/private_dir.h"
#include "deploy/ssh/endpoint_file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct cleanup_process {
    pid_t pid;
    int socket;
    int lock; /* on the directory; -1: none */
    char directory[PRIVATE_DIR_PATH_MAX];
    char letters[PATH_MAX]; /* "": none */
    char *endpoint_file;    /* NULL: none */
    pid_t ventilator;       /* the last one; 0: none was */
};

struct birth {
    int error; /* 0 or -errno */
    char directory[PRIVATE_DIR_PATH_MAX];
    int letters_error; /* likewise */
    char letters[PATH_MAX];
};

struct role_change {
    enum role role;
    pid_t pid;
};

/* How long the cleanup process waits for the end of a killed role. */
enum { ROLE_END_MS = 5000 };

/* ---- in the cleanup process ---- */

/* Lets go of everything that the launcher has open, and of its session. */
static void detach(int socket)
{
    sigset_t all;
    int null = open("/dev/null", O_RDWR);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    setsid();
    prctl(PR_SET_NAME, "fanfold-cleanup");
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    if (socket > 3)
        close_range(3, (unsigned)socket - 1, 0);
    close_range((unsigned)socket + 1, ~0u, 0);
    if (chdir("/") < 0)
        return; /* it only keeps our directory busy */
}

/* Keeps a descriptor of the process: the kernel may give its pid to another one. */
static void note_change(int processes[ROLE_COUNT], const struct role_change *change)
{
    int *process = &processes[change->role];
    fd_close(process);
    *process = change->pid > 0 ? pidfd_open(change->pid, 0) : -1;
}

static void end_role(int process)
{
    struct pollfd ended = {.fd = process, .events = POLLIN};
    if (process < 0)
        return;
    pidfd_send_signal(process, SIGKILL, NULL, 0);
    poll(&ended, 1, ROLE_END_MS);
}

static void remove_all(const char *directory, const char *letters)
{
    if (*directory)
        private_dir_remove(directory);
    if (*letters)
        private_dir_remove(letters);
}

static void run_cleanup(int socket, const char *endpoint_file, bool letters)
{
    struct birth birth = {.error = 0};
    struct role_change change;
    pid_t ventilator = 0;
    int processes[ROLE_COUNT] = {-1, -1, -1};
    detach(socket);
    int lock = private_dir_make(birth.directory); /* kept until the end */
    birth.error = lock < 0 ? lock : 0;
    if (letters && lock >= 0)
        birth.letters_error =
            private_dir_make_letters(birth.letters, sizeof birth.letters);
    send(socket, &birth, sizeof birth, MSG_NOSIGNAL);
    while (recv(socket, &change, sizeof change, 0) == sizeof change) {
        note_change(processes, &change);
        if (change.role == ROLE_VENTILATOR && change.pid > 0)
            ventilator = change.pid;
    }
    for (int i = 0; i < ROLE_COUNT; i++)
        end_role(processes[i]);
    endpoint_file_sweep(endpoint_file, ventilator);
    if (birth.error == 0)
        remove_all(birth.directory, birth.letters_error == 0 ? birth.letters : "");
}

/* ---- in the launcher ---- */

/* Wherever the working directory is later; NULL: none. */
static char *make_absolute(const char *path)
{
    char *here = path && *path != '/' ? getcwd(NULL, 0) : NULL;
    char *absolute =
        path ? allocate_text("%s%s%s", here ? here : "", here ? "/" : "", path) : NULL;
    free(here);
    return absolute;
}

static int fail_start(int failure, char *error, size_t error_size)
{
    snprintf(error, error_size, "cannot start a process: %s", strerror(-failure));
    return failure;
}

static int receive_birth(struct cleanup_process *cleanup, char *error,
                         size_t error_size)
{
    struct birth birth;
    ssize_t size = recv(cleanup->socket, &birth, sizeof birth, 0);
    if (size != sizeof birth)
        return fail_start(size < 0 ? -errno : -ECHILD, error, error_size);
    if (birth.error < 0) {
        snprintf(error, error_size,
                 "cannot make a private directory in %.100s: %s; TMPDIR names another "
                 "place",
                 birth.directory, strerror(-birth.error));
        return birth.error;
    }
    strcpy(cleanup->directory, birth.directory);
    if (birth.letters_error < 0) {
        snprintf(error, error_size,
                 "cannot make a directory for dead letters, %.200s: %s; TMPDIR names "
                 "another place",
                 birth.letters, strerror(-birth.letters_error));
        return birth.letters_error;
    }
    strcpy(cleanup->letters, birth.letters);
    /* A second lock, in case that something kills the cleanup process alone. */
    cleanup->lock = private_dir_lock(cleanup->directory);
    return 0;
}

int cleanup_process_start(struct cleanup_process **ret_cleanup,
                          const char *endpoint_file, bool letters, char *error,
                          size_t error_size)
{
    struct cleanup_process *cleanup = allocate_zeroed(1, sizeof *cleanup);
    int ends[2];
    int result;
    cleanup->lock = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        result = fail_start(-errno, error, error_size);
        free(cleanup);
        return result;
    }
    cleanup->endpoint_file = make_absolute(endpoint_file);
    cleanup->pid = fork();
    if (cleanup->pid == 0) {
        run_cleanup(ends[1], cleanup->endpoint_file, letters);
        _exit(0);
    }
    result = cleanup->pid < 0 ? fail_start(-errno, error, error_size) : 0;
    close(ends[1]);
    cleanup->socket = ends[0];
    if (result == 0)
        result = receive_birth(cleanup, error, error_size);
    if (result < 0)
        cleanup_process_dismiss(&cleanup);
    else
        *ret_cleanup = cleanup;
    return result;
}

const char *cleanup_process_directory(const struct cleanup_process *cleanup)
{
    return cleanup->directory;
}

const char *cleanup_process_letters(const struct cleanup_process *cleanup)
{
    return *cleanup->letters ? cleanup->letters : NULL;
}

pid_t cleanup_process_pid(const struct cleanup_process *cleanup)
{
    return cleanup->pid;
}

void cleanup_process_watch(struct cleanup_process *cleanup, enum role role, pid_t pid)
{
    struct role_change change = {.role = role, .pid = pid};
    if (role == ROLE_VENTILATOR && pid > 0)
        cleanup->ventilator = pid;
    send(cleanup->socket, &change, sizeof change, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void cleanup_process_dismiss(struct cleanup_process **cleanup_p)
{
    struct cleanup_process *cleanup = *cleanup_p;
    if (!cleanup)
        return;
    remove_all(cleanup->directory, cleanup->letters);
    if (cleanup->pid > 0) {
        kill(cleanup->pid, SIGKILL);
        while (waitpid(cleanup->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    fd_close(&cleanup->socket);
    fd_close(&cleanup->lock);
    endpoint_file_sweep(cleanup->endpoint_file, cleanup->ventilator);
    free(cleanup->endpoint_file);
    free(cleanup);
    *cleanup_p = NULL;
}
