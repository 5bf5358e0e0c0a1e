/* SPDX-License-Identifier: MIT */
/* The decoder has checked the sizes against the payload's. */
#include "sink/result/result_decode.h"

#include "common/memory.h"
#include "common/protocol/mark.h"
#include <stdlib.h>

static struct dead_letter dead_letter_of(const struct result_entry *entry,
                                         const struct bad_record *bad)
{
    return (struct dead_letter){
        .seq = entry->seq,
        .record = bad->record,
        .records = 1,
        .input = mark_input(entry->mark),
        .offset = bad->offset,
        .length = bad->length,
        .attempts = entry->attempt,
        .cause = bad->cause,
        .code = bad->code,
        .text = bad->text,
    };
}

struct result *result_decode(struct result_memory *memory,
                             const struct result_entry *entry, zmq_msg_t *payload,
                             size_t *offset)
{
    struct dead_letter *dead_letters = NULL;
    size_t length = entry->length;
    if (entry->bad_count > 0)
        dead_letters = allocate(entry->bad_count * sizeof *dead_letters);
    for (uint32_t i = 0; i < entry->bad_count; i++) {
        dead_letters[i] = dead_letter_of(entry, &entry->bad[i]);
        length += entry->bad[i].length;
    }
    struct result *result = result_new_with_dead_letters(
        memory, entry->seq, payload, *offset, length, dead_letters, entry->bad_count);
    free(dead_letters);
    *offset += length;
    return result;
}

struct result *skip_decode(struct result_memory *memory, const struct message *message,
                           zmq_msg_t *payload)
{
    struct dead_letter dead_letter = {
        .seq = message->skip.seq,
        .whole = true,
        .record = message->skip.record,
        .records = message->skip.records,
        .input = mark_input(message->skip.mark),
        .offset = message->skip.offset,
        .length = message->skip.length,
        .attempts = message->skip.attempts,
        .cause = message->skip.cause,
        .code = message->skip.code,
        .text = message->skip.text,
    };
    return result_new_with_dead_letters(memory, dead_letter.seq, payload, 0,
                                        dead_letter.length, &dead_letter, 1);
}
