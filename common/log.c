/* SPDX-License-Identifier: MIT */
/*
 * Each line is built in a buffer and leaves in one write(2), so that lines of several
 * processes on one terminal do not mix; a line that is too long is cut and ends in
 * "...". If stderr takes nothing for WAIT_MS (after log_hurry HURRY_MS), the rest of
 * the line is lost, and so are those that follow until it takes something: a pipe or a
 * terminal that nobody reads does not stop a run. The next line says how many were
 * lost. Nothing here writes to stdout, and nothing fails.
 */
#include "common/log.h"
#include "common/open_again.h"
#include "common/slice.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LINE_BYTES = 16384, STATUS_BYTES = 512, WAIT_MS = 4000, HURRY_MS = 500 };

#define ERASE_LINE "\r\033[K"

/* Text that grows up to a bound; the rest is cut. */
struct line {
    char text[LINE_BYTES];
    size_t size;
    bool cut;
};

static struct {
    const char *program;
    enum log_level level;
    char status[STATUS_BYTES]; /* "" while none is drawn */
    bool shares;               /* another process draws one */
    unsigned lost;             /* lines, since stderr last took one */
    int wait_ms;
} logger = {.program = "fanfold", .level = LOG_LEVEL_WARN, .wait_ms = WAIT_MS};

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARN] = "warn",   [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug", [LOG_LEVEL_TRACE] = "trace",
};

void log_init(const char *program, enum log_level level)
{
    logger.program = program;
    logger.level = level;
}

void log_hurry(void)
{
    logger.wait_ms = HURRY_MS;
}

void log_set_level(enum log_level level)
{
    logger.level = level;
}

