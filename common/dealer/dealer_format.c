/* SPDX-License-Identifier: MIT */
#include "common/dealer/dealer_format.h"

#include <endian.h>
#include <string.h>

#define VERSION "DEALER/1"

static const struct {
    const char *word;
    size_t frames;
} verbs[] = {
#define X(name, word, frames) {word, frames},
    DEALER_VERBS(X)
#undef X
};

static bool is_text(struct slice frame, const char *text)
{
    return frame.size == strlen(text) && memcmp(frame.data, text, frame.size) == 0;
}

static bool read_u64(struct slice frame, uint64_t *ret_value)
{
    uint64_t value;
    if (frame.size != sizeof value)
        return false;
    memcpy(&value, frame.data, sizeof value);
    *ret_value = be64toh(value);
    return true;
}

static bool read_u32(struct slice frame, uint32_t *ret_value)
{
    uint32_t value;
    if (frame.size != sizeof value)
        return false;
    memcpy(&value, frame.data, sizeof value);
    *ret_value = be32toh(value);
    return true;
}

/* What follows verb and id. */
static bool read_rest(const struct slice *frames, size_t count,
                      struct dealer_message *message)
{
    switch (message->verb) {
    case DEALER_HELLO:
        return true;
    case DEALER_DATA:
        message->payload = frames + 3;
        message->payload_count = count - 3;
        return read_u64(frames[2], &message->number) && message->number > 0;
    case DEALER_HAVE:
        return read_u64(frames[2], &message->number) &&
               read_u32(frames[3], &message->credit);
    case DEALER_AGAIN:
        return read_u64(frames[2], &message->number) && message->number > 0;
    case DEALER_REJECT:
        message->reason = frames[2];
        return true;
    case DEALER_VERB_COUNT:
        break;
    }
    return false;
}

bool dealer_read(const struct slice *frames, size_t count,
                 struct dealer_message *ret_message)
{
    struct dealer_message message = {.verb = DEALER_HELLO};
    if (count == 0)
        return false;
    while (message.verb < DEALER_VERB_COUNT &&
           !is_text(frames[0], verbs[message.verb].word))
        message.verb++;
    if (message.verb == DEALER_VERB_COUNT || count < verbs[message.verb].frames)
        return false;
    bool hello = message.verb == DEALER_HELLO;
    message.same_version = hello && is_text(frames[1], VERSION);
    message.id = frames[hello ? 2 : 1];
    if (message.id.size == 0 || message.id.size > DEALER_ID_MAX ||
        !read_rest(frames, count, &message))
        return false;
    *ret_message = message;
    return true;
}

size_t dealer_write(const struct dealer_message *message, uint8_t scratch[12],
                    struct slice ret_frames[DEALER_FRAMES])
{
    uint64_t number = htobe64(message->number);
    uint32_t credit = htobe32(message->credit);
    bool hello = message->verb == DEALER_HELLO;
    memcpy(scratch, &number, 8);
    memcpy(scratch + 8, &credit, 4);
    ret_frames[0] = slice_of_text(verbs[message->verb].word);
    ret_frames[1] = hello ? slice_of_text(VERSION) : message->id;
    ret_frames[2] = hello                            ? message->id
                    : message->verb == DEALER_REJECT ? message->reason
                                                     : (struct slice){scratch, 8};
    ret_frames[3] = (struct slice){scratch + 8, 4};
    return message->verb == DEALER_HAVE ? 4 : 3;
}
