/* SPDX-License-Identifier: MIT */
/*
 * Starts the program once, waits until it says that it is prepared, and then serves the
 * worker's requests for slots with the keeper's loop, where starting a slot is to ask
 * the program for it. A slot's process becomes a child of this one, because it has lost
 * its parent and this is the next subreaper above.
 *
 * A program that does not know FORK/1 finds its standard input at its end and leaves;
 * or it says on its standard output that it is ready, in FRAMES/1. Then each slot
 * starts it by itself. What else comes there before it is prepared goes to stderr.
 */
#include "worker/template.h"
#include "common/clock.h"
#include "common/descendants.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include "worker/conditions.h"
#include "worker/fork_link.h"
#include "worker/keeper.h"
#include "worker/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    HINT_WAIT_MS = 10000, /* without a word; then it is said what is waited for */
    ANSWER_WAIT_MS = 10000,
    END_WAIT_MS = 1000,    /* after it has closed its end: it ends, as a rule */
    FINISH_WAIT_MS = 5000, /* after its end of the link is told to be over */
};

static const char frames_magic[] = {'\xf4', 'f', 'f'};

struct template
{
    const struct template_config *config;
    struct program_config preparing; /* its own conditions */
    int fork_link;
    int output; /* what the program prints while it prepares; -1: it has closed it */
    char opening[sizeof frames_magic]; /* the first bytes of that, held back */
    size_t opened;
    pid_t program;
    int ended; /* pidfd of it */
    char unforked[FORK_TEXT_MAX +
                  64]; /* why the slot asked for last is not; "": it is */
};

static const char *name_of(const struct template *template)
{
    return template->config->program->argv[0];
}

static void report(const struct template *template, enum report_kind kind, int value,
                   const char *text)
{
    struct report report = {.kind = kind, .value = value};
    snprintf(report.text, sizeof report.text, "%s", text);
    (void)link_report(template->config->link, &report);
}

static void leave(int status) __attribute__((noreturn));
static void leave(int status)
{
    descendants_end();
    _exit(status);
}

