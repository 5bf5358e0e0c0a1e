/* SPDX-License-Identifier: MIT */
/*
 * One PCRE2 expression finds a border: where both are given, an end that a start
 * follows, whose match ends at the border. Of a start alone the match begins there.
 *
 * A search goes from one stretch of STRETCH first bytes of a match to the next, both
 * counted from the record's beginning, and sees REACH bytes more: so what is a match
 * does not depend on how much has come in. Until all has, a match that touches the last
 * byte is none yet (PCRE2_PARTIAL_HARD), and is tried again from where it begins.
 *
 * The steps of one match are limited by PCRE2. As those of all together are not, and as
 * simple loops do not count there, the time is watched too: of the time that goes by in
 * searches, a part for each byte is paid for, and a debt of more than DEBT_MAX_US, in
 * processor time as well, is the end.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "common/record_expression.h"

#include "common/memory.h"
#include <inttypes.h>
#include <pcre2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    STRETCH = 1 << 10,
    REACH = 1 << 20,
    STEPS_MAX = 500 * 1000,   /* of a match */
    HEAP_MAX_KIB = 64 << 10,  /* of a match, where it is interpreted */
    JIT_STACK_MIN = 32 << 10, /* bytes; likewise, where it is compiled */
    JIT_STACK_MAX = 8 << 20,
    BYTES_A_US = 1, /* that are paid for */
    DEBT_MAX_US = 3000 * 1000,
};

struct record_expression {
    pcre2_code *code;
    pcre2_match_context *context;
    pcre2_match_data *match;
    pcre2_jit_stack *stack; /* NULL: it is interpreted */
    bool by_start;          /* the border is where a match begins */
    int64_t paid_at_us;     /* when time was last looked at, in a search */
    int64_t debt_us;        /* time that is not paid for */
    int64_t cpu_us; /* processor time when the debt began; valid while there is one */
    char problem[200];
};

static void *or_abort(void *memory)
{
    if (memory == NULL)
        abort_out_of_memory();
    return memory;
}

/* A search that goes on has another start, which \G would match. */
static bool refers_to_start(struct slice text)
{
    for (size_t i = 0; i + 1 < text.size; i++)
        if (text.data[i] == '\\' && text.data[++i] == 'G')
            return true;
    return false;
}

static pcre2_code *compile(const char *text, size_t size, int *ret_error,
                           size_t *ret_at)
{
    pcre2_compile_context *context = or_abort(pcre2_compile_context_create(NULL));
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    /* With the start optimizations of 10.42's JIT some matches are not found, and some
     * borders with them: (?:ab|a)[^a]*?\w(?=a) in "ab\r\n ababaaaab". And by itself ^
     * does not match where all ends that has come in so far, nor says that it may. */
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, size,
                                     PCRE2_MULTILINE | PCRE2_NEVER_UTF |
                                         PCRE2_USE_OFFSET_LIMIT |
                                         PCRE2_NO_START_OPTIMIZE | PCRE2_ALT_CIRCUMFLEX,
                                     ret_error, ret_at, context);
    pcre2_compile_context_free(context);
    return code;
}

/* Each has to be right by itself, or it might only be so between the other's brackets.
 */
static bool check_mark(const char *option, const uint8_t *mark, size_t size,
                       char *error, size_t error_size)
{
    int number;
    size_t at;
    char words[120];
    struct slice text = {mark, size};
    if (refers_to_start(text)) {
        snprintf(error, error_size, "%s: \\G means nothing in records", option);
        return false;
    }
    pcre2_code *code = compile((const char *)mark, size, &number, &at);
    if (code == NULL) {
        pcre2_get_error_message(number, (PCRE2_UCHAR *)words, sizeof words);
        snprintf(error, error_size, "%s: %s at character %zu of the expression", option,
                 words, at + 1);
    }
    pcre2_code_free(code);
    return code != NULL;
}

