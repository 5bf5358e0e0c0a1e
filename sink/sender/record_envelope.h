/* SPDX-License-Identifier: MIT */
/* The frame before a record (--envelope): msgpack [run, number]. Pure. */
#ifndef FANFOLD_SINK_SENDER_RECORD_ENVELOPE_H
#define FANFOLD_SINK_SENDER_RECORD_ENVELOPE_H

#include "common/id.h"
#include "common/slice.h"

enum { RECORD_ENVELOPE_MAX = 32 };

/* In `bytes`. */
struct slice record_envelope(const struct id *run, uint64_t number,
                             uint8_t bytes[RECORD_ENVELOPE_MAX]);

#endif
