/* SPDX-License-Identifier: MIT */
/*
 * Starts the program once, waits until it says that it is prepared, and then serves the
 * worker's requests for slots with the supervisor's loop, where it starts a slot by
 * asking the program. A slot's process becomes a child of this one, because its parent
 * exits at once and this is the next subreaper above.
 *
 * A program that does not know FORK/1 finds its standard input at its end and leaves;
 * or it says on its standard output that it is ready, in FRAMES/1. Then the supervisor
 * starts it for each slot. Other output before the program is prepared goes to stderr.
 */
#include "worker/supervisor/fork_server.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/process/child_wait.h"
#include "common/process/descendants.h"
#include "common/process/fds.h"
#include "common/process/process_handle.h"
#include "common/process/signals.h"
#include "worker/supervisor/fork_protocol.h"
#include "worker/supervisor/process_limits.h"
#include "worker/supervisor/spawner.h"
#include "worker/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    HINT_WAIT_MS = 10000, /* without a word; then a person learns what this waits for */
    ANSWER_WAIT_MS =
        10000,         /* without an answer; then a person learns what this waits for */
    ANSWER_WAITS = 3,  /* so often: a fork of some 100 GiB takes its time */
    BUSY_WAIT_MS = 50, /* while the program's file is being written */
    BUSY_WAITS = 600,
    STOP_LOOK_MS = 500,    /* whether the program was stopped while it prepares */
    LOOK_MS = 20,          /* for the program's end, where the system has no pidfd */
    END_WAIT_MS = 1000,    /* after it has closed its end of the link */
    FINISH_WAIT_MS = 5000, /* after we have closed ours */
};

static const char frames_magic[] = {'\xf4', 'f', 'f'};

struct fork_server {
    const struct fork_server_config *config;
    struct program_config preparing; /* the config of the process that prepares */
    int program_link;
    int output; /* of the program while it prepares; -1: it has closed it */
    char opening[sizeof frames_magic]; /* the first bytes of `output`, held back */
    size_t opened;
    pid_t program;
    int ended; /* its pidfd; -1: the system has none */
    /* why the last slot was not forked; "": it was */
    char unforked[FORK_TEXT_MAX + 64];
};

static const char *name_of(const struct fork_server *fork_server)
{
    return fork_server->config->program->argv[0];
}

static void report(const struct fork_server *fork_server, enum report_kind kind,
                   int value, const char *text)
{
    struct report report = {.kind = kind, .value = value};
    snprintf(report.text, sizeof report.text, "%s", text);
    (void)spawn_link_report(fork_server->config->link, &report);
}

static void leave(int status) __attribute__((noreturn));
static void leave(int status)
{
    if (descendants_end() > 0)
        descendants_tell_left();
    _exit(status);
}

static void refuse(const struct fork_server *fork_server, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void refuse(const struct fork_server *fork_server, const char *format, ...)
{
    char text[FORK_TEXT_MAX + 256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    report(fork_server, REPORT_REFUSED, STATUS_CANNOT_EXECUTE, text);
}

/* ---- until it is prepared ---- */

/* A pipe without a reader, a terminal that is gone. */
static bool is_broken(int fd)
{
    struct pollfd polled = {.fd = fd};
    return poll(&polled, 1, 0) > 0;
}

/* If stderr is missing or leads nowhere, leads it to /dev/null: a program that writes
 * there while it prepares must not fail for that. */
static void mend_stderr(void)
{
    int flags = fcntl(STDERR_FILENO, F_GETFL), null;
    if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && !is_broken(STDERR_FILENO))
        return;
    null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0)
        return;
    dup2(null, STDERR_FILENO);
    close(null);
}

