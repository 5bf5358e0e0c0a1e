/* SPDX-License-Identifier: MIT */
/*
 *   DUE --> STARTING --> THROUGH --> DONE
 *    ^         |            |
 *    +---------+------------+-----> GIVEN_UP          any --> REMOVED --> DUE
 */
#include "deploy/ssh/placement.h"

#include "common/clock.h"
#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>

#define PAUSE_LEAST_US (SECOND_US / 2)
#define PAUSE_MOST_US  (60 * SECOND_US)
#define STEADY_US      (60 * SECOND_US) /* a worker that lived so long was no failure */

struct host {
    enum placement_state state;
    int64_t due_us;     /* of DUE */
    int64_t through_us; /* of THROUGH */
    int64_t pause_us;   /* the next one */
    unsigned logins;    /* in a row that failed */
    unsigned deaths;    /* in a row within STEADY_US */
    bool said;          /* that logins fail */
};

struct placement {
    struct host *hosts;
    size_t count;
    uint64_t random;
    bool stopped;
};

struct placement *placement_new(uint64_t random)
{
    struct placement *placement = allocate_zeroed(1, sizeof *placement);
    placement->random = random | 1;
    return placement;
}

void placement_destroy(struct placement **placement_p)
{
    struct placement *placement = *placement_p;
    if (!placement)
        return;
    free(placement->hosts);
    free(placement);
    *placement_p = NULL;
}

static void set_state(struct host *host, enum placement_state state)
{
#define TO(name) (1u << PLACEMENT_##name)
    static const unsigned allowed[] = {
        [PLACEMENT_DUE] = TO(STARTING) | TO(REMOVED),
        [PLACEMENT_STARTING] = TO(THROUGH) | TO(DUE) | TO(GIVEN_UP) | TO(REMOVED),
        [PLACEMENT_THROUGH] = TO(DONE) | TO(DUE) | TO(GIVEN_UP) | TO(REMOVED),
        [PLACEMENT_DONE] = TO(REMOVED),
        [PLACEMENT_GIVEN_UP] = TO(REMOVED),
        [PLACEMENT_REMOVED] = TO(DUE),
    };
#undef TO
    assert(allowed[host->state] & (1u << state));
    host->state = state;
}

size_t placement_add(struct placement *placement)
{
    placement->hosts =
        reallocate(placement->hosts, placement->count + 1, sizeof *placement->hosts);
    placement->hosts[placement->count] = (struct host){.pause_us = PAUSE_LEAST_US};
    return placement->count++;
}

void placement_remove(struct placement *placement, size_t host)
{
    if (placement->hosts[host].state != PLACEMENT_REMOVED)
        set_state(&placement->hosts[host], PLACEMENT_REMOVED);
}

void placement_restore(struct placement *placement, size_t host)
{
    struct host *restored = &placement->hosts[host];
    if (restored->state != PLACEMENT_REMOVED)
        return;
    set_state(restored, PLACEMENT_DUE);
    *restored = (struct host){.pause_us = PAUSE_LEAST_US};
}

void placement_stop(struct placement *placement)
{
    placement->stopped = true;
}

size_t placement_count(const struct placement *placement, enum placement_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < placement->count; i++)
        count += placement->hosts[i].state == state;
    return count;
}

bool placement_next(struct placement *placement, int64_t now_us, size_t *ret_host,
                    int64_t *due_us)
{
    if (placement->stopped ||
        placement_count(placement, PLACEMENT_STARTING) >= PLACEMENT_AT_ONCE)
        return false;
    for (size_t i = 0; i < placement->count; i++) {
        struct host *host = &placement->hosts[i];
        if (host->state != PLACEMENT_DUE)
            continue;
        if (host->due_us <= now_us) {
            set_state(host, PLACEMENT_STARTING);
            *ret_host = i;
            return true;
        }
        if (host->due_us < *due_us)
            *due_us = host->due_us;
    }
    return false;
}

