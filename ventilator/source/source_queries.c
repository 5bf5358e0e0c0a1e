/* SPDX-License-Identifier: MIT */
/* What others ask a source, and what does not move it on. */
#include "common/clock.h"
#include "common/records/record_seam.h"
#include "ventilator/source/kinds/message_input.h"
#include "ventilator/source/receive/spool_input.h"
#include "ventilator/source/reread.h"
#include "ventilator/source/source_state.h"

/* ---- reading again ---- */

bool source_can_reread(const struct source *source)
{
    return input_list_are_files(&source->reader.inputs);
}

bool source_reread(struct source *source, const struct chunk *chunk,
                   zmq_msg_t *ret_bytes)
{
    return reread_chunk(&source->reader, &source->config.chunker.format, chunk,
                        ret_bytes);
}

bool source_refer(const struct source *source, const struct chunk *chunk,
                  enum reference_way way, struct reference *ret_reference)
{
    const struct reader *reader = &source->reader;
    const struct named_input *item = &reader->inputs.items[chunk->input];
    struct slice added =
        record_seam_bytes(&source->config.chunker.format, chunk->added);
    uint64_t offset = reader_own_offset(reader, chunk->offset);
    uint64_t length = chunk_input_length(chunk);
    struct reference reference = {.length = chunk->length, .count = 1};
    const char *path = way == REFERENCE_NAMED ? item->below : NULL;
    if (way == REFERENCE_NONE || (way == REFERENCE_NAMED && !path) ||
        item->kind != SOURCE_KIND_FILE || item->input.fd < 0 || length == 0 ||
        offset > item->size || length > item->size - offset ||
        !file_age_refer(&item->age, item->input.fd, path, &reference.file))
        return false;
    reference.pieces[0] = (struct reference_piece){.offset = offset, .length = length};
    if (added.size > 0)
        reference.pieces[reference.count++] =
            (struct reference_piece){.length = added.size, .literal = added};
    *ret_reference = reference;
    return true;
}

const char *source_unsettled(const struct source *source)
{
    const struct input_list *inputs = &source->reader.inputs;
    for (uint32_t i = 0; i < inputs->count; i++)
        if (inputs->items[i].kind == SOURCE_KIND_FILE && !inputs->items[i].age.tells)
            return inputs->items[i].name;
    return NULL;
}

/* ---- messages ---- */

static struct message_input *messages_of(const struct source *source)
{
    return source->reader.inputs.items[0].input.messages;
}

/* Which spool it is, is known when the process that receives has made it. */
static int connect_spool(struct source *source, struct input *input, char *error,
                         size_t error_size)
{
    struct input_fingerprint fingerprint;
    uint64_t identity;
    int result = spool_input_connect(input, error, error_size);
    if (result == 0)
        result = spool_input_identify(input, &identity, error, error_size);
    if (result < 0)
        return result;
    input_fingerprint_read(source_input(source), &fingerprint);
    input_fingerprint_identify(&fingerprint, identity);
    input_fingerprint_write(&fingerprint, source->fingerprint);
    return 0;
}

int source_connect(struct source *source, char *error, size_t error_size)
{
    struct message_input *messages = messages_of(source);
    struct input *input = &source->reader.inputs.items[0].input;
    if (input->spool)
        return connect_spool(source, input, error, error_size);
    return messages ? message_input_open(messages, error, error_size) : 0;
}

struct keyring *source_keyring(const struct source *source)
{
    struct message_input *messages = messages_of(source);
    return messages ? message_input_keyring(messages) : NULL;
}

/* ---- queries ---- */

struct slice source_input(const struct source *source)
{
    return (struct slice){source->fingerprint, sizeof source->fingerprint};
}

uint64_t source_pending(const struct source *source)
{
    return source->phase == PHASE_CUT ? source->pending : 0;
}

bool source_is_stream(const struct source *source)
{
    return source->reader.at < source->reader.inputs.count &&
           reader_item(&source->reader)->kind == SOURCE_KIND_STREAM;
}

struct slice source_header(const struct source *source)
{
    return (struct slice){source->header.bytes, source->header.size};
}

bool source_knows_header(const struct source *source)
{
    return source->header.known || source->header.lines == 0;
}

int source_fd(const struct source *source)
{
    return source->reader.at < source->reader.inputs.count
               ? reader_item(&source->reader)->input.fd
               : -1;
}

static const struct input *current_input(const struct source *source)
{
    return source->reader.at < source->reader.inputs.count
               ? &reader_item(&source->reader)->input
               : NULL;
}

void *source_socket(const struct source *source)
{
    const struct input *input = current_input(source);
    return input && input->kind->socket ? input->kind->socket(input) : NULL;
}

int64_t source_deadline(const struct source *source)
{
    const struct input *input = current_input(source);
    return input && input->kind->deadline_us ? input->kind->deadline_us(input)
                                             : NEVER_US;
}

bool source_is_terminal(const struct source *source)
{
    return reader_has_terminal(&source->reader);
}

const char *source_name(const struct source *source, uint32_t input)
{
    return source->reader.inputs.count > 1 ? source->reader.inputs.items[input].name
                                           : NULL;
}

uint64_t source_bytes(const struct source *source)
{
    return source->bytes;
}

uint64_t source_bytes_before(const struct source *source)
{
    const struct input_mark *from = &source->resume.mark;
    return reader_bytes_before(&source->reader, (uint32_t)from->input, from->offset);
}

struct source_place source_place(const struct source *source)
{
    const struct input_mark *from = &source->resume.mark;
    return (struct source_place){.records = from->record, .bytes = from->bytes};
}

uint64_t source_total(const struct source *source)
{
    return source->total;
}

bool source_checks(const struct source *source)
{
    return source->resume.checks;
}

const char *source_error(const struct source *source)
{
    return source->reader.error;
}
