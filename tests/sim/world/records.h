/* SPDX-License-Identifier: MIT */
/* The input's records: what the user's program does with each, every time. */
#ifndef FANFOLD_TESTS_SIM_WORLD_RECORDS_H
#define FANFOLD_TESTS_SIM_WORLD_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

struct world;

enum record_kind {
    RECORD_GOOD,
    RECORD_BAD,    /* the program fails */
    RECORD_HANGS,  /* it never ends */
    RECORD_KILLER, /* the worker's host goes down with it */
};

void records_draw(struct world *world);
/* Somebody has put the program right. */
void records_mend(struct world *world);
/* The worst of the records [first, end). */
enum record_kind records_kind(const struct world *world, uint32_t first, uint32_t end);

#endif
