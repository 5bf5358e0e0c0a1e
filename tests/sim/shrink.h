/* SPDX-License-Identifier: MIT */
/* Makes a failing seed smaller: turns off one thing after the other, as long as what is
 * found remains the same. */
#ifndef FANFOLD_TESTS_SIM_SHRINK_H
#define FANFOLD_TESTS_SIM_SHRINK_H

#include <stdint.h>

/* Prints what it does and how to replay the result. An exit status: 0, or 1 where the
 * seed shows no violation. */
int shrink(uint64_t seed, const char *with);

#endif
