/* SPDX-License-Identifier: MIT */
/*
 * What a core does, as one line of text: "TASK(A:0) FORGET(B:1)". Each fixture of a
 * core defines
 *
 *     void trace_actions(struct trace *trace)   adds all that the core gives out now
 *
 * and a test says expect("...") of what the core does since it was last asked.
 */
#ifndef FANFOLD_TESTS_UNIT_TRACE_H
#define FANFOLD_TESTS_UNIT_TRACE_H

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct trace {
    char line[4000];
    size_t used;
};

/* One thing more, behind a space. */
__attribute__((format(printf, 2, 3))) static inline void
trace_add(struct trace *trace, const char *format, ...)
{
    va_list arguments;
    char *end = trace->line + trace->used;
    size_t room = sizeof trace->line - trace->used;
    va_start(arguments, format);
    int gap = trace->used ? snprintf(end, room, " ") : 0;
    int size = vsnprintf(end + gap, room - (size_t)gap, format, arguments);
    va_end(arguments);
    trace->used += (size_t)(gap + size);
    cr_assert_lt(trace->used, sizeof trace->line);
}

/* A macro, so that a failure names the line of the test. */
#define expect_trace(add_all, expected)                                       \
    do {                                                                      \
        struct trace trace_ = {.used = 0};                                    \
        add_all(&trace_);                                                     \
        cr_assert(strcmp(trace_.line, (expected)) == 0, "\"%s\", not \"%s\"", \
                  trace_.line, (expected));                                   \
    } while (0)
#define expect(expected) expect_trace(trace_actions, expected)

#endif
