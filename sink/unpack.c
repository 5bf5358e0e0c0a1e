/* SPDX-License-Identifier: MIT */
/* Sizes have been checked against the payload's when the message was decoded. */
#include "sink/unpack.h"

#include "common/memory.h"
#include <stdlib.h>

static struct letter letter_of(const struct result_entry *entry,
                               const struct bad_record *bad)
{
    return (struct letter){
        .seq = entry->seq,
        .record = bad->record,
        .records = 1,
        .input = mark_input(entry->mark),
        .offset = bad->offset,
        .length = bad->length,
        .attempts = entry->attempt,
        .how = bad->how,
        .code = bad->code,
        .text = bad->text,
    };
}

struct parcel *unpack_result(struct store *store, const struct result_entry *entry,
                             zmq_msg_t *payload, size_t *offset)
{
    struct letter *letters = NULL;
    size_t length = entry->length;
    if (entry->bad_count > 0)
        letters = allocate(entry->bad_count * sizeof *letters);
    for (uint32_t i = 0; i < entry->bad_count; i++) {
        letters[i] = letter_of(entry, &entry->bad[i]);
        length += entry->bad[i].length;
    }
    struct parcel *parcel = parcel_new_with_letters(store, entry->seq, payload, *offset,
                                                    length, letters, entry->bad_count);
    free(letters);
    *offset += length;
    return parcel;
}

struct parcel *unpack_skip(struct store *store, const struct message *message,
                           zmq_msg_t *payload)
{
    struct letter letter = {
        .seq = message->skip.seq,
        .whole = true,
        .record = message->skip.record,
        .records = message->skip.records,
        .input = mark_input(message->skip.mark),
        .offset = message->skip.offset,
        .length = message->skip.length,
        .attempts = message->skip.attempts,
        .how = message->skip.how,
        .code = message->skip.code,
        .text = message->skip.text,
    };
    return parcel_new_with_letters(store, letter.seq, payload, 0, letter.length,
                                   &letter, 1);
}
