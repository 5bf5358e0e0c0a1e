/* SPDX-License-Identifier: MIT */
/* The end of what the programs print: read from a pipe, copied to a descriptor of the
 * caller's if it wants it. */
#ifndef FANFOLD_DEPLOY_LIB_TEXT_TAIL_H
#define FANFOLD_DEPLOY_LIB_TEXT_TAIL_H

#include <stdbool.h>
#include <stddef.h>

enum { TAIL_BYTES = 2048 };

struct text_tail {
    char bytes[TAIL_BYTES + 1];
    size_t size;
    bool cut; /* there was more before it */
};

/* Reads what is there; false: it has ended. `copy` -1: no copy. */
bool text_tail_read(struct text_tail *tail, int pipe, int copy);
/* The last lines, as a text without an end of line; "" if nothing was printed. */
const char *text_tail_last(struct text_tail *tail);

#endif
