/* SPDX-License-Identifier: MIT */
#include "sink/output/framing.h"

#include <assert.h>
#include <string.h>

bool framing_parse(const char *word, enum framing *ret_framing)
{
    static const char *const words[] = {
        [FRAMING_RESULT] = "result",
        [FRAMING_RECORD] = "record",
        [FRAMING_TAGGED] = "tagged",
    };
    if (!word)
        word = words[FRAMING_RESULT];
    for (int i = FRAMING_RESULT; i <= FRAMING_TAGGED; i++) {
        if (strcmp(word, words[i]) != 0)
            continue;
        *ret_framing = (enum framing)i;
        return true;
    }
    return false;
}

/* Writes a number, the highest byte first, and returns the place behind it. */
static uint8_t *put_number(uint8_t *to, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(number >> (8 * (size - 1 - i)));
    return to + size;
}

size_t framing_head(enum framing framing, const struct frame *frame,
                    uint8_t head[FRAME_HEAD_MAX])
{
    uint8_t *to = head;
    assert(framing == FRAMING_NONE || frame->size <= FRAME_BODY_MAX);
    if (framing == FRAMING_NONE || (framing != FRAMING_TAGGED && frame->dead_letter) ||
        (framing == FRAMING_RECORD && frame->size == 0))
        return 0;
    if (framing == FRAMING_TAGGED) {
        to = put_number(to, frame->seq, 8);
        to = put_number(to, frame->dead_letter ? FRAME_OF_DEAD_LETTER : FRAME_OF_RESULT,
                        4);
    }
    return (size_t)(put_number(to, frame->size, FRAME_HEAD_BYTES) - head);
}