/* A file that is open for writing cannot be executed: it is being built. */
static pid_t start_patiently(struct spawner *spawner, const int *streams)
{
    struct request request = {.kind = REQUEST_START};
    pid_t pid = spawner_start(spawner, &request, 0, streams, 2);
    if (pid == -ETXTBSY)
        log_event(LOG_LEVEL_WARN, "cannot_start",
                  "error=\"%s\" why=\"the program's file is being written: waiting\"",
                  strerror(ETXTBSY));
    for (int i = 0; pid == -ETXTBSY && i < BUSY_WAITS; i++) {
        poll(NULL, 0, BUSY_WAIT_MS);
        pid = spawner_start(spawner, &request, 0, streams, 2);
    }
    return pid;
}

static void start_program(struct fork_server *fork_server)
{
    const struct fork_server_config *config = fork_server->config;
    int link[2], output[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char number[16];
    if (null < 0 || pipe2(output, O_CLOEXEC) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link) < 0) {
        refuse(fork_server, "cannot start %s: %s", name_of(fork_server),
               strerror(errno));
        leave(STATUS_IO);
    }
    fork_server->program_link = link[0];
    fork_server->output = output[0];
    fcntl(link[1], F_SETFD, 0);
    snprintf(number, sizeof number, "%d", link[1]);
    setenv("FANFOLD_FORK", number, 1);
    int errors[] = {STDERR_FILENO}, streams[] = {null, output[1]};
    struct spawner *spawner =
        spawner_new(config->path, &fork_server->preparing, errors);
    spawner_hide_slot(spawner);
    fork_server->program = start_patiently(spawner, streams);
    close(null);
    close(output[1]);
    close(link[1]);
    if (fork_server->program < 0) {
        refuse(fork_server, "%s: %s", name_of(fork_server),
               strerror(-fork_server->program));
        leave(STATUS_CANNOT_EXECUTE);
    }
    fork_server->ended = pidfd_open(fork_server->program, 0);
}

static void print(const char *text, size_t size)
{
    if (size > 0 && write(STDERR_FILENO, text, size) < 0)
        log_event(LOG_LEVEL_DEBUG, "unprinted", "error=\"%s\"", strerror(errno));
}

static void print_opening(struct fork_server *fork_server)
{
    if (fork_server->opened < sizeof frames_magic)
        print(fork_server->opening, fork_server->opened);
    fork_server->opened = sizeof frames_magic;
}

/* True: its output begins as a response of FRAMES/1 does. */
static bool speaks_frames(struct fork_server *fork_server)
{
    char text[4096];
    ssize_t got = read(fork_server->output, text, sizeof text);
    if (got <= 0) {
        close(fork_server->output);
        fork_server->output = -1;
        print_opening(fork_server);
        return false;
    }
    size_t size = (size_t)got, used = 0;
    while (fork_server->opened < sizeof frames_magic && used < size &&
           text[used] == frames_magic[fork_server->opened]) {
        fork_server->opening[fork_server->opened++] = text[used++];
        if (fork_server->opened == sizeof frames_magic)
            return true;
    }
    if (used < size) {
        print_opening(fork_server);
        print(text + used, size - used);
    }
    return false;
}

static void go_without(struct fork_server *fork_server)
{
    kill(-fork_server->program, SIGKILL);
    report(fork_server, REPORT_PREPARED, 0, "");
    leave(0);
}

