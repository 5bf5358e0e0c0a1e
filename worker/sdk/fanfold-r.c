/* SPDX-License-Identifier: MIT */
/*
 * The parts of fanfold.R that R cannot do: binary streams, FRAMES/1, and the forks of
 * FORK/1 (worker/FORK.md). R calls them by .C, so arguments are pointers to R's vectors
 * (integer, double, raw), and results go back through them. Needs no header of R.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum { REQUEST_BYTES = 32, RESPONSE_BYTES = 20, STREAMS = 3 };

/* R's own flag, for devices and event loops. */
extern int R_isForkedChild __attribute__((weak));

EXPORT void fanfold_take_streams(int *ret_source, int *ret_sink);
EXPORT void fanfold_settle_link(const int *link, int *ret_ok);
EXPORT void fanfold_read(const int *source, unsigned char *bytes, const double *size,
                         double *ret_size);
EXPORT void fanfold_read_request(const int *source, double *ret_numbers, int *ret_ok);
EXPORT void fanfold_write(const int *sink, const unsigned char *bytes,
                          const double *size, int *ret_ok);
EXPORT void fanfold_respond(const int *sink, const int *kind, const double *number,
                            const unsigned char *bytes, const double *size,
                            int *ret_ok);
EXPORT void fanfold_fork_slots(const int *link, int *ret_slot, int *ret_source,
                               int *ret_sink);
EXPORT void fanfold_leave(const int *status);
EXPORT void fanfold_find_zero(const unsigned char *bytes, const double *size,
                              double *ret_index);
EXPORT void fanfold_draw_seed(int *ret_seed);
EXPORT void fanfold_mix_seed(const double *seed, const double *number, int *ret_seed);

/* ---- streams ---- */

/* From now on prints go to stderr, and standard input is empty. */
void fanfold_take_streams(int *ret_source, int *ret_sink)
{
    *ret_source = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    *ret_sink = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    close(null);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    signal(SIGPIPE, SIG_IGN); /* a write's error shows that the worker is gone */
}

/* A wrapper may have closed it, and the descriptor may be another file's by now. */
static int is_link(int fd)
{
    int domain = 0, type = 0;
    socklen_t size = sizeof domain;
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
           domain == AF_UNIX && type == SOCK_SEQPACKET;
}

void fanfold_settle_link(const int *link, int *ret_ok)
{
    *ret_ok = is_link(*link);
    if (*ret_ok)
        fcntl(*link, F_SETFD, FD_CLOEXEC);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    signal(SIGPIPE, SIG_IGN);
}

/* How many bytes came before the end of the file, or -errno. */
static ssize_t read_all(int fd, unsigned char *bytes, size_t size)
{
    size_t used = 0;
    while (used < size) {
        ssize_t got = read(fd, bytes + used, size - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        used += (size_t)got;
    }
    return (ssize_t)used;
}

static int write_all(int fd, const unsigned char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, bytes, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return 0;
        bytes += put;
        size -= (size_t)put;
    }
    return 1;
}

/* The size is -1 after an error. */
void fanfold_read(const int *source, unsigned char *bytes, const double *size,
                  double *ret_size)
{
    ssize_t got = read_all(*source, bytes, (size_t)*size);
    *ret_size = got < 0 ? -1 : (double)got;
}

void fanfold_write(const int *sink, const unsigned char *bytes, const double *size,
                   int *ret_ok)
{
    *ret_ok = write_all(*sink, bytes, (size_t)*size);
}

/* ---- FRAMES/1 ---- */

static double number_at(const unsigned char *bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | bytes[i];
    return (double)number;
}

/* Number, length, seq, attempt, records; exact up to 2^53. */
void fanfold_read_request(const int *source, double *ret_numbers, int *ret_ok)
{
    unsigned char head[REQUEST_BYTES];
    *ret_ok = read_all(*source, head, sizeof head) == (ssize_t)sizeof head;
    if (!*ret_ok)
        return;
    ret_numbers[0] = number_at(head, 8);
    ret_numbers[1] = number_at(head + 8, 8);
    ret_numbers[2] = number_at(head + 16, 8);
    ret_numbers[3] = number_at(head + 24, 4);
    ret_numbers[4] = number_at(head + 28, 4);
}

static void put_number(unsigned char bytes[8], uint64_t number)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(number >> (8 * (7 - i)));
}

/* `kind` is the code of '+', '-' or '.'; `number` is the request's. */
void fanfold_respond(const int *sink, const int *kind, const double *number,
                     const unsigned char *bytes, const double *size, int *ret_ok)
{
    unsigned char head[RESPONSE_BYTES] = {0xf4, 'f', 'f', (unsigned char)*kind};
    uint64_t length = (uint64_t)*size;
    put_number(head + 4, (uint64_t)*number);
    put_number(head + 12, length);
    *ret_ok = write_all(*sink, head, sizeof head) &&
              write_all(*sink, bytes, (size_t)length);
}

/* ---- FORK/1 ---- */

