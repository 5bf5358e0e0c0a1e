/* SPDX-License-Identifier: MIT */
#include "worker/leash.h"

#include "common/clock.h"
#include <poll.h>
#include <unistd.h>

#define HURRY_US (3 * SECOND_US)

void leash_init(struct leash *leash, bool held)
{
    *leash = (struct leash){.held = held, .end_us = NEVER_US};
}

enum leash_word leash_read(struct leash *leash, int64_t now_us)
{
    char bytes[16];
    struct pollfd polled = {.fd = STDIN_FILENO, .events = POLLIN};
    if (now_us >= leash->end_us)
        return LEASH_END;
    if (!leash->held || poll(&polled, 1, 0) <= 0)
        return LEASH_QUIET;
    if (read(STDIN_FILENO, bytes, sizeof bytes) > 0)
        return LEASH_LEAVE;
    leash->held = false;
    leash->end_us = now_us + HURRY_US;
    return LEASH_HURRY;
}
