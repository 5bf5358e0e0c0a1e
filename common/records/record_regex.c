/* SPDX-License-Identifier: MIT */
/*
 * One PCRE2 expression finds a border. With an end (and a start that must follow it),
 * its match ends at the border; with a start alone, its match begins there.
 *
 * A search takes one stretch after the other, counted from the record's beginning: a
 * match may begin at any of the STRETCH bytes of a stretch, and sees REACH bytes more.
 * So a match does not depend on how much input has come in. Until all has, a match that
 * touches the last byte does not count (PCRE2_PARTIAL_HARD); the next call tries it
 * again from its beginning.
 *
 * PCRE2 limits the steps of one match, but not of all matches together, and does not
 * count simple loops. So we watch the time too: each byte searched pays for some of the
 * time that searches take, and a debt above DEBT_MAX_US, in processor time as well,
 * ends the search.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "common/records/record_regex.h"

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
    BYTES_A_US = 1, /* bytes that pay for a microsecond */
    DEBT_MAX_US = 3000 * 1000,
};

struct record_regex {
    pcre2_code *code;
    pcre2_match_context *context;
    pcre2_match_data *match;
    pcre2_jit_stack *stack; /* NULL: PCRE2 interprets the expression */
    bool by_start;          /* the border is where a match begins */
    int64_t paid_at_us;     /* when a search last read the clock */
    int64_t debt_us;        /* time that no byte has paid for */
    int64_t cpu_us; /* processor time when the debt began; valid while there is one */
    char problem[200];
};

static void *or_abort(void *memory)
{
    if (!memory)
        abort_out_of_memory();
    return memory;
}

/* \G matches where a search starts, which differs when a search continues. */
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
    /* The start optimizations of 10.42's JIT miss some matches, and with them borders:
     * (?:ab|a)[^a]*?\w(?=a) in "ab\r\n ababaaaab". And without PCRE2_ALT_CIRCUMFLEX, ^
     * neither matches at the end of the input so far, nor says that it may. */
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, size,
                                     PCRE2_MULTILINE | PCRE2_NEVER_UTF |
                                         PCRE2_USE_OFFSET_LIMIT |
                                         PCRE2_NO_START_OPTIMIZE | PCRE2_ALT_CIRCUMFLEX,
                                     ret_error, ret_at, context);
    pcre2_compile_context_free(context);
    return code;
}

/* Each mark must be a valid expression alone: two that are not might become one between
 * our brackets. */
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
    if (!code) {
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
    if (!code)
        snprintf(error, error_size, "%s cannot be part of a larger expression",
                 start ? "what --recend and --recstart say" : "what --recend says");
    return code;
}

/* If this fails, PCRE2 interprets the expression, with the same outcome. */
static void compile_to_machine_code(struct record_regex *regex)
{
    if (pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD) !=
        0)
        return;
    regex->stack = or_abort(pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL));
    pcre2_jit_stack_assign(regex->context, NULL, regex->stack);
}

struct record_regex *record_regex_new(const struct record_format *format, char *error,
                                      size_t error_size)
{
    pcre2_code *code = compile_marks(format, error, error_size);
    if (!code)
        return NULL;
    struct record_regex *regex = allocate_zeroed(1, sizeof *regex);
    regex->code = code;
    regex->by_start = format->end_size == 0;
    regex->context = or_abort(pcre2_match_context_create(NULL));
    regex->match = or_abort(pcre2_match_data_create(1, NULL));
    pcre2_set_match_limit(regex->context, STEPS_MAX);
    pcre2_set_heap_limit(regex->context, HEAP_MAX_KIB);
    compile_to_machine_code(regex);
    return regex;
}

void record_regex_destroy(struct record_regex **regex_p)
{
    struct record_regex *regex = *regex_p;
    if (!regex)
        return;
    pcre2_match_data_free(regex->match);
    pcre2_match_context_free(regex->context);
    pcre2_jit_stack_free(regex->stack);
    pcre2_code_free(regex->code);
    free(regex);
    *regex_p = NULL;
}

/* ---- the time ---- */

static int64_t read_clock_us(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * INT64_C(1000000) + time.tv_nsec / 1000;
}

/* False: the search has taken too long. The coarse clock costs next to nothing and is
 * right in the sum. The processor's time counts because a stopped process uses none. */
static bool pay_for(struct record_regex *regex, size_t bytes)
{
    int64_t now_us = read_clock_us(CLOCK_MONOTONIC_COARSE);
    int64_t took_us = now_us - regex->paid_at_us;
    bool had_debt = regex->debt_us > 0;
    regex->paid_at_us = now_us;
    regex->debt_us += took_us - (int64_t)(bytes / BYTES_A_US);
    if (regex->debt_us <= 0) {
        regex->debt_us = 0;
    } else if (!had_debt) {
        regex->cpu_us = read_clock_us(CLOCK_PROCESS_CPUTIME_ID) - took_us;
    } else if (regex->debt_us > DEBT_MAX_US) {
        int64_t used_us = read_clock_us(CLOCK_PROCESS_CPUTIME_ID) - regex->cpu_us;
        if (used_us < regex->debt_us)
            regex->debt_us = used_us;
    }
    return regex->debt_us <= DEBT_MAX_US;
}