static void refuse(const struct template *template, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void refuse(const struct template *template, const char *format, ...)
{
    char text[FORK_TEXT_MAX + 256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    report(template, REPORT_REFUSED, STATUS_CANNOT_EXECUTE, text);
}

/* ---- until it is prepared ----------------------------------------------------------
 */

/* A pipe without a reader, a terminal that is gone. */
static bool is_broken(int fd)
{
    struct pollfd polled = {.fd = fd};
    return poll(&polled, 1, 0) > 0;
}

/* Where stderr is missing (streams.h) or leads nowhere, a program that writes there as
 * it prepares must not fail of it: slots do not either. */
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

static void start_program(struct template *template)
{
    const struct template_config *config = template->config;
    int link[2], output[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char number[16];
    if (null < 0 || pipe2(output, O_CLOEXEC) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link) < 0) {
        refuse(template, "cannot start %s: %s", name_of(template), strerror(errno));
        leave(STATUS_IO);
    }
    template->fork_link = link[0];
    template->output = output[0];
    fcntl(link[1], F_SETFD, 0);
    snprintf(number, sizeof number, "%d", link[1]);
    setenv("FANFOLD_FORK", number, 1);
    int errors[] = {STDERR_FILENO}, streams[] = {null, output[1]};
    struct spawner *spawner = spawner_new(config->path, &template->preparing, errors);
    spawner_hide_slot(spawner);
    template->program =
        spawner_start(spawner, &(struct request){.kind = REQUEST_START}, streams, 2);
    close(null);
    close(output[1]);
    close(link[1]);
    if (template->program < 0) {
        refuse(template, "%s: %s", name_of(template), strerror(-template->program));
        leave(STATUS_CANNOT_EXECUTE);
    }
    template->ended = (int)syscall(SYS_pidfd_open, template->program, 0);
}

static void print(const char *text, size_t size)
{
    if (size > 0 && write(STDERR_FILENO, text, size) < 0)
        log_event(LOG_LEVEL_DEBUG, "unprinted", "error=\"%s\"", strerror(errno));
}

static void print_opening(struct template *template)
{
    if (template->opened < sizeof frames_magic)
        print(template->opening, template->opened);
    template->opened = sizeof frames_magic;
}

/* True: what it prints begins as a response does. */
static bool speaks_frames(struct template *template)
{
    char text[4096];
    ssize_t got = read(template->output, text, sizeof text);
    if (got <= 0) {
        close(template->output);
        template->output = -1;
        print_opening(template);
        return false;
    }
    size_t size = (size_t)got, used = 0;
    while (template->opened < sizeof frames_magic && used < size &&
           text[used] == frames_magic[template->opened]) {
        template->opening[template->opened++] = text[used++];
        if (template->opened == sizeof frames_magic)
            return true;
    }
    if (used < size) {
        print_opening(template);
        print(text + used, size - used);
    }
    return false;
}

static void go_without(struct template *template)
{
    kill(-template->program, SIGKILL);
    report(template, REPORT_PREPARED, 0, "");
    leave(0);
}

static void on_early_end(struct template *template)
{
    int status = 0;
    while (waitpid(template->program, &status, 0) < 0 && errno == EINTR)
        ;
    while (template->output >= 0 && !speaks_frames(template))
        ;
    if (status == 0)
        go_without(template);
    if (WIFSIGNALED(status))
        refuse(template, "%s: killed by signal %d (%s) while it prepared",
               name_of(template), WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        refuse(template, "%s: ended with status %d while it prepared",
               name_of(template), WEXITSTATUS(status));
    leave(STATUS_CANNOT_EXECUTE);
}

/* True: it has said that it is prepared. */
static bool take_word(struct template *template)
{
    struct fork_answer answer;
    fork_link_take(template->fork_link, 0, &answer);
    if (answer.word == FORK_GONE)
        close(template->fork_link), template->fork_link = -1;
    if (answer.word == FORK_READY || answer.word == FORK_NOTHING ||
        answer.word == FORK_GONE)
        return answer.word == FORK_READY;
    refuse(template, "%s: said %s on FANFOLD_FORK, where \"ready 1\" was due",
           name_of(template), answer.text);
    leave(STATUS_CANNOT_EXECUTE);
}

static void hint(const struct template *template)
{
    char name[128];
    log_event(
        LOG_LEVEL_WARN, "not_prepared",
        "program=%s why=\"no word from it for %d s: waiting for it to prepare. One "
        "that does not know FORK/1 needs --prepare-each\"",
        log_quote(name, sizeof name, name_of(template), strlen(name_of(template))),
        HINT_WAIT_MS / 1000);
}

static void await_prepared(struct template *template)
{
    for (int wait_ms = HINT_WAIT_MS;;) {
        struct pollfd polled[] = {
            {.fd = template->fork_link, .events = POLLIN},
            {.fd = template->output, .events = POLLIN},
            {.fd = template->ended, .events = POLLIN},
            {.fd = template->config->link, .events = 0},
        };
        int events = poll(polled, 4, wait_ms);
        if (events == 0)
            hint(template);
        if (events >= 0)
            wait_ms = -1;
        if (events <= 0)
            continue;
        if (polled[3].revents)
            leave(0); /* nobody waits for it any more */
        if (polled[1].revents && speaks_frames(template))
            go_without(template);
        if (polled[0].revents && take_word(template))
            break;
        if (polled[2].revents)
            on_early_end(template);
    }
    print_opening(template);
    if (template->output >= 0)
        close(template->output);
}

/* ---- slots -------------------------------------------------------------------------
 */

/* A program that does not keep to FORK/1 is of no use, and the worker ends. */
static pid_t give_up(struct template *template, const char *text)
{
    refuse(template, "%s: %s", name_of(template), text);
    kill(-template->program, SIGKILL);
    return -EPIPE;
}

static bool is_child(const struct template *template, pid_t pid)
{
    siginfo_t info;
    return pid != template->program &&
           waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* It has closed its end; what it ends by says more, where it does. */
static pid_t lose_link(struct template *template)
{
    struct pollfd polled = {.fd = template->ended, .events = POLLIN};
    if (poll(&polled, 1, END_WAIT_MS) == 0)
        return give_up(template, "closed FANFOLD_FORK, and did not end");
    return -EPIPE;
}

static pid_t take_slot(struct template *template, uint32_t slot)
{
    struct fork_answer answer;
    char text[FORK_TEXT_MAX + 64];
    fork_link_take(template->fork_link, ANSWER_WAIT_MS, &answer);
    bool meant = answer.slot == slot + 1;
    if (answer.word == FORK_SLOT && meant && is_child(template, answer.pid)) {
        setpgid(answer.pid, answer.pid); /* it has done so itself */
        *template->unforked = '\0';
        conditions_limit_fork(template->config->program, answer.pid);
        return answer.pid;
    }
    if (answer.word == FORK_GONE)
        return lose_link(template);
    if (answer.word == FORK_ERROR && meant) {
        log_event(*template->unforked ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, "not_forked",
                  "slot=%" PRIu32 " error=%s", slot + 1, answer.text);
        snprintf(template->unforked, sizeof template->unforked,
                 "it does not fork the slot, and says %s", answer.text);
        return -EAGAIN;
    }
    *template->unforked = '\0';
    if (answer.word == FORK_NOTHING)
        snprintf(text, sizeof text, "did not fork slot %" PRIu32 " within %d s",
                 slot + 1, ANSWER_WAIT_MS / 1000);
    else if (answer.word == FORK_SLOT)
        snprintf(text, sizeof text,
                 "answered with process %d as slot %" PRIu32 ", where slot %" PRIu32
                 " was due, by a fork of a fork",
                 (int)answer.pid, answer.slot, slot + 1);
    else
        snprintf(text, sizeof text,
                 "said %s on FANFOLD_FORK, where slot %" PRIu32 " was due", answer.text,
                 slot + 1);
    return give_up(template, text);
}

static pid_t start_slot(void *context, const struct request *request, const int *fds,
                        unsigned count)
{
    struct template *template = context;
    if (count != 2) /* see link_take_request */
        return -EMFILE;
    const int streams[] = {fds[0], fds[1], template->config->errors[request->slot]};
    int result = fork_link_request(template->fork_link, request->slot + 1, streams);
    if (result == -EPIPE || result == -ECONNRESET)
        return lose_link(template);
    return result < 0 ? result : take_slot(template, request->slot);
}

/* The program may do what programs do at their end. */
static void finish(struct template *template)
{
    struct pollfd polled = {.fd = template->ended, .events = POLLIN};
    close(template->fork_link);
    if (template->ended >= 0)
        (void)poll(&polled, 1, FINISH_WAIT_MS);
}

void template_run(const struct template_config *config)
{
    struct template template = {
        .config = config,
        .preparing = *config->program,
        .fork_link = -1,
        .output = -1,
    };
    template.preparing.memory_bytes = 0; /* it is no slot */
    prctl(PR_SET_NAME, "fanfold-prepare");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    mend_stderr();
    start_program(&template);
    await_prepared(&template);
    report(&template, REPORT_PREPARED, 1, "");
    struct keeper_service service = {
        .link = config->link,
        .slots = config->program->slots,
        .zygote = template.program,
        .memory_bytes = config->program->memory_bytes,
        .start = start_slot,
        .context = &template,
        .why = template.unforked,
    };
    if (keeper_serve(&service))
        finish(&template);
    leave(0);
}
