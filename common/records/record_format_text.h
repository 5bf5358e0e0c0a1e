/* SPDX-License-Identifier: MIT */
/* A record format as text, and a check that it can be used. Pure. */
#ifndef FANFOLD_COMMON_RECORDS_RECORD_FORMAT_TEXT_H
#define FANFOLD_COMMON_RECORDS_RECORD_FORMAT_TEXT_H

#include "common/protocol/message.h"
#include "common/records/record_format.h"

/* As WELCOME carries it (PROTOCOL.md, Records); at most FORMAT_MAX_BYTES, with the
 * terminating zero one more. */
void record_format_print(const struct record_format *format,
                         char text[FORMAT_MAX_BYTES + 1]);
/* An empty text is the default format. False: this version does not know the format, or
 * cannot use its expressions. */
bool record_format_parse(struct slice text, struct record_format *ret_format);

/* Whether its expressions, if it has any, can be used. False: `error` tells a person
 * why not. */
bool record_format_check(const struct record_format *format, char *error,
                         size_t error_size);

#endif