/* The slot that the worker asks for, and its streams; 0: the worker is gone. */
static int take_request(int link, int streams[STREAMS])
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(STREAMS * sizeof(int))];
    } control;
    char text[64];
    struct iovec part = {.iov_base = text, .iov_len = sizeof text - 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do
        got = recvmsg(link, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (!header || header->cmsg_len != CMSG_LEN(STREAMS * sizeof(int)))
        return 0;
    memcpy(streams, CMSG_DATA(header), STREAMS * sizeof(int));
    text[got] = '\0';
    return strncmp(text, "slot ", 5) == 0 ? atoi(text + 5) : 0;
}

/* Runs in the slot's process, after the one in between has ended. */
static void become_slot(int slot, const int streams[STREAMS])
{
    char number[16];
    snprintf(number, sizeof number, "%d", slot);
    setenv("FANFOLD_SLOT", number, 1);
    dup2(streams[2], STDERR_FILENO);
    dup2(streams[2], STDOUT_FILENO);
    close(streams[2]);
    if (&R_isForkedChild)
        R_isForkedChild = 1;
    /* R's handlers take the temporary files away, which are the parent's. */
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    signal(SIGILL, SIG_DFL);
}

struct forking {
    int pid[2];   /* from the process in between: the slot's pid, or -errno */
    int go[2];    /* to the slot: it is the worker's child now */
    pid_t worker; /* whose child the slot becomes */
};

static void close_ends(int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

static int open_pipes(struct forking *forking)
{
    if (pipe2(forking->pid, O_CLOEXEC) < 0)
        return -errno;
    if (pipe2(forking->go, O_CLOEXEC) == 0)
        return 0;
    int error = errno;
    close_ends(forking->pid);
    return -error;
}

/* True in the slot's process; the one in between, its parent, ends. */
static int fork_again(struct forking *forking)
{
    char byte;
    int pid = fork();
    if (pid != 0) {
        pid = pid < 0 ? -errno : pid;
        _exit(write(forking->pid[1], &pid, sizeof pid) != (ssize_t)sizeof pid);
    }
    setpgid(0, 0);
    close_ends(forking->pid);
    close(forking->go[1]);
    ssize_t told = read(forking->go[0], &byte, 1);
    close(forking->go[0]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (told != 1 || getppid() != forking->worker)
        _exit(1);
    return 1;
}

/* The worker's process is that which made the link; our own parent may be a shell. */
static pid_t worker_behind(int link)
{
    struct ucred maker = {.pid = 0};
    socklen_t size = sizeof maker;
    (void)getsockopt(link, SOL_SOCKET, SO_PEERCRED, &maker, &size);
    return maker.pid;
}

/* The pid of a new slot, or -errno; 0 in the slot itself. */
static int fork_slot(int link)
{
    struct forking forking = {.worker = worker_behind(link)};
    int pid = open_pipes(&forking);
    if (pid < 0)
        return pid;
    fflush(NULL);
    pid_t between = fork();
    if (between == 0 && fork_again(&forking))
        return 0;
    pid = between < 0 ? -errno : 0;
    close(forking.pid[1]);
    while (between > 0 && waitpid(between, NULL, 0) < 0 && errno == EINTR)
        ;
    if (between > 0 && read(forking.pid[0], &pid, sizeof pid) != (ssize_t)sizeof pid)
        pid = -ECHILD;
    if (pid > 0 && write(forking.go[1], "", 1) < 0)
        pid = -errno;
    close(forking.pid[0]);
    close_ends(forking.go);
    return pid;
}

static void answer(int link, int slot, int pid)
{
    char text[128];
    if (pid > 0)
        snprintf(text, sizeof text, "slot %d %d", slot, pid);
    else
        snprintf(text, sizeof text, "slot %d error %s", slot, strerror(-pid));
    (void)!send(link, text, strlen(text), MSG_NOSIGNAL);
}

/* Tells the worker that the program is prepared. Returns in each slot, with its number
 * and streams, and once the worker is gone in the program, with 0. */
void fanfold_fork_slots(const int *link, int *ret_slot, int *ret_source, int *ret_sink)
{
    int streams[STREAMS];
    *ret_slot = 0;
    if (send(*link, "ready 1", strlen("ready 1"), MSG_NOSIGNAL) < 0)
        return;
    for (int slot; (slot = take_request(*link, streams)) > 0;) {
        int pid = fork_slot(*link);
        if (pid == 0) {
            close(*link);
            become_slot(slot, streams);
            *ret_slot = slot;
            *ret_source = streams[0];
            *ret_sink = streams[1];
            return;
        }
        for (int i = 0; i < STREAMS; i++)
            close(streams[i]);
        answer(*link, slot, pid);
    }
}

/* Ends without R's own clean-up, which is for the parent to do. */
void fanfold_leave(const int *status)
{
    fflush(NULL);
    _exit(*status);
}

/* ---- what R has no word for ---- */

/* Of the first byte 0, from 1; 0: there is none. */
void fanfold_find_zero(const unsigned char *bytes, const double *size,
                       double *ret_index)
{
    const unsigned char *found = memchr(bytes, 0, (size_t)*size);
    *ret_index = found ? (double)(found - bytes + 1) : 0;
}

/* INT_MIN is R's NA. */
static int seed_of(uint64_t bits)
{
    return (int)(bits >> 33);
}

void fanfold_draw_seed(int *ret_seed)
{
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        bits = (uint64_t)getpid() << 33;
    *ret_seed = seed_of(bits);
}

/* Neighbours have seeds that are far apart (splitmix64). */
void fanfold_mix_seed(const double *seed, const double *number, int *ret_seed)
{
    uint64_t bits = (uint64_t)(int64_t)*seed * 0x9e3779b97f4a7c15u;
    for (int round = 0; round < 2; round++) {
        bits += (uint64_t)(int64_t)*number + 0x9e3779b97f4a7c15u;
        bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
        bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
        bits ^= bits >> 31;
    }
    *ret_seed = seed_of(bits);
}
