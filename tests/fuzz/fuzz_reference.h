/* SPDX-License-Identifier: MIT */
#ifndef FANFOLD_TESTS_FUZZ_FUZZ_REFERENCE_H
#define FANFOLD_TESTS_FUZZ_FUZZ_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Aborts where an invariant does not hold. Whether these bytes are a reference. */
bool drive_reference(const uint8_t *data, size_t size);

#endif