/* ---- the search ---- */

__attribute__((format(printf, 2, 3))) static enum regex_outcome
fail(struct record_regex *regex, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(regex->problem, sizeof regex->problem, format, arguments);
    va_end(arguments);
    return REGEX_FAILED;
}

static enum regex_outcome fail_at_limit(struct record_regex *regex, int error)
{
    char words[120];
    pcre2_get_error_message(error, (PCRE2_UCHAR *)words, sizeof words);
    return fail(regex, "cannot be searched by this --regexp: %s", words);
}

static enum regex_outcome fail_at_reach(struct record_regex *regex, size_t from)
{
    return fail(regex,
                "cannot be searched by this --regexp: from its byte %zu on, a match "
                "wants to see more than %d bytes",
                from, REACH);
}

/* Tries matches that begin at `from` .. `last`. True: there is an outcome; false: there
 * is no match. Machine code may report a partial match a byte beyond `last`. */
static bool match_within(struct record_regex *regex, struct slice bytes, bool ended,
                         size_t *from, size_t last, enum regex_outcome *ret_outcome)
{
    bool cut = bytes.size > last + REACH;
    size_t size = cut ? last + REACH : bytes.size;
    uint32_t options = cut || !ended ? PCRE2_PARTIAL_HARD : 0;
    if (*from == 0) /* an empty match there is no border, and hides one that is not */
        options |= PCRE2_NOTEMPTY_ATSTART;
    pcre2_set_offset_limit(regex->context, last);
    int result = pcre2_match(regex->code, bytes.data, size, *from, options,
                             regex->match, regex->context);
    if (result == PCRE2_ERROR_NOMATCH ||
        ((result >= 0 || result == PCRE2_ERROR_PARTIAL) &&
         pcre2_get_startchar(regex->match) > last))
        return false;
    if (result == PCRE2_ERROR_PARTIAL) {
        *from = pcre2_get_startchar(regex->match);
        *ret_outcome = cut ? fail_at_reach(regex, *from) : REGEX_OPEN;
    } else {
        *ret_outcome = result < 0 ? fail_at_limit(regex, result) : REGEX_FOUND;
    }
    return true;
}

/* Skips the start that the record may begin with, which is no border. False: more bytes
 * are needed, or a limit was reached (*ret_outcome). */
static bool skip_start(struct record_regex *regex, struct regex_search *search,
                       struct slice bytes, bool ended, enum regex_outcome *ret_outcome)
{
    size_t from = 0;
    search->from = 1;
    if (match_within(regex, bytes, ended, &from, 0, ret_outcome)) {
        if (*ret_outcome != REGEX_FOUND)
            return false;
        size_t end = pcre2_get_ovector_pointer(regex->match)[1];
        search->from = end > 0 ? end : 1; /* \K and lookarounds may end it at 0 */
    }
    search->began = true;
    return true;
}

/* The border of the match. There are expressions whose match ends before it begins. */
static enum regex_outcome take_border(struct record_regex *regex, size_t limit,
                                      size_t *ret_size)
{
    const size_t *found = pcre2_get_ovector_pointer(regex->match);
    size_t size = found[regex->by_start ? 0 : 1];
    if (size == 0 || size > limit)
        return fail(regex, "cannot be searched by this --regexp: its match lies before "
                           "the point where the search starts");
    *ret_size = size;
    return REGEX_FOUND;
}

enum regex_outcome record_regex_find(struct record_regex *regex,
                                     struct regex_search *search, struct slice bytes,
                                     bool ended, size_t *ret_size)
{
    enum regex_outcome outcome;
    regex->paid_at_us = read_clock_us(CLOCK_MONOTONIC_COARSE);
    if (regex->by_start && !search->began &&
        !skip_start(regex, search, bytes, ended, &outcome))
        return outcome;
    while (search->from <= bytes.size) {
        size_t from = search->from, next = (from / STRETCH + 1) * STRETCH;
        bool found =
            match_within(regex, bytes, ended, &search->from, next - 1, &outcome);
        if (!found)
            search->from = next < bytes.size ? next : bytes.size;
        else if (outcome == REGEX_FOUND)
            outcome = take_border(regex, bytes.size, &search->from);
        if (!pay_for(regex, search->from - from))
            return fail(regex, "cannot be searched by this --regexp: it takes too "
                               "long");
        *ret_size = search->from;
        if (found || next > bytes.size)
            return found ? outcome : REGEX_OPEN;
    }
    return REGEX_OPEN;
}

const char *record_regex_problem(const struct record_regex *regex)
{
    return regex->problem;
}
