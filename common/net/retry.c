/* SPDX-License-Identifier: MIT */
#include "common/net/retry.h"

#include "common/clock.h"

#define PAUSE_LEAST_US (SECOND_US / 4)
#define PAUSE_MOST_US  (4 * SECOND_US)

void retry_init(struct retry *retry)
{
    *retry = (struct retry){.at_us = NEVER_US, .pause_us = PAUSE_LEAST_US};
}

void retry_schedule(struct retry *retry, uint8_t chance, int64_t now_us)
{
    if (retry->at_us != NEVER_US)
        return;
    retry->at_us = now_us + retry->pause_us / 2 + chance * retry->pause_us / 512;
    retry->pause_us *= 2;
    if (retry->pause_us > PAUSE_MOST_US)
        retry->pause_us = PAUSE_MOST_US;
}

void retry_made(struct retry *retry)
{
    retry->at_us = NEVER_US;
}
