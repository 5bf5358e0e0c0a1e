/* SPDX-License-Identifier: MIT */
/* A response's head is judged as soon as there is a byte of it that is wrong. */
#include "worker/program/persistent/frames_protocol.h"
#include "common/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MARK_BYTES = 3, KIND = MARK_BYTES, NUMBER = 4, LENGTH = 12, QUOTED_MAX = 40 };

static const uint8_t mark[MARK_BYTES] = {0xf4, 'f', 'f'};

static void put_number(uint8_t *bytes, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(number >> (8 * (size - 1 - i)));
}

static uint64_t get_number(const uint8_t *bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | bytes[i];
    return number;
}

void frames_put_head(uint8_t head[FRAMES_REQUEST_HEAD],
                     const struct frames_request *request)
{
    uint64_t records = request->records;
    put_number(head, request->number, 8);
    put_number(head + 8, request->length, 8);
    put_number(head + 16, request->seq, 8);
    put_number(head + 24, request->attempt, 4);
    put_number(head + 28, records < UINT32_MAX ? records : UINT32_MAX, 4);
}

/* The bytes are no response, from the first that differs; a person sees best from their
 * beginning where they come from. */
static void name_stray(const struct frames_protocol *protocol, struct slice bytes,
                       struct frames_event *event)
{
    char quoted[4 * QUOTED_MAX + 8];
    bool cut = bytes.size > QUOTED_MAX;
    log_quote(quoted, sizeof quoted, bytes.data, cut ? QUOTED_MAX : bytes.size);
    event->outcome = FRAMES_BROKEN;
    snprintf(
        event->text, sizeof event->text,
        "the program wrote %s%s to its standard output, which belongs to "
        "responses: print to standard error%s",
        quoted, cut ? " ..." : "",
        protocol->ready || protocol->answered
            ? ""
            : ". If the program does not speak FRAMES/1, as no common filter does, "
              "leave out --mode frames");
}

static bool is_head(struct slice bytes)
{
    size_t size = bytes.size < MARK_BYTES ? bytes.size : MARK_BYTES;
    return memcmp(bytes.data, mark, size) == 0 &&
           (bytes.size <= KIND || memchr("+-.", bytes.data[KIND], 3));
}

static void say_broken(struct frames_event *event, const char *text)
{
    event->outcome = FRAMES_BROKEN;
    snprintf(event->text, sizeof event->text, "%s", text);
}

/* It would be taken for the response to another chunk. */
static void name_other(const struct frames_protocol *protocol, uint64_t number,
                       uint64_t asked, struct frames_event *event)
{
    char wanted[48] = ", but no request was open";
    const char *hint = "";
    if (asked > 0)
        snprintf(wanted, sizeof wanted, " instead of request %" PRIu64, asked);
    if (number == 0)
        hint = ": a response must carry the number of its request";
    else if (number <= protocol->answered)
        hint = ": it must answer each request once";
    else if (asked > 0 && number > asked)
        hint = ": it must answer requests in their order";
    event->outcome = FRAMES_BROKEN;
    snprintf(event->text, sizeof event->text,
             "the program answered request %" PRIu64 "%s%s", number, wanted, hint);
}

static void take_ready(struct frames_protocol *protocol, uint64_t number,
                       uint64_t length, struct frames_event *event)
{
    if (protocol->ready)
        say_broken(event, "the program said twice that it is ready");
    else if (protocol->answered)
        say_broken(event, "the program said that it is ready after a response");
    else if (number > 0 || length > 0)
        say_broken(event, "the program said that it is ready with a request or a "
                          "length other than 0");
    else
        event->outcome = FRAMES_READY;
    event->used = FRAMES_RESPONSE_HEAD;
    protocol->ready = true;
}

static void take_response(struct frames_protocol *protocol, struct slice bytes,
                          uint64_t number, uint64_t length, uint64_t max_result,
                          struct frames_event *event)
{
    if (length > max_result || length > SIZE_MAX - FRAMES_RESPONSE_HEAD) {
        event->outcome = FRAMES_TOO_LARGE;
        snprintf(event->text, sizeof event->text,
                 "the program announced a response of %" PRIu64
                 " bytes; a result has at most %" PRIu64,
                 length, max_result);
        return;
    }
    event->used = FRAMES_RESPONSE_HEAD + (size_t)length;
    if (bytes.size < event->used)
        return;
    protocol->answered = number;
    event->payload = (struct slice){bytes.data + FRAMES_RESPONSE_HEAD, (size_t)length};
    event->outcome = bytes.data[KIND] == '+' ? FRAMES_RESULT : FRAMES_ERROR;
}

void frames_protocol_take(struct frames_protocol *protocol, struct slice bytes,
                          uint64_t asked, uint64_t max_result,
                          struct frames_event *ret_event)
{
    ret_event->outcome = FRAMES_MORE;
    ret_event->used = FRAMES_RESPONSE_HEAD;
    ret_event->payload = (struct slice){0};
    if (bytes.size > 0 && !is_head(bytes)) {
        name_stray(protocol, bytes, ret_event);
        return;
    }
    if (bytes.size < FRAMES_RESPONSE_HEAD)
        return;
    uint64_t number = get_number(bytes.data + NUMBER, 8);
    uint64_t length = get_number(bytes.data + LENGTH, 8);
    if (bytes.data[KIND] == '.')
        take_ready(protocol, number, length, ret_event);
    else if (asked == 0 || number != asked)
        name_other(protocol, number, asked, ret_event);
    else
        take_response(protocol, bytes, number, length, max_result, ret_event);
}

const char *frames_mute(char *text, size_t size, bool read, double silence_s)
{
    snprintf(text, size,
             "the program has %s, and has written nothing for %g s: waiting for %s. If "
             "it does not speak FRAMES/1, or reads to the end of its input first, the "
             "worker waits for ever, unless there is a --timeout",
             read ? "read its first request" : "not read its first request yet",
             silence_s,
             read ? "its response" : "it to be prepared, and then for its response");
    return text;
}
