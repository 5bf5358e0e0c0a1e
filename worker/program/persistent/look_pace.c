/* SPDX-License-Identifier: MIT */
#include "worker/program/persistent/look_pace.h"

void look_pace_on_look(struct look_pace *pace, int64_t begun_us, int64_t ended_us)
{
    pace->free_us = ended_us + LOOK_PAUSE * (ended_us - begun_us);
}

int64_t look_pace_due(const struct look_pace *pace, int64_t now_us, bool soon)
{
    int64_t soon_us = now_us + LOOK_SOON_US, late_us = now_us + LOOK_LATE_US;
    if (soon || pace->free_us <= soon_us)
        return soon_us;
    return pace->free_us < late_us ? pace->free_us : late_us;
}
