/* SPDX-License-Identifier: MIT */
/*
 * Answerable for what is left when the launcher dies without a word. Both ends of the
 * socket pair talk in whole records: the guardian sends one `struct birth`, the
 * launcher a `struct news` for each role that starts or ends. The end of the stream is
 * the launcher's death: before an end in good order, it kills its guardian.
 */
#include "deploy/local/guardian.h"
#include "common/memory.h"
#include "deploy/local/directory.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct guardian {
    pid_t pid;
    int socket;
    char directory[DIRECTORY_PATH_MAX];
};

struct birth {
    int error; /* 0 or -errno */
    char directory[DIRECTORY_PATH_MAX];
};

struct news {
    enum role role;
    pid_t pid;
};

/* How long it waits for a killed role to be gone. */
enum { ROLE_END_MS = 5000 };

/* From here on: the guardian's own process. */

static void shed(int socket)
{
    sigset_t all;
    int null = open("/dev/null", O_RDWR);

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    setsid();
    prctl(PR_SET_NAME, "fanfold-guard");
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    if (socket > 3)
        close_range(3, (unsigned)socket - 1, 0);
    close_range((unsigned)socket + 1, ~0u, 0);
    if (chdir("/") < 0)
        return; /* it merely stays where it is */
}

/* A process is held by its descriptor: its number may by then be another's. */
static void note(int processes[ROLE_COUNT], const struct news *news)
{
    int *process = &processes[news->role];

    if (*process >= 0)
        close(*process);
    *process = news->pid > 0 ? pidfd_open(news->pid, 0) : -1;
}

static void end_role(int process)
{
    struct pollfd ended = {.fd = process, .events = POLLIN};

    if (process < 0)
        return;
    pidfd_send_signal(process, SIGKILL, NULL, 0);
    poll(&ended, 1, ROLE_END_MS);
}

static void guard(int socket)
{
    struct birth birth = {.error = 0};
    struct news news;
    int processes[ROLE_COUNT] = {-1, -1, -1};

    shed(socket);
    birth.error = directory_make(birth.directory);
    send(socket, &birth, sizeof birth, MSG_NOSIGNAL);
    while (recv(socket, &news, sizeof news, 0) == sizeof news)
        note(processes, &news);
    for (int i = 0; i < ROLE_COUNT; i++)
        end_role(processes[i]);
    if (birth.error == 0)
        directory_remove(birth.directory);
}

/* From here on: the launcher's. */

static int receive_birth(struct guardian *guardian)
{
    struct birth birth;
    ssize_t size = recv(guardian->socket, &birth, sizeof birth, 0);

    if (size != sizeof birth)
        return size < 0 ? -errno : -ECHILD;
    if (birth.error == 0)
        strcpy(guardian->directory, birth.directory);
    return birth.error;
}

int guardian_start(struct guardian **ret_guardian)
{
    struct guardian *guardian = allocate_zeroed(1, sizeof *guardian);
    int ends[2];
    int result;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        result = -errno;
        free(guardian);
        return result;
    }
    guardian->pid = fork();
    if (guardian->pid == 0) {
        guard(ends[1]);
        _exit(0);
    }
    result = guardian->pid < 0 ? -errno : 0;
    close(ends[1]);
    guardian->socket = ends[0];
    if (result == 0)
        result = receive_birth(guardian);
    if (result < 0)
        guardian_dismiss(&guardian);
    else
        *ret_guardian = guardian;
    return result;
}

const char *guardian_directory(const struct guardian *guardian)
{
    return guardian->directory;
}

pid_t guardian_pid(const struct guardian *guardian)
{
    return guardian->pid;
}

void guardian_watch(struct guardian *guardian, enum role role, pid_t pid)
{
    struct news news = {.role = role, .pid = pid};

    send(guardian->socket, &news, sizeof news, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void guardian_dismiss(struct guardian **guardian_p)
{
    struct guardian *guardian = *guardian_p;

    if (!guardian)
        return;
    if (guardian->directory[0])
        directory_remove(guardian->directory);
    if (guardian->pid > 0) {
        kill(guardian->pid, SIGKILL);
        while (waitpid(guardian->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    close(guardian->socket);
    free(guardian);
    *guardian_p = NULL;
}
