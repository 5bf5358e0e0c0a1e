/* SPDX-License-Identifier: MIT */
/*
 * Which cursor belongs to which place of the input. A record without a cursor of its
 * own belongs to the next one that has some: until then its place is the last cursor,
 * and how many records came after it, which a connector that begins behind that cursor
 * sends again. Pure.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_KINDS_CONNECTOR_CURSORS_H
#define FANFOLD_VENTILATOR_SOURCE_KINDS_CONNECTOR_CURSORS_H

#include "common/byte_buffer.h"
#include "common/protocol/input_mark.h"

struct cursor_place {
    char cursor[CURSOR_MAX + 1]; /* "": the beginning */
    uint64_t after;              /* records behind it */
};

struct connector_cursors {
    struct cursor_place read;   /* of the last record that was added */
    struct cursor_place cut;    /* of the last one that was asked for */
    struct byte_buffer entries; /* of the records between */
    size_t taken;               /* bytes of it that are `cut` or before */
};

/* The input begins there. */
void connector_cursors_begin(struct connector_cursors *cursors,
                             const struct cursor_place *place);
void connector_cursors_deinit(struct connector_cursors *cursors);

/* The next record ends at this offset; `cursor` is "" where it has none. */
void connector_cursors_add(struct connector_cursors *cursors, uint64_t end,
                           const char *cursor);
/* The place of the last record that ends at `end` or before. Offsets only rise. */
const struct cursor_place *connector_cursors_at(struct connector_cursors *cursors,
                                                uint64_t end);

/* A place as a mark has it, "CURSOR" or "CURSOR AFTER"; and back. */
void cursor_place_write(const struct cursor_place *place,
                        char text[INPUT_MARK_CURSOR_MAX + 1]);
bool cursor_place_read(const char *text, struct cursor_place *ret_place);

#endif
