/* SPDX-License-Identifier: MIT */
/*
 * What a connector writes (common/CONNECTOR.md), byte by byte: for each record a line
 * "CURSOR LENGTH", then so many bytes. Pure.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_KINDS_CONNECTOR_PARSER_H
#define FANFOLD_VENTILATOR_SOURCE_KINDS_CONNECTOR_PARSER_H

#include "common/byte_buffer.h"
#include "common/protocol/input_mark.h"

enum { CONNECTOR_HEAD_MAX = CURSOR_MAX + 1 + 20 /* characters, without the newline */ };

struct connector_parser {
    uint64_t max_record_bytes;
    char head[CONNECTOR_HEAD_MAX + 1];
    size_t head_size;
    bool in_record;
    char cursor[CURSOR_MAX + 1]; /* of the record; "": it has none of its own */
    uint64_t left;               /* bytes of it that are still to come */
    struct byte_buffer record;
};

void connector_parser_deinit(struct connector_parser *parser);
/* Another process begins anew. */
void connector_parser_restart(struct connector_parser *parser);

enum connector_parse {
    CONNECTOR_MORE,   /* all bytes are used */
    CONNECTOR_RECORD, /* `record` and `cursor` are whole, until the next call */
    CONNECTOR_WRONG,  /* for good; `reason` is a sentence */
};

/* Uses some of the bytes, and says how many. */
enum connector_parse connector_parser_take(struct connector_parser *parser,
                                           const uint8_t *bytes, size_t size,
                                           size_t *ret_used, char *reason,
                                           size_t reason_size);
/* Nothing has begun that is not whole. */
bool connector_parser_is_between(const struct connector_parser *parser);

#endif
