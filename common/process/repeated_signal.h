/* SPDX-License-Identifier: MIT */
/* Whether a signal is the one before it once more: timeout(1) sends its signal to the
 * program and then to the whole group, which is one wish. A person takes longer. */
#ifndef FANFOLD_COMMON_PROCESS_REPEATED_SIGNAL_H
#define FANFOLD_COMMON_PROCESS_REPEATED_SIGNAL_H

#include "common/clock.h"
#include <stdbool.h>
#include <stdint.h>

#define REPEATED_SIGNAL_US (SECOND_US / 10)

struct repeated_signal {
    int number;    /* of the last one that counted; 0: none */
    int64_t at_us; /* when it came */
};

/* The signal counts from its first time on, so that a lasting row of them counts ten
 * times a second. */
static inline bool repeated_signal_take(struct repeated_signal *last, int number,
                                        int64_t now_us)
{
    if (last->number == number && now_us - last->at_us < REPEATED_SIGNAL_US)
        return true;
    *last = (struct repeated_signal){number, now_us};
    return false;
}

#endif
