/* SPDX-License-Identifier: MIT */
/* Times that double, and one time that runs out. */
#include "worker/rest.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

enum {
    REST_US = 10000, /* the first rest; each is twice as long as the one before */
    REST_MAX_US = 1000000,
    LACKING_MAX_US = 30000000, /* without anything that could be started */
};

int rest_init(struct rest *rest, uint32_t slots)
{
    *rest = (struct rest){.last_us = allocate_zeroed(slots, sizeof *rest->last_us)};
    return alarms_init(&rest->over, slots);
}

void rest_deinit(struct rest *rest)
{
    alarms_deinit(&rest->over);
    free(rest->last_us);
    rest->last_us = NULL;
}

bool rest_begin(struct rest *rest, uint32_t slot, int error, int64_t now_us)
{
    int64_t rest_us = rest->last_us[slot] ? rest->last_us[slot] * 2 : REST_US;
    rest->last_us[slot] = rest_us < REST_MAX_US ? rest_us : REST_MAX_US;
    alarms_set(&rest->over, slot, now_us + rest->last_us[slot]);
    if (!rest->told)
        log_event(LOG_LEVEL_WARN, "cannot_start",
                  "error=\"%s\" why=\"tasks wait until it goes again\"",
                  strerror(error));
    rest->told = true;
    if (!rest->lacking_since_us)
        rest->lacking_since_us = now_us;
    return now_us - rest->lacking_since_us >= LACKING_MAX_US;
}

bool rest_goes_on(const struct rest *rest, uint32_t slot)
{
    return alarms_is_set(&rest->over, slot);
}

void rest_forget(struct rest *rest, uint32_t slot)
{
    rest->last_us[slot] = rest->lacking_since_us = 0;
}

bool rest_take(struct rest *rest, int64_t now_us, uint32_t *ret_slot)
{
    return alarms_take(&rest->over, now_us, ret_slot);
}
