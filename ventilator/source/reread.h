/* SPDX-License-Identifier: MIT */
/* Reads a chunk of a file again, and checks by its hash that it is still the same. */
#ifndef FANFOLD_VENTILATOR_SOURCE_REREAD_H
#define FANFOLD_VENTILATOR_SOURCE_REREAD_H

#include "common/records/record_format.h"
#include "ventilator/source/chunk.h"
#include "ventilator/source/reader.h"

/* As source_reread. */
bool reread_chunk(struct reader *reader, const struct record_format *format,
                  const struct chunk *chunk, zmq_msg_t *ret_bytes);

#endif
