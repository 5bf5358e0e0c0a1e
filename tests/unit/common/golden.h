/* SPDX-License-Identifier: MIT */
/*
 * Each message of FANFOLD/1 with its exact bytes. The bytes were printed by
 * `tests/fuzz/corpus.py --golden`, which has them from another implementation of
 * msgpack. PROTOCOL.md quotes them.
 */
#ifndef FANFOLD_TESTS_UNIT_COMMON_GOLDEN_H
#define FANFOLD_TESTS_UNIT_COMMON_GOLDEN_H

#include "common/protocol.h"

struct golden {
    const char *name;
    size_t payload_size;
    const char *hex;
    struct message message;
};

extern const struct golden goldens[];
extern const size_t golden_count;

#endif
