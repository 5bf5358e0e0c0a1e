/* SPDX-License-Identifier: MIT */
/* An entry: 8 bytes, where the record ends; 1 byte, the length of its cursor; that. */
#include "ventilator/source/kinds/connector_cursors.h"

#include "common/parse.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ENTRY_HEAD = 9 };

void connector_cursors_begin(struct connector_cursors *cursors,
                             const struct cursor_place *place)
{
    cursors->read = cursors->cut = *place;
}

void connector_cursors_deinit(struct connector_cursors *cursors)
{
    byte_buffer_deinit(&cursors->entries);
}

static void move_on(struct cursor_place *place, const char *cursor, size_t size)
{
    if (size == 0) {
        place->after++;
        return;
    }
    memcpy(place->cursor, cursor, size);
    place->cursor[size] = '\0';
    place->after = 0;
}

void connector_cursors_add(struct connector_cursors *cursors, uint64_t end,
                           const char *cursor)
{
    uint8_t size = (uint8_t)strlen(cursor);
    struct byte_buffer *entries = &cursors->entries;
    if (cursors->taken > entries->size / 2) {
        byte_buffer_skip(entries, cursors->taken);
        cursors->taken = 0;
    }
    byte_buffer_append(entries, &end, sizeof end);
    byte_buffer_append(entries, &size, 1);
    byte_buffer_append(entries, cursor, size);
    move_on(&cursors->read, cursor, size);
}

const struct cursor_place *connector_cursors_at(struct connector_cursors *cursors,
                                                uint64_t end)
{
    const struct byte_buffer *entries = &cursors->entries;
    while (cursors->taken < entries->size) {
        uint64_t entry_end;
        const uint8_t *entry = entries->data + cursors->taken;
        memcpy(&entry_end, entry, sizeof entry_end);
        if (entry_end > end)
            break;
        size_t size = entry[ENTRY_HEAD - 1];
        move_on(&cursors->cut, (const char *)entry + ENTRY_HEAD, size);
        cursors->taken += ENTRY_HEAD + size;
    }
    return &cursors->cut;
}

void cursor_place_write(const struct cursor_place *place,
                        char text[INPUT_MARK_CURSOR_MAX + 1])
{
    if (place->after == 0)
        strcpy(text, place->cursor);
    else
        snprintf(text, INPUT_MARK_CURSOR_MAX + 1, "%s %" PRIu64, place->cursor,
                 place->after);
}

bool cursor_place_read(const char *text, struct cursor_place *ret_place)
{
    struct cursor_place place = {.after = 0};
    size_t size = strcspn(text, " ");
    if (size > CURSOR_MAX ||
        (text[size] && !parse_number(text + size + 1, 1, UINT64_MAX, &place.after)))
        return false;
    memcpy(place.cursor, text, size);
    *ret_place = place;
    return true;
}
