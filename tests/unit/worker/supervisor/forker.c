/* SPDX-License-Identifier: MIT */
/*
 * A program that forks its slots by FORK/1, in as few lines as possible; or, by its
 * first argument, a program that breaks FORK/1. A slot answers with its number, and
 * then copies its input.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void serve(const char *number)
{
    char bytes[4096];
    if (write(STDOUT_FILENO, number, strlen(number)) < 0)
        _exit(1);
    for (ssize_t got; (got = read(STDIN_FILENO, bytes, sizeof bytes)) > 0;)
        if (write(STDOUT_FILENO, bytes, (size_t)got) < 0)
            _exit(1);
    _exit(0);
}

/* Forks twice, and returns when the process in between is gone. */
static pid_t fork_slot(const char *number, const int streams[3], int link)
{
    int pipe_ends[2];
    pid_t pid = 0;
    if (pipe(pipe_ends) < 0)
        return -1;
    pid_t between = fork();
    if (between == 0) {
        if ((pid = fork()) == 0) {
            setpgid(0, 0);
            for (int i = 0; i < 3; i++)
                dup2(streams[i], i);
            close(link);
            serve(number);
        }
        _exit(write(pipe_ends[1], &pid, sizeof pid) < 0);
    }
    waitpid(between, NULL, 0);
    if (read(pipe_ends[0], &pid, sizeof pid) < 0)
        pid = -1;
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    return pid;
}

static int take_request(int link, char *text, size_t size, int streams[3])
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(3 * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = text, .iov_len = size - 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(link, &message, MSG_CMSG_CLOEXEC);
    if (got <= 0 || !CMSG_FIRSTHDR(&message))
        return -1;
    text[got] = '\0';
    memcpy(streams, CMSG_DATA(CMSG_FIRSTHDR(&message)), 3 * sizeof(int));
    return 0;
}

static void say(int link, const char *text)
{
    if (send(link, text, strlen(text), MSG_NOSIGNAL) < 0)
        exit(9);
}

/* The answer: the slot's pid, or what the test wants in its place. */
static void answer(const char *cause, int link, const char *number,
                   const int streams[3])
{
    char text[128];
    if (strcmp(cause, "mute") == 0)
        return;
    if (strcmp(cause, "dies") == 0)
        raise(SIGSEGV);
    if (strcmp(cause, "babbles") == 0)
        snprintf(text, sizeof text, "slot %s here\n", number);
    else if (strcmp(cause, "cannot") == 0)
        snprintf(text, sizeof text, "slot %s error no room", number);
    else if (strcmp(cause, "lies") == 0)
        snprintf(text, sizeof text, "slot %s %d", number, (int)getpid());
    else if (strcmp(cause, "stranger") == 0)
        snprintf(text, sizeof text, "slot %s 1", number);
    else
        snprintf(text, sizeof text, "slot %s %d", number,
                 (int)fork_slot(number, streams, link));
    say(link, text);
}

/* The programs that end before they are prepared. */
static void prepare(const char *cause, int link)
{
    if (strcmp(cause, "plain") == 0)
        exit(read(STDIN_FILENO, &link, 1) != 0);
    if (strcmp(cause, "fails") == 0)
        exit(3);
    if (strcmp(cause, "speaks") == 0 && write(STDERR_FILENO, "word\n", 5) < 0)
        exit(4);
    if (strcmp(cause, "crashes") == 0)
        raise(SIGSEGV);
    if (strcmp(cause, "newer") == 0)
        say(link, "ready 2");
    if (strcmp(cause, "frames") == 0)
        (void)!write(STDOUT_FILENO, "\xf4\x66\x66.\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                     20);
    if (strcmp(cause, "frames") == 0 || strcmp(cause, "newer") == 0)
        pause();
    if (strcmp(cause, "prints") == 0)
        (void)!write(STDOUT_FILENO, "\xf4no frame\n", 10);
}

int main(int argc, char **argv)
{
    const char *fd = getenv("FANFOLD_FORK"), *cause = argc > 1 ? argv[1] : "good";
    int link = fd ? atoi(fd) : -1, streams[3];
    char text[64];
    if (strcmp(cause, "nothing") == 0)
        return fd != NULL;
    prepare(cause, link);
    say(link, "ready 1");
    if (strcmp(cause, "repeats") == 0)
        say(link, "ready 1");
    if (strcmp(cause, "hangs up") == 0)
        close(link), pause();
    while (take_request(link, text, sizeof text, streams) == 0) {
        answer(cause, link, text + strlen("slot "), streams);
        for (int i = 0; i < 3; i++)
            close(streams[i]);
    }
    if (strcmp(cause, "leaves a word") == 0)
        (void)!write(STDERR_FILENO, "farewell\n", 9);
    return 0;
}
