/* SPDX-License-Identifier: MIT */
#include "worker/program/persistent/persistent_drain.h"
#include "common/clock.h"
#include "worker/program/persistent/persistent_timers.h"

enum {
    END_US = 15000000 /* from the end of its input to its own; what it left in the
                         background has five seconds of that */
};

/* The process is there, was asked something, and is to end. One that took the place of
 * a process that was preempted has nothing to prove, and may wait for ever. */
static bool drain_slot(struct persistent_slot *slot)
{
    if (!persistent_slot_is_alive(slot) ||
        (slot->coprocess.asked == 0 && slot->coprocess.count == 0))
        return false;
    if (persistent_slot_serves(slot) && slot->coprocess.count == 0) {
        persistent_slot_end(slot, clock_now_us() + END_US);
        persistent_timers_set(slot);
    }
    return true;
}

void persistent_drain_step(struct persistent *persistent)
{
    struct runner_context *context = persistent->context;
    uint32_t left = 0;
    if (!persistent->draining || context->ending)
        return;
    if (persistent->mode == PROGRAM_LINES)
        for (uint32_t number = 0; number < context->slots; number++)
            left += drain_slot(&persistent->slots[number]);
    if (left > 0)
        return;
    persistent->draining = false;
    context->events.drained(context->events.context);
}