bool log_level_parse(const char *name, enum log_level *ret_level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_enabled(enum log_level level)
{
    return level <= logger.level;
}

/* The descriptor may block, and then another process that shares it must not be in our
 * way between a look and the write: where that is possible, writes to one of our own.
 * False: stderr has taken nothing for `wait_ms`. */
static bool write_to(int fd, const char *text, size_t size, int wait_ms)
{
    while (size > 0) {
        ssize_t written = write(fd, text, size);
        if (written > 0) {
            text += written;
            size -= (size_t)written;
        } else if (written < 0 && errno == EAGAIN) {
            struct pollfd stderr_poll = {.fd = fd, .events = POLLOUT};
            if (poll(&stderr_poll, 1, wait_ms) == 0)
                return false;
        } else if (written == 0 || errno != EINTR) {
            return true;
        }
    }
    return true;
}

static bool write_out(const char *text, size_t size, int wait_ms)
{
    int own = open_again(STDERR_FILENO);
    bool taken = write_to(own >= 0 ? own : STDERR_FILENO, text, size, wait_ms);
    if (own >= 0)
        close(own);
    return taken;
}

static void line_append_v(struct line *line, const char *format, va_list arguments)
{
    size_t room = sizeof line->text - line->size;
    int size = vsnprintf(line->text + line->size, room, format, arguments);
    if (size < 0)
        return;
    line->cut = line->cut || (size_t)size >= room;
    line->size += (size_t)size < room ? (size_t)size : room - 1;
}

__attribute__((format(printf, 2, 3))) static void line_append(struct line *line,
                                                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    line_append_v(line, format, arguments);
    va_end(arguments);
}

static const char *erase_line(void)
{
    return *logger.status || logger.shares ? ERASE_LINE : "";
}

/* False: stderr still takes nothing. */
static bool say_lost(void)
{
    char text[128];
    if (!logger.lost)
        return true;
    int size = snprintf(
        text, sizeof text, "%s%s: lost %u line%s, because nobody read standard error\n",
        erase_line(), logger.program, logger.lost, logger.lost == 1 ? "" : "s");
    if (!write_out(text, (size_t)size, 0))
        return false;
    logger.lost = 0;
    return true;
}

/* Ends the line, puts the status line back below it and writes both. A line that is too
 * long is cut to leave room for the status. */
static void line_write(struct line *line)
{
    static const char ellipsis[] = "...";
    size_t most = sizeof line->text - sizeof logger.status - 1;
    if (line->size > most) {
        line->size = most;
        line->cut = true;
    }
    if (line->cut)
        memcpy(line->text + line->size - strlen(ellipsis), ellipsis, strlen(ellipsis));
    line->cut = false;
    line_append(line, "\n%s", logger.status);
    if (!say_lost() || !write_out(line->text, line->size, logger.wait_ms))
        logger.lost++;
}

static void line_begin(struct line *line)
{
    line->size = 0;
    line->cut = false;
    line_append(line, "%s%s: ", erase_line(), logger.program);
}

/* Spells what would drive the terminal: file names, and whatever else was not written
 * here. Line ends and tabs stay. */
static void line_append_printable(struct line *line, const char *text)
{
    while (*text) {
        size_t size = strcspn(text, "\n\t");
        struct slice part = {(const uint8_t *)text, size};
        size_t room = sizeof line->text - line->size;
        slice_copy_printable(part, line->text + line->size, room);
        line->size += strlen(line->text + line->size);
        text += size;
        if (*text)
            line_append(line, "%c", *text++);
    }
}

void say(const char *format, ...)
{
    int saved_errno = errno;
    char text[LINE_BYTES];
    struct line line;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    line_begin(&line);
    line_append_printable(&line, size < 0 ? format : text);
    line.cut = line.cut || size >= (int)sizeof text;
    line_write(&line);
    errno = saved_errno;
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    int saved_errno = errno;
    struct line line;
    line_begin(&line);
    line_append(&line, "%s %s%s", level_names[level], event, *format ? " " : "");
    va_list arguments;
    va_start(arguments, format);
    line_append_v(&line, format, arguments);
    va_end(arguments);
    line_write(&line);
    errno = saved_errno;
}

/* Spells one byte as it stands between quotes; returns the length of that. */
static size_t quote_byte(uint8_t byte, char spelling[5])
{
    static const char letters[] = "\nn\tt\rr\"\"\\\\";
    for (const char *pair = letters; *pair; pair += 2) {
        if (byte == (uint8_t)pair[0])
            return (size_t)sprintf(spelling, "\\%c", pair[1]);
    }
    bool printable = byte >= 0x20 && byte < 0x7f;
    return (size_t)sprintf(spelling, printable ? "%c" : "\\x%02x", byte);
}

const char *log_quote(char *buffer, size_t size, const void *data, size_t length)
{
    assert(size >= sizeof "\"...\"");
    const uint8_t *bytes = data;
    size_t most = size - sizeof "\""; /* keeps room for the closing quote */
    size_t used = 0, cut_at = 1;      /* cut_at: where "..." still fits */
    buffer[used++] = '"';
    for (size_t i = 0; i < length; i++) {
        char spelling[5];
        size_t spelled = quote_byte(bytes[i], spelling);
        if (used + spelled > most) {
            memcpy(buffer + cut_at, "...", 3);
            used = cut_at + 3;
            break;
        }
        memcpy(buffer + used, spelling, spelled);
        used += spelled;
        if (used + 3 <= most)
            cut_at = used;
    }
    memcpy(buffer + used, "\"", sizeof "\"");
    return buffer;
}

const char *log_line_start(void)
{
    return erase_line();
}

void log_share_line(bool shares)
{
    logger.shares = shares;
}

/* A line that wraps could not be erased, so it is cut to the terminal's width. */
static size_t status_room(void)
{
    struct winsize window;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1;
    return known && window.ws_col < STATUS_BYTES ? window.ws_col : STATUS_BYTES;
}

void log_status_line(const char *text)
{
    if (!text)
        text = "";
    if ((!*text && !*logger.status) || !isatty(STDERR_FILENO))
        return;
    snprintf(logger.status, status_room(), "%s", text);
    char drawn[STATUS_BYTES + sizeof ERASE_LINE];
    int size = snprintf(drawn, sizeof drawn, ERASE_LINE "%s", logger.status);
    (void)write_out(drawn, (size_t)size, 0);
}
