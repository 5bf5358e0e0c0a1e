/* SPDX-License-Identifier: MIT */
#include "deploy/ssh/connection.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/process/fds.h"
#include "common/process/signals.h"
#include "common/slice.h"
#include "deploy/ssh/remote_command.h"
#include "deploy/ssh/ssh_words.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOGIN_US (30 * SECOND_US) /* until the host has answered */
#define HOLD_US  (SECOND_US / 5)  /* a line that may be the last */

enum {
    LINE_MAX_BYTES = 2000,
    REASON_MAX = 600,
    SSH_FAILED = 255, /* its exit status, where not the remote command's */
};

/* What came of a stream and is no whole line yet. */
struct line {
    char text[LINE_MAX_BYTES + 1];
    size_t size;
};

struct connection {
    char *name;
    char *token;
    char *key;
    pid_t pid;        /* 0: reaped */
    int in;           /* to the worker's standard input; -1: shut */
    int out, err;     /* from it; -1: at its end */
    bool local;       /* no ssh is between */
    bool through;     /* the worker starts */
    bool missing;     /* the host has no such program, */
    char system[100]; /* and says which one it is */
    bool late;        /* the host did not answer in time */
    bool copying;     /* the host waits for the rest of the copy */
    size_t copied;    /* bytes of it */
    const struct self_copy *copy;
    int64_t end_us; /* until it must be through; NEVER_US: it is */
    int status;     /* of waitpid, once it is reaped */
    struct line out_line, err_line;
    char last[4 * LINE_MAX_BYTES + 1]; /* the last line of standard error */
    int64_t say_us; /* when that is said: it may be the reason of the end, which the
                       caller says; NEVER_US: it was, or need not be */
    char reason[REASON_MAX];
};

/* ---- starting ---- */

struct pipes {
    int in[2], out[2], err[2];
};

static void close_pair(int pair[2])
{
    fd_close(&pair[0]);
    fd_close(&pair[1]);
}

static bool open_pipes(struct pipes *pipes)
{
    *pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}};
    return pipe2(pipes->in, O_CLOEXEC) == 0 && pipe2(pipes->out, O_CLOEXEC) == 0 &&
           pipe2(pipes->err, O_CLOEXEC) == 0;
}

static void close_pipes(struct pipes *pipes)
{
    int saved_errno = errno;
    close_pair(pipes->in);
    close_pair(pipes->out);
    close_pair(pipes->err);
    errno = saved_errno;
}

/* A session of its own: no Ctrl-C of the terminal's reaches it, and ssh asks nothing
 * there. */
static void become(const struct pipes *pipes, char *const *argv, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(STATUS_SIGNAL + SIGKILL);
    setsid();
    dup2(pipes->in[0], STDIN_FILENO);
    dup2(pipes->out[1], STDOUT_FILENO);
    dup2(pipes->err[1], STDERR_FILENO);
    signals_reset();
    execvp(argv[0], argv);
    dprintf(STDERR_FILENO, "cannot execute %s: %s\n", argv[0], strerror(errno));
    _exit(SSH_FAILED);
}

static void keep_our_ends(struct connection *connection, struct pipes *pipes)
{
    connection->in = pipes->in[1];
    connection->out = pipes->out[0];
    connection->err = pipes->err[0];
    pipes->in[1] = pipes->out[0] = pipes->err[0] = -1;
    fcntl(connection->in, F_SETFL, O_NONBLOCK);
    fcntl(connection->out, F_SETFL, O_NONBLOCK);
    fcntl(connection->err, F_SETFL, O_NONBLOCK);
}

struct connection *connection_new(const struct connection_start *start, int64_t now_us)
{
    struct pipes pipes;
    pid_t parent = getpid();
    pid_t pid = open_pipes(&pipes) ? fork() : -1;
    if (pid == 0)
        become(&pipes, start->argv, parent);
    if (pid < 0) {
        close_pipes(&pipes);
        return NULL;
    }
    struct connection *connection = allocate_zeroed(1, sizeof *connection);
    connection->name = allocate_text("%s", login_name(start->login));
    connection->token = allocate_text("%s", start->token);
    connection->key = start->key ? allocate_text("%s", start->key) : NULL;
    connection->copy = start->copy;
    connection->local = *start->login->target == '\0';
    connection->pid = pid;
    connection->end_us = now_us + LOGIN_US;
    connection->say_us = NEVER_US;
    keep_our_ends(connection, &pipes);
    close_pipes(&pipes);
    return connection;
}

static void forget_key(struct connection *connection)
{
    if (connection->key)
        explicit_bzero(connection->key, strlen(connection->key));
    free(connection->key);
    connection->key = NULL;
}

static void reap(struct connection *connection, int options)
{
    pid_t pid = connection->pid;
    while (pid && waitpid(pid, &connection->status, options) < 0 && errno == EINTR)
        ;
}

