/* SPDX-License-Identifier: MIT */
/* Whole lines go into a buffer, and from there into the file, which is open for
 * appending: so a person can empty it during the run. Where it was moved away or
 * removed, a new one is made under its name. */
#include "ventilator/report/job_log.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/process/write_all.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GATHER_US  (1 * SECOND_US)
#define OPEN_FLAGS (O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY)

enum {
    WAIT_MS = 3000, /* less than a worker waits for a PONG */
    BUFFER_BYTES = 64 << 10,
    NAME_TEXT_MAX = 4 * NAME_MAX_BYTES + 1, /* a host or a command, escaped */
    LINE_MAX_BYTES = 2 * NAME_TEXT_MAX + 200,
};

static const char header[] =
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

struct job_log {
    struct job_log_config config; /* borrows */
    const char *path;             /* without the +; borrowed */
    int file;                     /* -1: it cannot be written any more */
    bool append;
    bool begun;
    size_t used;
    int64_t due_us;          /* when to write the buffer; valid while used > 0 */
    bool has_standard_input; /* the next is valid */
    struct stat standard_input;
    char buffer[BUFFER_BYTES];
};

/* ---- the file ---- */

static bool is_input(const struct job_log *own, const struct stat *log)
{
    const struct job_log_config *config = &own->config;
    uint32_t count = config->input_count ? config->input_count : 1;
    for (uint32_t i = 0; i < count; i++) {
        const char *path = config->input_count ? config->inputs[i] : "-";
        struct stat input = own->standard_input;
        bool there = strcmp(path, "-") == 0 ? own->has_standard_input
                                            : stat(path, &input) == 0;
        if (there && S_ISREG(input.st_mode) && input.st_dev == log->st_dev &&
            input.st_ino == log->st_ino)
            return true;
    }
    return false;
}

int job_log_open(const struct job_log_config *config, struct job_log **ret_log,
                 char *error, size_t error_size)
{
    bool plus = config->path[0] == '+';
    const char *path = config->path + plus;
    struct stat status;
    int file = open(path, OPEN_FLAGS, 0666);
    if (file < 0 || fstat(file, &status) < 0) {
        int result = -errno;
        snprintf(error, error_size, "cannot write --joblog %s: %s", path,
                 strerror(errno));
        if (file >= 0)
            close(file);
        return result;
    }
    /* The loop must not block for the reader of a pipe. */
    if (!S_ISREG(status.st_mode))
        (void)fcntl(file, F_SETFL, O_APPEND | O_NONBLOCK);
    struct job_log *log = allocate(sizeof *log);
    log->config = *config;
    log->has_standard_input = fstat(STDIN_FILENO, &log->standard_input) == 0;
    log->begun = false;
    log->path = path;
    log->file = file;
    log->append = plus || config->append;
    log->used = 0;
    log->due_us = NEVER_US;
    if (is_input(log, &status)) {
        snprintf(error, error_size, "--joblog %s is the input: write to another file",
                 path);
        job_log_leave(&log);
        return -EINVAL;
    }
    *ret_log = log;
    return 0;
}

static void give_up(struct job_log *log, const char *why)
{
    say("cannot write --joblog %s: %s; the run continues without it", log->path, why);
    close(log->file);
    log->file = -1;
}

/* For a pipe or a terminal that takes no more. False after WAIT_MS. */
static bool wait_for_room(const struct job_log *log)
{
    struct pollfd room = {.fd = log->file, .events = POLLOUT};
    int result;
    do
        result = poll(&room, 1, WAIT_MS);
    while (result < 0 && errno == EINTR);
    return result != 0;
}

/* A file that was moved away or removed is left as it is; the next lines go into a new
 * one. Nobody can move the reader of a pipe. */
static void follow_name(struct job_log *log)
{
    struct stat held, named;
    if (!log->begun || fstat(log->file, &held) < 0 || !S_ISREG(held.st_mode))
        return;
    if (stat(log->path, &named) == 0
            ? named.st_ino == held.st_ino && named.st_dev == held.st_dev
            : errno != ENOENT)
        return;
    int file = open(log->path, OPEN_FLAGS | O_NONBLOCK, 0666);
    if (file < 0)
        return; /* the lines are where the file is now */
    bool fits = fstat(file, &named) == 0 && S_ISREG(named.st_mode) &&
                !is_input(log, &named) &&
                (named.st_size > 0 || write_all(file, header, sizeof header - 1) == 0);
    close(fits ? log->file : file);
    if (fits)
        log->file = file;
}

/* Lines for which there is no room stay in the buffer, unless all `must` be written. */
static void write_out(struct job_log *log, bool must)
{
    size_t written = 0;
    if (log->file >= 0 && log->used > 0)
        follow_name(log);
    while (log->file >= 0 && written < log->used) {
        ssize_t result = write(log->file, log->buffer + written, log->used - written);
        if (result >= 0)
            written += (size_t)result;
        else if (errno == EAGAIN && !must)
            break;
        else if (errno == EAGAIN && !wait_for_room(log))
            give_up(log, "nobody reads it");
        else if (errno != EAGAIN && errno != EINTR)
            give_up(log, strerror(errno));
    }
    log->used = log->file >= 0 ? log->used - written : 0;
    memmove(log->buffer, log->buffer + written, log->used);
}

