/* SPDX-License-Identifier: MIT */
/* Makes ids that nothing else has. */
#ifndef FANFOLD_COMMON_RANDOM_ID_H
#define FANFOLD_COMMON_RANDOM_ID_H

#include "common/id.h"

/* 16 bytes from the kernel's random number generator. */
struct id id_random(void);

#endif
