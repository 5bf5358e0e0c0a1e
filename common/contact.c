/* SPDX-License-Identifier: MIT */
/* Times compared with limits; see the header. */
#include "common/contact.h"

#include "common/clock.h"
#include <stdio.h>

enum {
    HEARTBEAT_MS = 250, /* until WELCOME says another */
    HEARTBEAT_MIN_MS = 10,
    LIVENESS_MIN_MS = 100,
    PATIENCE_S = 300,
    STRIKES_MAX = 6,  /* 64 times the liveness time */
    WHO_US = 1000000, /* after which an unanswered HELLO may have been lost */
};

void contact_init(struct contact *contact, int64_t liveness_us, int64_t patience_us,
                  int64_t now_us)
{
    *contact = (struct contact){
        .liveness_us = liveness_us,
        .heartbeat_us = HEARTBEAT_MS * 1000,
        .patience_us = patience_us,
        .heard_us = now_us,
        .alone_us = now_us,
        .ping_us = now_us,
    };
}

static int64_t patience_us(const struct contact *contact)
{
    if (contact->patience_us >= 0)
        return contact->patience_us;
    return contact->had_company ? PATIENCE_S * SECOND_US : NEVER_US;
}

static int64_t silence_us(const struct contact *contact)
{
    return contact->liveness_us << contact->strikes;
}

enum contact_duty contact_mind(struct contact *contact, int64_t now_us)
{
    if (now_us - contact->alone_us >= patience_us(contact))
        return CONTACT_GIVE_UP;
    if (!contact->connected || now_us - contact->heard_us > silence_us(contact)) {
        contact->strikes += contact->connected && contact->strikes < STRIKES_MAX;
        contact->connected = true;
        contact->heard_us = now_us;
        return CONTACT_CONNECT;
    }
    if (!contact->open && now_us - contact->asked_us > contact->liveness_us)
        return CONTACT_HELLO;
    return CONTACT_NOTHING;
}

bool contact_ping_due(const struct contact *contact, int64_t now_us)
{
    return now_us >= contact->ping_us;
}

void contact_pinged(struct contact *contact, int64_t now_us)
{
    contact->ping_us = now_us + contact->heartbeat_us;
}

bool contact_answers_who(const struct contact *contact, int64_t now_us)
{
    return contact->open || now_us - contact->asked_us > WHO_US;
}

void contact_asked(struct contact *contact, int64_t now_us)
{
    contact->asked_us = now_us;
    contact->open = false;
}

void contact_heard(struct contact *contact, int64_t now_us)
{
    contact->heard_us = contact->alone_us = now_us;
    if (contact->open && now_us - contact->asked_us > 2 * silence_us(contact))
        contact->strikes = 0; /* it has held for long enough */
}

void contact_carried(struct contact *contact)
{
    contact->strikes = 0;
}

static int64_t at_least_us(uint32_t milliseconds, uint32_t floor)
{
    return (int64_t)(milliseconds > floor ? milliseconds : floor) * 1000;
}

void contact_welcomed(struct contact *contact, uint32_t heartbeat_ms,
                      uint32_t liveness_ms)
{
    contact->open = contact->had_company = true;
    contact->heartbeat_us = at_least_us(heartbeat_ms, HEARTBEAT_MIN_MS);
    contact->liveness_us = at_least_us(liveness_ms, LIVENESS_MIN_MS);
}

void contact_renew(struct contact *contact, int64_t now_us)
{
    contact->connected = contact->open = false;
    contact->alone_us = now_us;
}

void contact_complaint(const struct contact *contact, char *text, size_t size)
{
    snprintf(text, size, "no word from a ventilator for %g s",
             (double)patience_us(contact) / SECOND_US);
}