static void on_early_end(struct fork_server *fork_server)
{
    int status = 0;
    int result = child_wait(fork_server->program, &status);
    while (fork_server->output >= 0 && !speaks_frames(fork_server))
        ;
    if (result == 0 && status == 0)
        go_without(fork_server);
    if (result < 0)
        refuse(fork_server, "%s: its end cannot be seen: %s", name_of(fork_server),
               strerror(-result));
    else if (WIFSIGNALED(status))
        refuse(fork_server, "%s: killed by signal %d (%s) while it prepared",
               name_of(fork_server), WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        refuse(fork_server, "%s: ended with status %d while it prepared",
               name_of(fork_server), WEXITSTATUS(status));
    leave(STATUS_CANNOT_EXECUTE);
}

/* True: it says that it is prepared. */
static bool take_word(struct fork_server *fork_server)
{
    struct fork_answer answer;
    fork_protocol_take(fork_server->program_link, 0, &answer);
    if (answer.word == FORK_GONE)
        close(fork_server->program_link), fork_server->program_link = -1;
    if (answer.word == FORK_READY || answer.word == FORK_NOTHING ||
        answer.word == FORK_GONE)
        return answer.word == FORK_READY;
    refuse(fork_server, "%s: said %s on FANFOLD_FORK instead of \"ready 1\"",
           name_of(fork_server), answer.text);
    leave(STATUS_CANNOT_EXECUTE);
}

static void hint(const struct fork_server *fork_server)
{
    char name[128];
    log_event(LOG_LEVEL_WARN, "not_prepared",
              "program=%s why=\"no word from it for %d s: waiting for it to prepare. A "
              "program that does not know FORK/1 needs --prepare-each\"",
              log_quote(name, sizeof name, name_of(fork_server),
                        strlen(name_of(fork_server))),
              HINT_WAIT_MS / 1000);
}

/* It asks at the terminal while it prepares: nobody will answer. */
static void refuse_stopped(const struct fork_server *fork_server)
{
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_PID, (id_t)fork_server->program, &info, WSTOPPED | WNOHANG) < 0 ||
        info.si_pid == 0 || !signals_for_terminal(info.si_status))
        return;
    refuse(fork_server, "%s: while it prepared, %s", name_of(fork_server),
           signals_explain(info.si_status));
    leave(STATUS_CANNOT_EXECUTE);
}

static void await_prepared(struct fork_server *fork_server)
{
    for (int64_t hint_us = clock_now_us() + HINT_WAIT_MS * INT64_C(1000);;) {
        struct pollfd polled[] = {
            {.fd = fork_server->program_link, .events = POLLIN},
            {.fd = fork_server->output, .events = POLLIN},
            {.fd = fork_server->ended, .events = POLLIN},
            {.fd = fork_server->config->link, .events = 0},
        };
        int64_t now_us = clock_now_us();
        int look_ms = fork_server->ended < 0 ? LOOK_MS : STOP_LOOK_MS;
        refuse_stopped(fork_server);
        int events = poll(polled, 4, clock_poll_ms(now_us, hint_us, look_ms));
        if (events == 0 && clock_now_us() >= hint_us)
            hint(fork_server);
        if (events > 0 || clock_now_us() >= hint_us)
            hint_us = NEVER_US;
        bool ended = polled[2].revents ||
                     (fork_server->ended < 0 && child_has_ended(fork_server->program));
        if (events < 0 || (events == 0 && !ended))
            continue;
        if (polled[3].revents)
            leave(0); /* the worker is gone */
        if (polled[1].revents && speaks_frames(fork_server))
            go_without(fork_server);
        if (polled[0].revents && take_word(fork_server))
            break;
        if (ended)
            on_early_end(fork_server);
    }
    print_opening(fork_server);
    if (fork_server->output >= 0)
        close(fork_server->output);
}

/* ---- slots ---- */

/* A program that breaks FORK/1 is of no use: the worker ends. */
static pid_t give_up(struct fork_server *fork_server, const char *text)
{
    refuse(fork_server, "%s: %s", name_of(fork_server), text);
    kill(-fork_server->program, SIGKILL);
    return -EPIPE;
}

