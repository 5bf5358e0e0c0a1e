/* SPDX-License-Identifier: MIT */
/*
 * The header that each result begins with, and the output once: the first result with a
 * byte in it stays as it is, all others lose their first lines. Asked in the order in
 * which results are written, about each once.
 */
#ifndef FANFOLD_SINK_HEADING_H
#define FANFOLD_SINK_HEADING_H

#include "sink/parcel.h"

struct heading {
    bool there; /* in the output */
};

/* Cuts off what is not for the output; `lines`: of a header. 0, or -errno of reading
 * what was spilled. */
int heading_cut(struct heading *heading, uint32_t lines, struct parcel *parcel);

#endif
