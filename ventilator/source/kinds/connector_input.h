/* SPDX-License-Identifier: MIT */
/* Records that a connector brings, a program of any language (common/CONNECTOR.md). */
#ifndef FANFOLD_VENTILATOR_SOURCE_KINDS_CONNECTOR_INPUT_H
#define FANFOLD_VENTILATOR_SOURCE_KINDS_CONNECTOR_INPUT_H

#include "common/protocol/input_mark.h"
#include "ventilator/source/input.h"
#include "ventilator/source/kinds/message_framing.h"

/* Borrowed as long as the input lives. */
struct connector_config {
    const char *command; /* NULL: there is none */
    struct message_framing framing;
    bool quiet;
};

/* Starts nothing: the first read does. */
struct input input_of_connector(const struct connector_config *config);
/* Begins behind the place that a mark has, which the connector is told. False: the mark
 * has none. */
bool connector_input_resume(struct input *input, const char *cursor);
/* The cursor of what ends at this offset, for its mark. */
void connector_input_cursor(struct input *input, uint64_t end,
                            char text[INPUT_MARK_CURSOR_MAX + 1]);

#endif