void connection_destroy(struct connection **connection_p)
{
    struct connection *connection = *connection_p;
    if (!connection)
        return;
    if (connection->pid) {
        kill(-connection->pid, SIGKILL);
        reap(connection, 0);
    }
    fd_close(&connection->in);
    fd_close(&connection->out);
    fd_close(&connection->err);
    forget_key(connection);
    free(connection->token);
    free(connection->name);
    free(connection);
    *connection_p = NULL;
}

/* ---- what it says ---- */

/* The rest of a line that is too long is the next one. */
static bool take_byte(struct line *line, char byte)
{
    if (byte != '\n')
        line->text[line->size++] = byte;
    bool whole = byte == '\n' || line->size == LINE_MAX_BYTES;
    if (whole) {
        while (line->size > 0 && line->text[line->size - 1] == '\r') /* a terminal's */
            line->size--;
        line->text[line->size] = '\0';
        line->size = 0;
    }
    return whole;
}

/* The key ends with a NUL; what follows are our commands. */
static void give_key(struct connection *connection)
{
    const char *key = connection->key;
    if (key && write(connection->in, key, strlen(key) + 1) < 0)
        log_event(LOG_LEVEL_DEBUG, "key_ungiven", "host=%s", connection->name);
    forget_key(connection);
}

static void on_out_line(struct connection *connection, const char *text,
                        struct connection_news *news)
{
    size_t size = strlen(connection->token);
    const char *word = text + size;
    if (strncmp(text, connection->token, size) != 0 || *word++ != ' ')
        return;
    if (strncmp(word, REMOTE_MISSING, strlen(REMOTE_MISSING)) == 0) {
        connection->missing = true;
        slice_copy_printable(slice_of_text(word + strlen(REMOTE_MISSING)),
                             connection->system, sizeof connection->system);
    } else if (strcmp(word, REMOTE_COPY) == 0) {
        connection->copying = connection->copy != NULL;
    } else if (strcmp(word, REMOTE_FOUND) == 0) {
        connection->through = news->through = true;
        connection->end_us = NEVER_US;
        give_key(connection);
    }
}

void connection_say_last(struct connection *connection)
{
    if (connection->say_us != NEVER_US)
        say("%s: %s", connection->name, connection->last);
    connection->say_us = NEVER_US;
}

/* Before the worker starts, it is a banner, or the reason of the end. */
static void on_err_line(struct connection *connection, const char *text, int64_t now_us)
{
    if (ssh_words_tell_of_tunnel(text)) {
        log_event(LOG_LEVEL_DEBUG, "tunnel_shut", "host=%s", connection->name);
        return;
    }
    connection_say_last(connection);
    if (!*text)
        return;
    slice_copy_printable(slice_of_text(text), connection->last,
                         sizeof connection->last);
    if (connection->through)
        connection->say_us = now_us + HOLD_US;
}

/* False: the stream is at its end. */
static bool read_stream(struct connection *connection, int *fd,
                        struct connection_news *news, int64_t now_us)
{
    char bytes[4096];
    ssize_t size;
    while (*fd >= 0 && (size = read(*fd, bytes, sizeof bytes)) != 0) {
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno == EAGAIN)
            return true;
        if (size < 0)
            break;
        for (ssize_t i = 0; i < size; i++)
            if (fd == &connection->err) {
                if (take_byte(&connection->err_line, bytes[i]))
                    on_err_line(connection, connection->err_line.text, now_us);
            } else if (connection->through) {
                news->alive = true;
            } else if (take_byte(&connection->out_line, bytes[i])) {
                on_out_line(connection, connection->out_line.text, news);
            }
    }
    fd_close(fd);
    return false;
}

/* ---- how it ends ---- */

/* The worker's statuses that another start would end with again. */
static bool is_final(int status)
{
    return status == STATUS_USAGE || status == STATUS_CANNOT_EXECUTE ||
           status == STATUS_NOT_FOUND || status == STATUS_IO;
}

static int exit_status(const struct connection *connection)
{
    return WIFEXITED(connection->status) ? WEXITSTATUS(connection->status)
                                         : STATUS_SIGNAL + WTERMSIG(connection->status);
}

static enum placement_end judge(const struct connection *connection)
{
    int status = exit_status(connection);
    if (connection->missing)
        return PLACEMENT_CANNOT_START;
    bool refused = status == SSH_FAILED && ssh_words_refuse(connection->last);
    if (!connection->through)
        return (is_final(status) || refused) && !connection->late
                   ? PLACEMENT_CANNOT_START
                   : PLACEMENT_LOGIN_FAILED;
    if (status == STATUS_OK)
        return PLACEMENT_COMPLETE;
    if (is_final(status))
        return PLACEMENT_CANNOT_START;
    return status == SSH_FAILED && !connection->local ? PLACEMENT_LOST : PLACEMENT_DIED;
}