static pcre2_code *compile_marks(const struct record_format *format, char *error,
                                 size_t error_size)
{
    char text[2 * RECORD_MARK_MAX + sizeof "(?:)(?=)"];
    int number, start = (int)format->start_size, end = (int)format->end_size;
    size_t at, size;
    if ((start && !check_mark("--recstart", format->start, format->start_size, error,
                              error_size)) ||
        (end &&
         !check_mark("--recend", format->end, format->end_size, error, error_size)))
        return NULL;
    char *to = text;
    const char *before = end ? "(?:" : "", *between = start && end ? ")(?=" : "";
    to = mempcpy(to, before, strlen(before));
    to = mempcpy(to, format->end, format->end_size);
    to = mempcpy(to, between, strlen(between));
    to = mempcpy(to, format->start, format->start_size);
    to = mempcpy(to, ")", end ? 1 : 0);
    size = (size_t)(to - text);
    pcre2_code *code = compile(text, size, &number, &at);
    if (code == NULL)
        snprintf(error, error_size, "%s cannot be part of a larger expression",
                 start ? "what --recend and --recstart say" : "what --recend says");
    return code;
}

/* Without it, it is interpreted; the outcome is the same. */
static void compile_to_machine_code(struct record_expression *expression)
{
    if (pcre2_jit_compile(expression->code,
                          PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD) != 0)
        return;
    expression->stack =
        or_abort(pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL));
    pcre2_jit_stack_assign(expression->context, NULL, expression->stack);
}

struct record_expression *record_expression_new(const struct record_format *format,
                                                char *error, size_t error_size)
{
    pcre2_code *code = compile_marks(format, error, error_size);
    if (code == NULL)
        return NULL;
    struct record_expression *expression = allocate_zeroed(1, sizeof *expression);
    expression->code = code;
    expression->by_start = format->end_size == 0;
    expression->context = or_abort(pcre2_match_context_create(NULL));
    expression->match = or_abort(pcre2_match_data_create(1, NULL));
    pcre2_set_match_limit(expression->context, STEPS_MAX);
    pcre2_set_heap_limit(expression->context, HEAP_MAX_KIB);
    compile_to_machine_code(expression);
    return expression;
}

void record_expression_destroy(struct record_expression **expression_p)
{
    struct record_expression *expression = *expression_p;
    if (!expression)
        return;
    pcre2_match_data_free(expression->match);
    pcre2_match_context_free(expression->context);
    pcre2_jit_stack_free(expression->stack);
    pcre2_code_free(expression->code);
    free(expression);
    *expression_p = NULL;
}

/* ---- the time ---- */

static int64_t read_clock_us(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * INT64_C(1000000) + time.tv_nsec / 1000;
}

/* False: it has taken too long. The coarse clock costs next to nothing and is right in
 * the sum; a process that was stopped meanwhile has used no processor. */
static bool pay_for(struct record_expression *expression, size_t bytes)
{
    int64_t now_us = read_clock_us(CLOCK_MONOTONIC_COARSE);
    int64_t took_us = now_us - expression->paid_at_us;
    bool had_debt = expression->debt_us > 0;
    expression->paid_at_us = now_us;
    expression->debt_us += took_us - (int64_t)(bytes / BYTES_A_US);
    if (expression->debt_us <= 0) {
        expression->debt_us = 0;
    } else if (!had_debt) {
        expression->cpu_us = read_clock_us(CLOCK_PROCESS_CPUTIME_ID) - took_us;
    } else if (expression->debt_us > DEBT_MAX_US) {
        int64_t used_us = read_clock_us(CLOCK_PROCESS_CPUTIME_ID) - expression->cpu_us;
        if (used_us < expression->debt_us)
            expression->debt_us = used_us;
    }
    return expression->debt_us <= DEBT_MAX_US;
}

/* ---- the search ---- */

__attribute__((format(printf, 2, 3))) static enum expression_outcome
fail(struct record_expression *expression, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(expression->problem, sizeof expression->problem, format, arguments);
    va_end(arguments);
    return EXPRESSION_FAILED;
}

static enum expression_outcome fail_at_limit(struct record_expression *expression,
                                             int error)
{
    char words[120];
    pcre2_get_error_message(error, (PCRE2_UCHAR *)words, sizeof words);
    return fail(expression, "cannot be searched by this --regexp: %s", words);
}

