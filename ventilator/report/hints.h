/* SPDX-License-Identifier: MIT */
/* What a person could do for a run to be faster, where the figures of a run that has
 * ended say it plainly; nothing of a short run. Pure. */
#ifndef FANFOLD_VENTILATOR_REPORT_HINTS_H
#define FANFOLD_VENTILATOR_REPORT_HINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HINT_SIZE = 400 };

struct run_facts {
    int64_t wall_us;       /* since the run began */
    uint32_t slots;        /* the most that there were at a time */
    uint64_t bytes;        /* of the input, that it has cut */
    uint64_t chunks;       /* made of these */
    uint64_t most_records; /* in one of them; 0: nobody has counted */
    bool troubled;         /* chunks were left out, or tried again */
    bool resumed;          /* an earlier run has done a part */
    bool block_auto;       /* the run has chosen how long chunks are */
    uint64_t longest_us;   /* run time of a chunk */
    double idle_share; /* of the slots' time, in which they had nothing to do, as the
                          sink had results that were not written */
};

enum hint { HINT_CHUNKS, HINT_OUTPUT, HINTS };

/* Writes the sentence to `text`. False: there is nothing to say. */
bool hint_describe(enum hint hint, const struct run_facts *facts, char text[HINT_SIZE]);

#endif
