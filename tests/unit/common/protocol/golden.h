/* SPDX-License-Identifier: MIT */
/*
 * Each message of FANFOLD/2 with its exact bytes. `tests/fuzz/corpus.py --golden`
 * printed them with another implementation of msgpack. PROTOCOL.md quotes them.
 */
#ifndef FANFOLD_TESTS_UNIT_COMMON_PROTOCOL_GOLDEN_H
#define FANFOLD_TESTS_UNIT_COMMON_PROTOCOL_GOLDEN_H

#include "common/protocol/protocol.h"

struct golden {
    const char *name;
    size_t payload_size;
    const char *hex;
    struct message message;
};

extern const struct golden goldens[];
extern const size_t golden_count;

#endif
