/* SPDX-License-Identifier: MIT */
/* When a part of the output is large or old enough. Pure. */
#ifndef FANFOLD_SINK_OUTPUT_ROTATION_H
#define FANFOLD_SINK_OUTPUT_ROTATION_H

#include <stdbool.h>
#include <stdint.h>

struct rotation {
    uint64_t bytes; /* UINT64_MAX: of any size */
    int64_t age_us; /* INT64_MAX: of any age */
};

/* A size or a duration. False: it is neither, or could be both, as 5m. */
bool rotation_parse(const char *text, struct rotation *ret_rotation);
/* All zero: none is wanted. */
bool rotation_is_wanted(const struct rotation *rotation);

#endif
