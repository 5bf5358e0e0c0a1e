/* SPDX-License-Identifier: MIT */
#include "common/waits.h"

#include <assert.h>

static void change(struct waits *waits, struct wait now, int64_t now_us)
{
    if (waits->now.kind == now.kind && waits->now.which == now.which)
        return;
    waits->now = now;
    waits->since_us = now_us;
    waits->told = false;
}

bool waits_tick(struct waits *waits, struct wait now, int64_t first_us, int64_t now_us,
                int64_t *due_us)
{
    assert(now.kind < WAITS_KINDS);
    change(waits, now, now_us);
    if (now.kind == WAITS_NOTHING || waits->told)
        return false;
    uint32_t bit = UINT32_C(1) << now.kind;
    bool again = waits->known & bit;
    int64_t due = waits->since_us +
                  (again && first_us < WAITS_US ? WAITS_US : first_us);
    if (now_us < due) {
        *due_us = due < *due_us ? due : *due_us;
        return false;
    }
    waits->told = true;
    waits->known |= bit;
    return true;
}

int waits_seconds(const struct waits *waits, int64_t now_us)
{
    return (int)((now_us - waits->since_us) / SECOND_US);
}
