/* SPDX-License-Identifier: MIT */
/* Answers in what a process has written: found, counted, taken out. */
#include "worker/program/persistent/coprocess.h"

#include <inttypes.h>
#include <stdio.h>

static struct slice unparsed(const struct coprocess *coprocess)
{
    return (struct slice){coprocess->heard.data + coprocess->parsed,
                          coprocess->heard.size - coprocess->parsed};
}

/* The first task without an answer has one. */
static void mark_answered(struct coprocess *coprocess, bool good, size_t from,
                          size_t size, size_t used)
{
    struct coprocess_task *item = coprocess_at(coprocess, coprocess->answered++);
    item->good = good;
    item->from = coprocess->parsed + from;
    item->size = size;
    coprocess->parsed += used;
    coprocess->expected = 0;
}

/* ---- lines ---- */

static enum coprocess_finding say_too_large(uint64_t max_result, char *text,
                                            size_t text_size)
{
    snprintf(text, text_size, "the result is larger than %" PRIu64 " bytes",
             max_result);
    return COPROCESS_TOO_LARGE;
}

void coprocess_count_lines(struct coprocess *coprocess, uint64_t *ret_answered,
                           uint64_t *ret_wanted)
{
    *ret_answered = coprocess->lines.answered;
    *ret_wanted = 0;
    for (uint32_t i = 0; i < coprocess->given; i++) {
        uint64_t lines = coprocess_at(coprocess, i)->question.lines;
        *ret_wanted += lines;
        if (i < coprocess->answered)
            *ret_answered += lines;
    }
}

/* All is answered: what follows is surplus. */
static enum coprocess_finding check_surplus(struct coprocess *coprocess, char *text,
                                            size_t text_size)
{
    uint64_t answered, wanted, surplus = lines_surplus(unparsed(coprocess));
    if (surplus == 0)
        return COPROCESS_FINE;
    coprocess_count_lines(coprocess, &answered, &wanted);
    if (wanted > 0)
        lines_too_many(text, text_size, surplus, wanted);
    else
        lines_unasked(text, text_size, unparsed(coprocess));
    return COPROCESS_SURPLUS;
}

/* Lines in the part of the burst from `paced` on that is before `taken`. */
static void pace(struct coprocess *coprocess, uint64_t taken)
{
    for (uint32_t i = 0; i < coprocess->given; i++) {
        const struct coprocess_task *item = coprocess_at(coprocess, i);
        struct slice parts[] = {item->task.header, item->task.input, {NULL, 0}};
        uint64_t at = item->begin;
        if (item->question.lacks_end)
            parts[2] = slice_of_text("\n");
        for (size_t part = 0; part < 3; at += parts[part++].size) {
            uint64_t from = coprocess->paced > at ? coprocess->paced - at : 0;
            uint64_t to = taken > at ? taken - at : 0;
            to = to < parts[part].size ? to : parts[part].size;
            if (from >= to)
                continue;
            struct slice fresh = {parts[part].data + from, (size_t)(to - from)};
            coprocess->paced_lines += lines_ends(fresh);
        }
    }
    coprocess->paced = taken;
}

/* No line is answered before it was read, but for its end, which the program may guess.
 * What was read is asked for after the answers, and only grows. */
static enum coprocess_finding check_pace(struct coprocess *coprocess, char *text,
                                         size_t text_size)
{
    uint64_t answered, wanted;
    if (coprocess->given == 0 || coprocess->heard.size == 0)
        return COPROCESS_FINE;
    uint64_t begin = coprocess_at(coprocess, 0)->begin;
    uint64_t taken = coprocess_taken(coprocess);
    if (taken + 1 >= coprocess->asked && taken > begin)
        return COPROCESS_FINE;
    if (taken == begin) {
        lines_unasked(text, text_size,
                      (struct slice){coprocess->heard.data, coprocess->heard.size});
        return COPROCESS_SURPLUS;
    }
    if (coprocess->paced < begin) {
        coprocess->paced = begin;
        coprocess->paced_lines = 0;
    }
    if (taken + 1 > coprocess->paced)
        pace(coprocess, taken + 1);
    coprocess_count_lines(coprocess, &answered, &wanted);
    if (answered <= coprocess->paced_lines)
        return COPROCESS_FINE;
    lines_ahead(text, text_size, answered, coprocess->paced_lines);
    return COPROCESS_SURPLUS;
}