static bool is_child(const struct fork_server *fork_server, pid_t pid)
{
    siginfo_t info;
    return pid != fork_server->program &&
           waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* The program has closed its end. If it ends, the report of that tells more. */
static pid_t lose_link(struct fork_server *fork_server)
{
    if (!child_await_end(fork_server->program, END_WAIT_MS))
        return give_up(fork_server, "closed FANFOLD_FORK, and did not end");
    return -EPIPE;
}

/* Waits for the program to say what became of the slot; a person learns of a long wait,
 * once. */
static void await_answer(const struct fork_server *fork_server, uint32_t slot,
                         struct fork_answer *ret_answer)
{
    fork_protocol_take(fork_server->program_link, ANSWER_WAIT_MS, ret_answer);
    if (ret_answer->word != FORK_NOTHING)
        return;
    log_event(LOG_LEVEL_WARN, "slow_fork",
              "slot=%" PRIu32
              " why=\"the program was asked for it %d s ago and has not "
              "answered: waiting for it to fork\"",
              slot + 1, ANSWER_WAIT_MS / 1000);
    for (int i = 1; i < ANSWER_WAITS && ret_answer->word == FORK_NOTHING; i++)
        fork_protocol_take(fork_server->program_link, ANSWER_WAIT_MS, ret_answer);
}

static pid_t take_slot(struct fork_server *fork_server, uint32_t slot)
{
    struct fork_answer answer;
    char text[FORK_TEXT_MAX + 64];
    await_answer(fork_server, slot, &answer);
    bool meant = answer.slot == slot + 1;
    if (answer.word == FORK_SLOT && meant && is_child(fork_server, answer.pid)) {
        setpgid(answer.pid, answer.pid); /* the program should have done so */
        *fork_server->unforked = '\0';
        process_limits_limit_fork(fork_server->config->program, answer.pid);
        return answer.pid;
    }
    if (answer.word == FORK_GONE)
        return lose_link(fork_server);
    if (answer.word == FORK_ERROR && meant) {
        log_event(*fork_server->unforked ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
                  "not_forked", "slot=%" PRIu32 " error=%s", slot + 1, answer.text);
        snprintf(fork_server->unforked, sizeof fork_server->unforked,
                 "it does not fork the slot, and says %s", answer.text);
        return -EAGAIN;
    }
    *fork_server->unforked = '\0';
    if (answer.word == FORK_NOTHING)
        snprintf(text, sizeof text, "did not fork slot %" PRIu32 " within %d s",
                 slot + 1, ANSWER_WAITS * ANSWER_WAIT_MS / 1000);
    else if (answer.word == FORK_SLOT)
        snprintf(text, sizeof text,
                 "named process %d as slot %" PRIu32
                 ": it must fork twice for slot %" PRIu32 ", and name the grandchild",
                 (int)answer.pid, answer.slot, slot + 1);
    else
        snprintf(text, sizeof text, "said %s on FANFOLD_FORK instead of slot %" PRIu32,
                 answer.text, slot + 1);
    return give_up(fork_server, text);
}

static pid_t start_slot(void *context, const struct request *request, pid_t group,
                        const int *fds, unsigned count)
{
    (void)group; /* the program leads one */
    struct fork_server *fork_server = context;
    if (count != 2) /* see spawn_link_take_request */
        return -EMFILE;
    const int streams[] = {fds[0], fds[1], fork_server->config->errors[request->slot]};
    fd_block(streams[2]);
    int result =
        fork_protocol_request(fork_server->program_link, request->slot + 1, streams);
    if (result == -EPIPE || result == -ECONNRESET)
        return lose_link(fork_server);
    return result < 0 ? result : take_slot(fork_server, request->slot);
}

/* Gives the program time for its own end. */
static void finish(struct fork_server *fork_server)
{
    close(fork_server->program_link);
    (void)child_await_end(fork_server->program, FINISH_WAIT_MS);
}

void fork_server_run(const struct fork_server_config *config)
{
    struct fork_server fork_server = {
        .config = config,
        .preparing = *config->program,
        .program_link = -1,
        .output = -1,
    };
    fork_server.preparing.memory_bytes = 0; /* the limit is a slot's */
    prctl(PR_SET_NAME, "fanfold-prepare");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    mend_stderr();
    start_program(&fork_server);
    await_prepared(&fork_server);
    report(&fork_server, REPORT_PREPARED, 1, "");
    struct supervisor_service service = {
        .link = config->link,
        .slots = config->program->slots,
        .worker = config->worker,
        .zygote = fork_server.program,
        .memory_bytes = config->program->memory_bytes,
        .start = start_slot,
        .context = &fork_server,
        .why = fork_server.unforked,
    };
    if (supervisor_serve(&service)) {
        finish(&fork_server);
        descendants_end_gently();
    }
    leave(0);
}