static void describe(const struct connection *connection, char *text, size_t size)
{
    const char *what = connection->local     ? "the worker"
                       : connection->through ? "the worker there"
                                             : "ssh";
    int status = exit_status(connection);
    if (WIFSIGNALED(connection->status))
        snprintf(text, size, "signal %d ended %s", WTERMSIG(connection->status),
                 connection->local ? what : "ssh");
    else if (status == SSH_FAILED && connection->through && !connection->local)
        snprintf(text, size, "the connection ended, or the worker was killed");
    else
        snprintf(text, size, "%s ended with status %d", what, status);
}

/* What it said last, unless that was before, and of something else. */
static void explain(struct connection *connection)
{
    char how[64];
    bool last = *connection->last &&
                (!connection->through || connection->say_us != NEVER_US);
    describe(connection, how, sizeof how);
    if (connection->missing && connection->copy)
        snprintf(connection->reason, sizeof connection->reason,
                 "there is no fanfold-worker, and that of this host is for another "
                 "system than%s: install fanfold there, or name its directory with "
                 "--remote-bin",
                 connection->system);
    else if (connection->missing)
        snprintf(connection->reason, sizeof connection->reason,
                 "there is no fanfold-worker: install fanfold there, name its "
                 "directory with --remote-bin, or give --copy-self");
    else if (connection->late)
        snprintf(connection->reason, sizeof connection->reason,
                 "ssh: no answer for %d s%s%.300s", (int)(LOGIN_US / SECOND_US),
                 *connection->last ? ": " : "", connection->last);
    else
        snprintf(connection->reason, sizeof connection->reason, "%.400s",
                 last ? connection->last : how);
}

/* Its streams are read to their ends first, unless something else holds them open. */
static bool has_ended(struct connection *connection)
{
    siginfo_t info = {0};
    if (!connection->pid ||
        waitid(P_PID, (id_t)connection->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        return true;
    return info.si_pid != 0;
}

/* As much as the pipe takes now. A host that takes some is not late. */
static void send_copy(struct connection *connection, int64_t now_us)
{
    char bytes[65536];
    ssize_t size = 0, written = 0;
    while (connection->copying && written == size) {
        size =
            pread(connection->copy->fd, bytes, sizeof bytes, (off_t)connection->copied);
        written = size > 0 ? write(connection->in, bytes, (size_t)size) : 0;
        if (size <= 0 || (written < 0 && errno != EAGAIN))
            connection->copying = false;
        if (written <= 0)
            return;
        connection->copied += (size_t)written;
        connection->end_us = now_us + LOGIN_US;
    }
}

struct connection_news connection_read(struct connection *connection, int64_t now_us)
{
    struct connection_news news = {0};
    bool ended = has_ended(connection); /* before: what it said last is there */
    read_stream(connection, &connection->out, &news, now_us);
    read_stream(connection, &connection->err, &news, now_us);
    send_copy(connection, now_us);
    if (now_us >= connection->end_us && !ended) {
        connection->late = true;
        connection->end_us = NEVER_US;
        kill(-connection->pid, SIGKILL);
    }
    if (!ended) {
        if (now_us >= connection->say_us)
            connection_say_last(connection);
        return news;
    }
    if (connection->err_line.size > 0 && take_byte(&connection->err_line, '\n'))
        on_err_line(connection, connection->err_line.text, now_us);
    reap(connection, 0);
    connection->pid = 0;
    news.ended = true;
    news.end = judge(connection);
    if (connection->through && is_final(exit_status(connection)))
        news.refusal = exit_status(connection);
    explain(connection);
    return news;
}

unsigned connection_poll(const struct connection *connection,
                         struct pollfd items[CONNECTION_FDS])
{
    unsigned count = 0;
    if (connection->out >= 0)
        items[count++] = (struct pollfd){.fd = connection->out, .events = POLLIN};
    if (connection->err >= 0)
        items[count++] = (struct pollfd){.fd = connection->err, .events = POLLIN};
    if (connection->copying && connection->in >= 0)
        items[count++] = (struct pollfd){.fd = connection->in, .events = POLLOUT};
    return count;
}

int64_t connection_deadline(const struct connection *connection)
{
    return clock_earlier(connection->end_us, connection->say_us);
}

bool connection_has_answered(const struct connection *connection)
{
    return connection->through || connection->missing;
}

const char *connection_reason(const struct connection *connection)
{
    return connection->reason;
}

void connection_leave(struct connection *connection)
{
    if (connection->through && connection->in >= 0 && write(connection->in, "L", 1) < 0)
        fd_close(&connection->in);
    if (!connection->through)
        kill(-connection->pid, SIGTERM);
}

void connection_hurry(struct connection *connection)
{
    fd_close(&connection->in);
    if (!connection->through && connection->pid)
        kill(-connection->pid, SIGTERM);
}