void job_log_destroy(struct job_log **log_p)
{
    struct job_log *log = *log_p;
    if (!log)
        return;
    write_out(log, true);
    if (log->file >= 0 && close(log->file) < 0)
        say("cannot write --joblog %s: %s", log->path, strerror(errno));
    free(log);
    *log_p = NULL;
}

int job_log_file(const struct job_log *log)
{
    return log->file;
}

void job_log_use(struct job_log *log, int file)
{
    log->file = file;
}

void job_log_leave(struct job_log **log_p)
{
    if (*log_p && (*log_p)->file >= 0)
        close((*log_p)->file);
    free(*log_p);
    *log_p = NULL;
}

/* ---- lines ---- */

static void put(struct job_log *log, const char *text)
{
    size_t size = strlen(text);
    memcpy(log->buffer + log->used, text, size);
    log->used += size;
}

/* A full disk or a crash of the machine leaves half a line. */
static bool ends_within_a_line(const char *path, off_t size)
{
    char last = '\n';
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    bool read = pread(file, &last, 1, size - 1) == 1;
    close(file);
    return read && last != '\n';
}

void job_log_begin(struct job_log *log)
{
    struct stat status;
    bool regular = fstat(log->file, &status) == 0 && S_ISREG(status.st_mode);
    bool empty = !regular || status.st_size == 0;
    if (!empty && !log->append) {
        if (ftruncate(log->file, 0) < 0) {
            give_up(log, strerror(errno));
            return;
        }
        empty = true;
    }
    if (empty)
        put(log, header);
    else if (ends_within_a_line(log->path, status.st_size))
        put(log, "\n");
    write_out(log, false);
    log->begun = true;
}

/* Escapes the bytes that would end the field or the line. */
static const char *as_field(char *text, const char *from)
{
    size_t used = 0;
    for (const char *c = from; *c && used + 4 < NAME_TEXT_MAX; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte >= ' ' && byte != 0x7f)
            text[used++] = *c;
        else if (*c == '\n' || *c == '\t')
            used += (size_t)sprintf(text + used, "\\%c", *c == '\n' ? 'n' : 't');
        else
            used += (size_t)sprintf(text + used, "\\x%02x", byte);
    }
    text[used] = '\0';
    return used ? text : "?";
}

struct exit_code {
    int64_t value; /* -1: there is none, or it says nothing */
    uint32_t signal;
};

/* As GNU parallel has it, which ends by SIGTERM a job that takes too long. A task that
 * failed never looks as if it had not. */
static struct exit_code exit_code(const struct completion *completion)
{
    enum { TERM = 15, KILL = 9 };
    if (completion->well)
        return (struct exit_code){0, 0};
    if (completion->cause == FAILURE_SIGNAL)
        return (struct exit_code){completion->code ? 0 : -1, completion->code};
    if (completion->cause == FAILURE_TIMEOUT)
        return (struct exit_code){-1, TERM};
    if (completion->cause == FAILURE_MEMORY)
        return (struct exit_code){0, KILL};
    bool has_status = completion->cause == FAILURE_EXIT ||
                      completion->cause == FAILURE_REPORTED;
    return (struct exit_code){
        has_status && completion->code ? (int64_t)completion->code : -1, 0};
}

/* Microseconds since the epoch at which its attempt began. */
static int64_t started_us(const struct completion *completion, int64_t now_us)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ago_us = now_us - completion->ended_us;
    if (completion->run_us < (uint64_t)now_us)
        ago_us += (int64_t)completion->run_us;
    return (int64_t)now.tv_sec * SECOND_US + now.tv_nsec / 1000 - ago_us;
}

void job_log_add(struct job_log *log, const struct completion *completion,
                 int64_t now_us)
{
    char host[NAME_TEXT_MAX], command[NAME_TEXT_MAX];
    int64_t start_ms = started_us(completion, now_us) / 1000;
    uint64_t run_ms = completion->run_us / 1000;
    struct exit_code code = exit_code(completion);
    if (log->file < 0)
        return;
    if (log->used == 0)
        log->due_us = now_us + GATHER_US;
    if (log->used + LINE_MAX_BYTES > sizeof log->buffer)
        write_out(log, false);
    if (log->used + LINE_MAX_BYTES > sizeof log->buffer)
        write_out(log, true);
    if (log->file < 0)
        return;
    log->used += (size_t)snprintf(
        log->buffer + log->used, sizeof log->buffer - log->used,
        "%" PRIu64 "\t%s\t%" PRId64 ".%03d\t%6" PRIu64 ".%03d\t%" PRIu64 "\t0\t%" PRId64
        "\t%" PRIu32 "\t%s\n",
        completion->seq + 1, as_field(host, completion->host), start_ms / 1000,
        (int)(start_ms % 1000), run_ms / 1000, (int)(run_ms % 1000), completion->length,
        code.value, code.signal, as_field(command, completion->command));
}

int64_t job_log_tick(struct job_log *log, int64_t now_us)
{
    if (log->used && now_us >= log->due_us) {
        write_out(log, false);
        log->due_us = now_us + GATHER_US;
    }
    return log->used ? log->due_us : NEVER_US;
}
