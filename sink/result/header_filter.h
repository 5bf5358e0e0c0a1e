/* SPDX-License-Identifier: MIT */
/*
 * Each result begins with the header, and the output has it once: the first result with
 * a byte in it stays as it is, all others lose their first lines. The writer asks in
 * the order in which results are written, once for each.
 */
#ifndef FANFOLD_SINK_RESULT_HEADER_FILTER_H
#define FANFOLD_SINK_RESULT_HEADER_FILTER_H

#include "sink/result/result.h"

struct header_filter {
    bool there; /* the output has the header */
};

/* Cuts off the header, which has so many lines, where the output has it already. 0, or
 * -errno of reading a spilled result. */
int header_filter_cut(struct header_filter *header_filter, uint32_t lines,
                      struct result *result);

#endif
