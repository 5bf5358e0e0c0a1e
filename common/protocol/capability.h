/* SPDX-License-Identifier: MIT */
/* What HELLO and WELCOME say that a program can do. */
#ifndef FANFOLD_COMMON_PROTOCOL_CAPABILITY_H
#define FANFOLD_COMMON_PROTOCOL_CAPABILITY_H

#include "common/slice.h"
#include <stdbool.h>
#include <stdint.h>

/* Something that a program can do beyond what its version demands, by its name in
 * PROTOCOL.md. A reader ignores names that it does not know. */
struct capability {
    struct slice name;
};

#define CAPABILITY_STALLED "stalled" /* of a ventilator: it takes STALLED */
#define CAPABILITY_LOANS   "loans"   /* of a sink: it borrows results */
#define CAPABILITY_PARTS   "parts"   /* likewise: it takes results that are files */
#define CAPABILITY_EXTENTS "extents" /* of a worker: it takes TASK_BY_REFERENCE */
#define CAPABILITY_ROOT    "root" /* likewise, of files by their paths below its root */

/* Whether it is among them. */
bool capability_is_named(const struct capability *capabilities, uint32_t count,
                         const char *name);

#endif