static enum coprocess_finding parse_lines(struct coprocess *coprocess,
                                          uint64_t max_result, char *text,
                                          size_t text_size)
{
    size_t used, size;
    bool waiting = coprocess->answered < coprocess->given;
    while (coprocess->answered < coprocess->given) {
        struct coprocess_task *item = coprocess_at(coprocess, coprocess->answered);
        if (!lines_protocol_take(&coprocess->lines, &item->question,
                                 unparsed(coprocess), &used, &size)) {
            if (unparsed(coprocess).size > max_result)
                return say_too_large(max_result, text, text_size);
            return check_pace(coprocess, text, text_size);
        }
        if (size > max_result)
            return say_too_large(max_result, text, text_size);
        mark_answered(coprocess, true, 0, size, used);
    }
    if (!waiting && unparsed(coprocess).size == 0)
        return COPROCESS_FINE;
    enum coprocess_finding finding = check_surplus(coprocess, text, text_size);
    return finding == COPROCESS_FINE ? check_pace(coprocess, text, text_size) : finding;
}

/* ---- frames ---- */

/* The number of the first that is not answered; 0: all are. */
static uint64_t request_at_hand(struct coprocess *coprocess)
{
    return coprocess->answered < coprocess->given
               ? coprocess_at(coprocess, coprocess->answered)->request
               : 0;
}

static enum coprocess_finding parse_frames(struct coprocess *coprocess,
                                           uint64_t max_result, char *text,
                                           size_t text_size)
{
    struct frames_event event;
    do {
        frames_protocol_take(&coprocess->frames, unparsed(coprocess),
                             request_at_hand(coprocess), max_result, &event);
        switch (event.outcome) {
        case FRAMES_MORE:
            coprocess->expected = event.used;
            return COPROCESS_FINE;
        case FRAMES_READY:
            coprocess->parsed += event.used;
            return COPROCESS_READIED;
        case FRAMES_RESULT:
        case FRAMES_ERROR:
            mark_answered(coprocess, event.outcome == FRAMES_RESULT,
                          FRAMES_RESPONSE_HEAD, event.payload.size, event.used);
            break;
        case FRAMES_TOO_LARGE:
        case FRAMES_BROKEN:
            snprintf(text, text_size, "%s", event.text);
            return event.outcome == FRAMES_BROKEN ? COPROCESS_BROKEN
                                                  : COPROCESS_TOO_LARGE;
        }
    } while (true);
}

enum coprocess_finding coprocess_parse(struct coprocess *coprocess, uint64_t max_result,
                                       char *text, size_t text_size)
{
    return coprocess->mode == PROGRAM_LINES
               ? parse_lines(coprocess, max_result, text, text_size)
               : parse_frames(coprocess, max_result, text, text_size);
}

/* ---- answers ---- */

struct slice coprocess_answer(struct coprocess *coprocess)
{
    const struct coprocess_task *item = coprocess_at(coprocess, 0);
    return (struct slice){coprocess->heard.data + item->from, item->size};
}

void coprocess_take_result(struct coprocess *coprocess, zmq_msg_t *ret_message)
{
    const struct coprocess_task *item = coprocess_at(coprocess, 0);
    bool forgot = false;
    if (coprocess->answered == 1)
        byte_buffer_take_part(&coprocess->heard, item->from, item->size,
                              coprocess->parsed, ret_message, &forgot);
    else
        byte_buffer_copy_part(&coprocess->heard, item->from, item->size, ret_message);
    if (forgot)
        coprocess->parsed = 0;
}
