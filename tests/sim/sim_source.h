/* SPDX-License-Identifier: MIT */
/* The ventilator's source: cuts the input into chunks, as many as the core wants. */
#ifndef FANFOLD_TESTS_SIM_SIM_SOURCE_H
#define FANFOLD_TESTS_SIM_SIM_SOURCE_H

#include "sim_ventilator.h"

/* Cuts what the core wants; tells it of the header, and of the input's end or
 * failure. */
void source_read(struct sim_ventilator *v);
/* NULL, and a violation: no such chunk was cut. */
struct payload *source_chunk(struct sim_ventilator *v, uint64_t seq);
uint64_t source_chunk_bytes(const struct payload *payload);

#endif
