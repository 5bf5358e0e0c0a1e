/* SPDX-License-Identifier: MIT */
#include "ventilator/source/kinds/connector_parser.h"

#include "common/parse.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void connector_parser_deinit(struct connector_parser *parser)
{
    byte_buffer_deinit(&parser->record);
}

void connector_parser_restart(struct connector_parser *parser)
{
    parser->head_size = 0;
    parser->in_record = false;
    parser->left = 0;
    byte_buffer_begin(&parser->record, 0);
}

bool connector_parser_is_between(const struct connector_parser *parser)
{
    return parser->head_size == 0 && !parser->in_record;
}

/* ---- the line ---- */

static bool is_cursor(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return size > 0 && size <= CURSOR_MAX;
}

static enum connector_parse refuse_head(const struct connector_parser *parser,
                                        char *reason, size_t size)
{
    char shown[64];
    struct slice head = {(const uint8_t *)parser->head, parser->head_size};
    if (head.size >= sizeof shown)
        head.size = sizeof shown - 1;
    slice_copy_printable(head, shown, sizeof shown);
    snprintf(reason, size, "it wrote '%s' where \"CURSOR LENGTH\" was expected", shown);
    return CONNECTOR_WRONG;
}

static enum connector_parse take_head(struct connector_parser *parser, char *reason,
                                      size_t size)
{
    uint64_t length;
    parser->head[parser->head_size] = '\0';
    char *space = strchr(parser->head, ' ');
    if (!space || strlen(parser->head) != parser->head_size ||
        !is_cursor(parser->head, (size_t)(space - parser->head)) ||
        !parse_number(space + 1, 0, UINT64_MAX, &length))
        return refuse_head(parser, reason, size);
    if (length > parser->max_record_bytes) {
        snprintf(reason, size,
                 "it has a record of %" PRIu64
                 " bytes, longer than --max-record allows, %" PRIu64,
                 length, parser->max_record_bytes);
        return CONNECTOR_WRONG;
    }
    *space = '\0';
    strcpy(parser->cursor, strcmp(parser->head, "-") == 0 ? "" : parser->head);
    parser->head_size = 0;
    parser->in_record = true;
    parser->left = length;
    byte_buffer_begin(&parser->record, (size_t)length);
    return CONNECTOR_MORE;
}

static enum connector_parse read_head(struct connector_parser *parser,
                                      const uint8_t *bytes, size_t size,
                                      size_t *ret_used, char *reason,
                                      size_t reason_size)
{
    const uint8_t *end = memchr(bytes, '\n', size);
    size_t more = end ? (size_t)(end - bytes) : size;
    size_t room = CONNECTOR_HEAD_MAX - parser->head_size;
    memcpy(parser->head + parser->head_size, bytes, more < room ? more : room);
    parser->head_size += more < room ? more : room;
    *ret_used = end ? more + 1 : more;
    if (more > room)
        return refuse_head(parser, reason, reason_size);
    return end ? take_head(parser, reason, reason_size) : CONNECTOR_MORE;
}

/* ---- the record ---- */

static size_t read_record(struct connector_parser *parser, const uint8_t *bytes,
                          size_t size)
{
    size_t part = size < parser->left ? size : (size_t)parser->left;
    byte_buffer_append(&parser->record, bytes, part);
    parser->left -= part;
    return part;
}

enum connector_parse connector_parser_take(struct connector_parser *parser,
                                           const uint8_t *bytes, size_t size,
                                           size_t *ret_used, char *reason,
                                           size_t reason_size)
{
    size_t used = 0, part;
    enum connector_parse outcome = CONNECTOR_MORE;
    while (outcome == CONNECTOR_MORE && (used < size || parser->in_record)) {
        if (parser->in_record) {
            used += read_record(parser, bytes + used, size - used);
            if (parser->left > 0)
                break;
            parser->in_record = false;
            outcome = CONNECTOR_RECORD;
        } else {
            outcome = read_head(parser, bytes + used, size - used, &part, reason,
                                reason_size);
            used += part;
        }
    }
    *ret_used = used;
    return outcome;
}
