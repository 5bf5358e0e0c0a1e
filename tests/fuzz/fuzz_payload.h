/* SPDX-License-Identifier: MIT */
#ifndef FANFOLD_TESTS_FUZZ_FUZZ_PAYLOAD_H
#define FANFOLD_TESTS_FUZZ_FUZZ_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Aborts where an invariant does not hold. Whether the payload was decompressed. */
bool drive_payload(const uint8_t *data, size_t size);

#endif