enum placement_notice placement_on_through(struct placement *placement, size_t which,
                                           int64_t now_us)
{
    struct host *host = &placement->hosts[which];
    bool said = host->said;
    if (host->state != PLACEMENT_STARTING)
        return PLACEMENT_NOTICE_NONE;
    set_state(host, PLACEMENT_THROUGH);
    host->through_us = now_us;
    host->logins = 0;
    host->said = false;
    return said ? PLACEMENT_NOTICE_BACK : PLACEMENT_NOTICE_NONE;
}

/* xorshift64: hosts that were refused together come again one by one. */
static int64_t jitter(struct placement *placement, int64_t most_us)
{
    placement->random ^= placement->random << 13;
    placement->random ^= placement->random >> 7;
    placement->random ^= placement->random << 17;
    return (int64_t)(placement->random % (uint64_t)most_us);
}

static void pause_host(struct placement *placement, struct host *host, int64_t now_us)
{
    set_state(host, PLACEMENT_DUE);
    host->due_us = now_us + host->pause_us / 2 +
                   jitter(placement, host->pause_us / 2 + 1);
    host->pause_us *= 2;
    if (host->pause_us > PAUSE_MOST_US)
        host->pause_us = PAUSE_MOST_US;
}

static enum placement_notice give_up(struct host *host)
{
    set_state(host, PLACEMENT_GIVEN_UP);
    return PLACEMENT_NOTICE_GIVEN_UP;
}

static enum placement_notice on_login_failed(struct placement *placement,
                                             struct host *host, int64_t now_us)
{
    if (++host->logins >= PLACEMENT_LOGINS)
        return give_up(host);
    pause_host(placement, host, now_us);
    if (host->logins < PLACEMENT_SAID || host->said)
        return PLACEMENT_NOTICE_NONE;
    host->said = true;
    return PLACEMENT_NOTICE_TRYING;
}

/* The host has answered, and then its worker or the connection was gone. */
static enum placement_notice on_gone(struct placement *placement, struct host *host,
                                     int64_t now_us)
{
    bool steady = now_us - host->through_us >= STEADY_US;
    host->deaths = steady ? 0 : host->deaths + 1;
    if (host->deaths >= PLACEMENT_DEATHS)
        return give_up(host);
    if (steady)
        host->pause_us = PAUSE_LEAST_US;
    pause_host(placement, host, now_us);
    return PLACEMENT_NOTICE_LOST;
}

enum placement_notice placement_on_end(struct placement *placement, size_t which,
                                       enum placement_end end, int64_t now_us)
{
    struct host *host = &placement->hosts[which];
    bool through = host->state == PLACEMENT_THROUGH;
    if (host->state != PLACEMENT_STARTING && !through)
        return PLACEMENT_NOTICE_NONE;
    switch (end) {
    case PLACEMENT_COMPLETE:
        set_state(host, through ? PLACEMENT_DONE : PLACEMENT_GIVEN_UP);
        return PLACEMENT_NOTICE_NONE;
    case PLACEMENT_CANNOT_START:
        return give_up(host);
    case PLACEMENT_LOGIN_FAILED:
        return on_login_failed(placement, host, now_us);
    case PLACEMENT_LOST:
    case PLACEMENT_DIED:
        return through ? on_gone(placement, host, now_us)
                       : on_login_failed(placement, host, now_us);
    }
    return PLACEMENT_NOTICE_NONE;
}

enum placement_state placement_state(const struct placement *placement, size_t host)
{
    return placement->hosts[host].state;
}

bool placement_is_over(const struct placement *placement)
{
    size_t live = placement_count(placement, PLACEMENT_STARTING) +
                  placement_count(placement, PLACEMENT_THROUGH);
    size_t due = placement->stopped ? 0 : placement_count(placement, PLACEMENT_DUE);
    return live + due == 0;
}
