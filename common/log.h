/* SPDX-License-Identifier: MIT */
/*
 * What goes to stderr. Two voices: `say` speaks to the person at the terminal
 * ("fanfold-sink: cannot write out.txt: No space left on device"), `log_event` writes
 * one logfmt line for an operator. Neither blocks for long nor fails.
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

/* The program's name, in front of every line; not copied. The level comes from
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

/* Quotes and escapes into `buffer` (cut, with "..." , where it does not fit); returns
 * `buffer`. What is no printable ASCII becomes an escape. `size` is at least 6. */
const char *log_quote(char *buffer, size_t size, const void *data, size_t length);

/*
 * The progress line: shown in place, erased before any other line of this process. NULL
 * or "" takes it away. Only where stderr is a terminal is it drawn in place.
 */
void log_status_line(const char *text);
/* Whether another process draws such a line on this terminal: then it is erased before
 * any line of ours. */
void log_share_line(bool shares);

#endif
