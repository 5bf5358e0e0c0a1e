/* SPDX-License-Identifier: MIT */
/* In which encoding of Unicode an input is text, by its first bytes. Pure. */
#ifndef FANFOLD_COMMON_RECORDS_ENCODING_H
#define FANFOLD_COMMON_RECORDS_ENCODING_H

#include "common/records/record_format.h"
#include "common/slice.h"

enum encoding {
    ENCODING_NONE, /* by which anything could be told: bytes, or UTF-8 without a mark */
    ENCODING_OPEN, /* more bytes will tell */
    ENCODING_UTF8, /* its byte order mark comes first */
    ENCODING_UTF16,
    ENCODING_UTF16LE, /* without a mark */
    ENCODING_UTF16BE,
    ENCODING_UTF32,
};

/* By the first bytes of an input; `ended`: it has no more. Those of UTF-16 and UTF-32
 * count only if what follows them is text in that encoding. UTF-16 without a mark is
 * known by every other of the first ENCODING_SURE bytes being zero. */
enum { ENCODING_SURE = 32 };
enum encoding encoding_of(struct slice first, bool ended);

/* As iconv has it. */
const char *encoding_name(enum encoding encoding);

/* Whether records of the format are cut in text: its ends and starts have no zero byte,
 * and it does not count bytes. */
bool encoding_matters(const struct record_format *format);

#endif
