/* SPDX-License-Identifier: MIT */
/*
 * Lines on stderr, of two kinds: `say` tells the person at the terminal something
 * ("fanfold-sink: cannot write out.txt: No space left on device"), `log_event` writes
 * one logfmt line for an operator. Neither fails, nor blocks for long.
 */
#ifndef FANFOLD_COMMON_LOG_H
#define FANFOLD_COMMON_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_TRACE
};

/* The program's name begins every line; it is not copied. The level comes from
 * --log-level, default warn. */
void log_init(const char *program, enum log_level level);
void log_set_level(enum log_level level);
/* "error", "warn", "info", "debug" or "trace"; false: no such level. */
bool log_level_parse(const char *name, enum log_level *ret_level);
bool log_enabled(enum log_level level);

/* A line for a person: "PROGRAM: text\n", written in one piece. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * A line for an operator: "PROGRAM: LEVEL EVENT key=value ...". `format` holds the
 * key=value pairs; strings that come from a peer go through log_quote first.
 */
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Quotes and escapes into `buffer`, cut with "..." if it does not fit; returns
 * `buffer`. Any byte that is not printable ASCII becomes an escape. `size` is at
 * least 6. */
const char *log_quote(char *buffer, size_t size, const void *data, size_t length);

/* Somebody waits for the end: a line waits only for half a second for its reader. */
void log_hurry(void);
/*
 * Draws the progress line in place, if stderr is a terminal, and erases it before any
 * other line of this process. NULL or "" removes it.
 */
void log_status_line(const char *text);
/* Whether another process draws such a line on this terminal: if so, we erase it before
 * any line of ours. */
void log_share_line(bool shares);
/* What erases it, to be written in front of a line that comes from elsewhere; "" where
 * there is none. */
const char *log_line_start(void);

#endif
