/* SPDX-License-Identifier: MIT */
/*
 * Lines on stderr. Each line is put together in a buffer and leaves in one write(2), so
 * that lines of several processes on one terminal do not mix; what does not fit is cut
 * and ends in "...". A stderr that takes nothing is waited for a moment (WAIT_MS, again
 * only after progress), then the line is lost: a stuck terminal does not stop a run.
 * Nothing here writes to stdout, and nothing fails.
 */
#include "common/log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LINE_BYTES = 16384, STATUS_BYTES = 512, WAIT_MS = 100 };

#define ERASE_LINE "\r\033[K"

/* Text that grows up to a bound; what is beyond is cut. */
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
} voice = {.program = "fanfold", .level = LOG_LEVEL_WARN};

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARN] = "warn",   [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug", [LOG_LEVEL_TRACE] = "trace",
};

void log_init(const char *program, enum log_level level)
{
    voice.program = program;
    voice.level = level;
}

void log_set_level(enum log_level level)
{
    voice.level = level;
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
    return level <= voice.level;
}

/* Only an error, or a stderr that takes nothing for WAIT_MS, ends it early. */
static void write_out(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDERR_FILENO, text, size);
        if (written > 0) {
            text += written;
            size -= (size_t)written;
        } else if (written < 0 && errno == EAGAIN) {
            struct pollfd stderr_poll = {.fd = STDERR_FILENO, .events = POLLOUT};
            if (poll(&stderr_poll, 1, WAIT_MS) == 0)
                return;
        } else if (written == 0 || errno != EINTR) {
            return;
        }
    }
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

/* Ends the line, puts the status line back below it and writes both. The room that the
 * status needs is taken from a line that is too long. */
static void line_write(struct line *line)
{
    static const char ellipsis[] = "...";
    size_t most = sizeof line->text - sizeof voice.status - 1;
    if (line->size > most) {
        line->size = most;
        line->cut = true;
    }
    if (line->cut)
        memcpy(line->text + line->size - strlen(ellipsis), ellipsis, strlen(ellipsis));
    line->cut = false;
    line_append(line, "\n%s", voice.status);
    write_out(line->text, line->size);
}

static void line_begin(struct line *line)
{
    line->size = 0;
    line->cut = false;
    line_append(line, "%s%s: ", *voice.status || voice.shares ? ERASE_LINE : "",
                voice.program);
}

void say(const char *format, ...)
{
    int saved_errno = errno;
    struct line line;
    line_begin(&line);
    va_list arguments;
    va_start(arguments, format);
    line_append_v(&line, format, arguments);
    va_end(arguments);
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

/* What stands for one byte between quotes; returns its length. */
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

void log_share_line(bool shares)
{
    voice.shares = shares;
}

/* A line that wraps could not be erased: it is cut to the terminal's width. */
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
    if ((!*text && !*voice.status) || !isatty(STDERR_FILENO))
        return;
    snprintf(voice.status, status_room(), "%s", text);
    char drawn[STATUS_BYTES + sizeof ERASE_LINE];
    int size = snprintf(drawn, sizeof drawn, ERASE_LINE "%s", voice.status);
    write_out(drawn, (size_t)size);
}
