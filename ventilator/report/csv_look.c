/* SPDX-License-Identifier: MIT */
/* Prose with quotation marks, or code, has not the same number of fields in each
 * record: a hint that is wrong costs more than one that is missing. */
#include "ventilator/report/csv_look.h"

#include <string.h>

enum { RECORDS_LEAST = 2 };

void csv_look_add(struct csv_look *look, struct slice bytes)
{
    size_t room = sizeof look->bytes - look->size;
    size_t size = bytes.size < room ? bytes.size : room;
    if (!look->wanted || size == 0)
        return;
    memcpy(look->bytes + look->size, bytes.data, size);
    look->size += size;
}

/* Behind a field: its delimiter or line end. NULL: it does not end here, or is none. */
static const uint8_t *pass_quoted(const uint8_t *at, const uint8_t *end,
                                  bool *ret_has_newline)
{
    for (at++; at < end; at++) {
        if (*at == '\n')
            *ret_has_newline = true;
        if (*at != '"')
            continue;
        if (at + 1 == end || at[1] != '"')
            return at + 1;
        at++;
    }
    return NULL;
}

static const uint8_t *pass_field(const uint8_t *at, const uint8_t *end,
                                 uint8_t delimiter, bool *ret_has_newline)
{
    if (*at == '"') {
        at = pass_quoted(at, end, ret_has_newline);
        if (at && at < end && *at == '\r')
            at++;
        return at && at < end && (*at == delimiter || *at == '\n') ? at : NULL;
    }
    while (at < end && *at != delimiter && *at != '\n')
        at++;
    return at < end ? at : NULL;
}

/* How many fields the record has; 0: it does not end here, or is none. *at_p moves
 * behind it. */
static unsigned pass_record(const uint8_t **at_p, const uint8_t *end, uint8_t delimiter,
                            bool *ret_has_newline)
{
    unsigned fields = 1;
    const uint8_t *at = *at_p;
    while (at < end && (at = pass_field(at, end, delimiter, ret_has_newline))) {
        if (*at++ == '\n') {
            *at_p = at;
            return fields;
        }
        fields++;
    }
    return 0;
}

/* Only the last record may be cut off: from its quote on nothing is known. */
static bool is_open(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
    const uint8_t *quote = memchr(at, '"', (size_t)(end - at));
    return !newline || (quote && quote < newline);
}

static bool is_torn_csv(const struct csv_look *look, uint8_t delimiter)
{
    const uint8_t *at = look->bytes, *end = look->bytes + look->size;
    unsigned first = 0, records = 0, torn = 0;
    while (at < end) {
        bool has_newline = false;
        unsigned fields = pass_record(&at, end, delimiter, &has_newline);
        if (fields == 0)
            break;
        if (fields < 2 || (first && fields != first))
            return false;
        first = fields;
        records++;
        torn += has_newline;
    }
    return records >= RECORDS_LEAST && torn > 0 && (at == end || is_open(at, end));
}

bool csv_look_found(const struct csv_look *look)
{
    static const uint8_t delimiters[] = {',', ';', '\t', '|'};
    for (size_t i = 0; i < sizeof delimiters; i++)
        if (is_torn_csv(look, delimiters[i]))
            return true;
    return false;
}
