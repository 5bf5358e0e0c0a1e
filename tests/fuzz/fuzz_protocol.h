/* SPDX-License-Identifier: MIT */
/*
 * The one function that the fuzzer and the replay of its corpus both drive. It aborts
 * where an invariant is broken.
 */
#ifndef FANFOLD_TESTS_FUZZ_FUZZ_PROTOCOL_H
#define FANFOLD_TESTS_FUZZ_FUZZ_PROTOCOL_H

#include "common/protocol/protocol.h"

/* Decodes an input (its form: corpus.py). DECODE_NONE: *ret_type is the message's. */
enum decode_error drive_protocol(const uint8_t *data, size_t size,
                                 enum message_type *ret_type);

#endif