static enum expression_outcome fail_at_reach(struct record_expression *expression,
                                             size_t from)
{
    return fail(expression,
                "cannot be searched by this --regexp: from its byte %zu on, a match "
                "wants to see more than %d bytes",
                from, REACH);
}

/* Tries matches that begin at `from` .. `last`. True: there is an outcome; else there
 * is no match. What is compiled to machine code may go a byte too far for a partial
 * one.
 */
static bool match_within(struct record_expression *expression, struct slice bytes,
                         bool ended, size_t *from, size_t last,
                         enum expression_outcome *ret_outcome)
{
    bool cut = bytes.size > last + REACH;
    size_t size = cut ? last + REACH : bytes.size;
    uint32_t options = cut || !ended ? PCRE2_PARTIAL_HARD : 0;
    if (*from == 0 && !expression->by_start)
        options |= PCRE2_NOTEMPTY_ATSTART;
    pcre2_set_offset_limit(expression->context, last);
    int result = pcre2_match(expression->code, bytes.data, size, *from, options,
                             expression->match, expression->context);
    if (result == PCRE2_ERROR_NOMATCH ||
        ((result >= 0 || result == PCRE2_ERROR_PARTIAL) &&
         pcre2_get_startchar(expression->match) > last))
        return false;
    if (result == PCRE2_ERROR_PARTIAL) {
        *from = pcre2_get_startchar(expression->match);
        *ret_outcome = cut ? fail_at_reach(expression, *from) : EXPRESSION_OPEN;
    } else {
        *ret_outcome = result < 0 ? fail_at_limit(expression, result)
                                  : EXPRESSION_FOUND;
    }
    return true;
}

/* Whether the record begins with a start, the end of which is no border. False: that
 * is not known, or never will be. */
static bool skip_start(struct record_expression *expression,
                       struct expression_search *search, struct slice bytes, bool ended,
                       enum expression_outcome *ret_outcome)
{
    size_t from = 0;
    search->from = 1;
    if (match_within(expression, bytes, ended, &from, 0, ret_outcome)) {
        if (*ret_outcome != EXPRESSION_FOUND)
            return false;
        size_t end = pcre2_get_ovector_pointer(expression->match)[1];
        search->from = end > 0 ? end : 1;
    }
    search->began = true;
    return true;
}

/* The border of the match. An expression may be such that its end is before its
 * beginning. */
static enum expression_outcome take_border(struct record_expression *expression,
                                           size_t limit, size_t *ret_size)
{
    const size_t *found = pcre2_get_ovector_pointer(expression->match);
    size_t size = found[expression->by_start ? 0 : 1];
    if (size == 0 || size > limit)
        return fail(expression, "cannot be searched by this --regexp: it goes back");
    *ret_size = size;
    return EXPRESSION_FOUND;
}

enum expression_outcome record_expression_find(struct record_expression *expression,
                                               struct expression_search *search,
                                               struct slice bytes, bool ended,
                                               size_t *ret_size)
{
    enum expression_outcome outcome;
    expression->paid_at_us = read_clock_us(CLOCK_MONOTONIC_COARSE);
    if (expression->by_start && !search->began &&
        !skip_start(expression, search, bytes, ended, &outcome))
        return outcome;
    while (search->from <= bytes.size) {
        size_t from = search->from, next = (from / STRETCH + 1) * STRETCH;
        bool found =
            match_within(expression, bytes, ended, &search->from, next - 1, &outcome);
        if (!found)
            search->from = next < bytes.size ? next : bytes.size;
        else if (outcome == EXPRESSION_FOUND)
            outcome = take_border(expression, bytes.size, &search->from);
        if (!pay_for(expression, search->from - from))
            return fail(expression, "cannot be searched by this --regexp: it takes too "
                                    "long");
        *ret_size = search->from;
        if (found || next > bytes.size)
            return found ? outcome : EXPRESSION_OPEN;
    }
    return EXPRESSION_OPEN;
}

const char *record_expression_problem(const struct record_expression *expression)
{
    return expression->problem;
}
