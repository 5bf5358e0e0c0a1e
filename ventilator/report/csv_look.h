/* SPDX-License-Identifier: MIT */
/*
 * Looks at the first bytes of an input whose records are lines: whether they are csv
 * with line ends within quotes, whose records lines tear apart. Pure.
 */
#ifndef FANFOLD_VENTILATOR_REPORT_CSV_LOOK_H
#define FANFOLD_VENTILATOR_REPORT_CSV_LOOK_H

#include "common/slice.h"
#include <stdbool.h>

enum { CSV_LOOK_BYTES = 64 << 10 };

struct csv_look {
    bool wanted;
    size_t size;
    uint8_t bytes[CSV_LOOK_BYTES];
};

/* The bytes of the next chunk. */
void csv_look_add(struct csv_look *look, struct slice bytes);
/* Whether all records so far have as many fields by the rules of csv, two or more, and
 * one has a line end within quotes. */
bool csv_look_found(const struct csv_look *look);

#endif
