/* SPDX-License-Identifier: MIT */
/* Compares times with limits. Until a task comes, each silence doubles the time that
 * the next one may last: see liveness_carried. */
#include "common/net/liveness.h"

#include "common/clock.h"
#include "common/timing.h"
#include <stdio.h>

enum {
    HEARTBEAT_MIN_MS = 10,
    STRIKES_MAX = 6,  /* 64 times the liveness time */
    WHO_US = 1000000, /* after which an unanswered HELLO counts as lost */
};

void liveness_init(struct liveness *liveness, int64_t liveness_us, int64_t patience_us,
                   int64_t now_us)
{
    *liveness = (struct liveness){
        .liveness_us = liveness_us,
        .heartbeat_us = HEARTBEAT_MS * 1000,
        .patience_us = patience_us,
        .wait_us = -1,
        .heard_us = now_us,
        .alone_us = now_us,
        .ping_us = now_us,
    };
}

static int64_t patience_us(const struct liveness *liveness)
{
    if (liveness->served && liveness->wait_us >= 0)
        return liveness->wait_us;
    if (liveness->patience_us >= 0)
        return liveness->patience_us;
    return liveness->had_company ? PATIENCE_S * SECOND_US : NEVER_US;
}

static int64_t silence_us(const struct liveness *liveness)
{
    return liveness->liveness_us << liveness->strikes;
}

enum liveness_duty liveness_tick(struct liveness *liveness, int64_t now_us)
{
    if (now_us - liveness->alone_us >= patience_us(liveness))
        return LIVENESS_GIVE_UP;
    if (!liveness->connected || now_us - liveness->heard_us > silence_us(liveness)) {
        liveness->strikes += liveness->connected && liveness->strikes < STRIKES_MAX;
        liveness->connected = true;
        if (liveness->since_us <= liveness->alone_us)
            liveness->since_us = now_us;
        liveness->heard_us = now_us;
        return LIVENESS_CONNECT;
    }
    if (!liveness->open && now_us - liveness->asked_us > liveness->liveness_us)
        return LIVENESS_HELLO;
    return LIVENESS_NOTHING;
}

bool liveness_ping_due(const struct liveness *liveness, int64_t now_us)
{
    return now_us >= liveness->ping_us;
}

void liveness_pinged(struct liveness *liveness, int64_t now_us)
{
    liveness->ping_us = now_us + liveness->heartbeat_us;
}

bool liveness_lost(const struct liveness *liveness, int64_t now_us)
{
    return liveness->served && liveness->alone_us < liveness->since_us &&
           now_us - liveness->since_us > liveness->liveness_us;
}

bool liveness_answers_who(const struct liveness *liveness, int64_t now_us)
{
    return liveness->open || now_us - liveness->asked_us > WHO_US;
}

void liveness_asked(struct liveness *liveness, int64_t now_us)
{
    liveness->asked_us = now_us;
    liveness->open = false;
}

void liveness_heard(struct liveness *liveness, int64_t now_us)
{
    liveness->heard_us = liveness->alone_us = now_us;
    if (liveness->open && now_us - liveness->asked_us > 2 * silence_us(liveness))
        liveness->strikes = 0; /* this connection has held for long enough */
}

void liveness_carried(struct liveness *liveness)
{
    liveness->strikes = 0;
}

/* Messages from before may have been read first: nothing was in the future. */
static void excuse(int64_t *at_us, int64_t deaf_us, int64_t now_us)
{
    if (*at_us + deaf_us < now_us)
        *at_us += deaf_us;
    else if (*at_us < now_us)
        *at_us = now_us;
}

void liveness_excuse(struct liveness *liveness, int64_t deaf_us, int64_t now_us)
{
    excuse(&liveness->heard_us, deaf_us, now_us);
    excuse(&liveness->alone_us, deaf_us, now_us);
    excuse(&liveness->since_us, deaf_us, now_us);
    excuse(&liveness->asked_us, deaf_us, now_us);
}

static int64_t at_least_us(uint32_t milliseconds, uint32_t floor)
{
    return (int64_t)(milliseconds > floor ? milliseconds : floor) * 1000;
}

void liveness_welcomed(struct liveness *liveness, uint32_t heartbeat_ms,
                       uint32_t liveness_ms)
{
    liveness->open = liveness->had_company = liveness->served = true;
    liveness->heartbeat_us = at_least_us(heartbeat_ms, HEARTBEAT_MIN_MS);
    liveness->liveness_us = at_least_us(liveness_ms, LIVENESS_MIN_MS);
}

void liveness_renew(struct liveness *liveness, int64_t now_us)
{
    liveness->connected = liveness->open = liveness->served = false;
    liveness->alone_us = now_us;
}

void liveness_complaint(const struct liveness *liveness, char *text, size_t size)
{
    snprintf(text, size, "no word from a ventilator for %g s",
             (double)patience_us(liveness) / SECOND_US);
}
