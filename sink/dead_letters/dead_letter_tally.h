/* SPDX-License-Identifier: MIT */
/* What this sink's dead letters are, chunks or lone records, for a person; and why the
 * first record is one. The ventilator says that of a chunk. */
#ifndef FANFOLD_SINK_DEAD_LETTERS_DEAD_LETTER_TALLY_H
#define FANFOLD_SINK_DEAD_LETTERS_DEAD_LETTER_TALLY_H

#include "sink/dead_letters/dead_letters.h"

struct dead_letter_tally {
    uint64_t chunks, records;
};

enum { DEAD_LETTER_TALLY_MAX = 120 };

/* Dead letters that were written just now. */
void dead_letter_tally_add(struct dead_letter_tally *tally,
                           const struct dead_letter *dead_letters, uint32_t count);
/* " (2 chunks, and 1 record of others)", into `text`; " (of this run ...)" where the
 * `all` dead letters are more. Returns `text`, empty where there is none. */
const char *dead_letter_tally_describe(const struct dead_letter_tally *tally,
                                       uint64_t all, char text[DEAD_LETTER_TALLY_MAX]);

#endif
