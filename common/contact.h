/* SPDX-License-Identifier: MIT */
/*
 * How a worker or a sink keeps in touch with the ventilator: when to connect, to say
 * HELLO and PING, and when to give up. Pure: the core that embeds it does what it says.
 */
#ifndef FANFOLD_COMMON_CONTACT_H
#define FANFOLD_COMMON_CONTACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct contact {
    int64_t liveness_us, heartbeat_us;
    int64_t patience_us; /* < 0: 300 s once there was a ventilator, no limit before */
    int64_t heard_us;    /* the last message, or the last new connection */
    int64_t alone_us;    /* the last message, or the start */
    int64_t asked_us;    /* the last HELLO */
    int64_t ping_us;     /* when the next PING is due */
    unsigned strikes;    /* new connections since anything but small talk came */
    bool connected;
    bool open;        /* WELCOME has answered the last HELLO */
    bool had_company; /* there was a WELCOME */
};

void contact_init(struct contact *contact, int64_t liveness_us, int64_t patience_us,
                  int64_t now_us);

enum contact_duty {
    CONTACT_NOTHING,
    CONTACT_CONNECT, /* close the DEALER if there is one, open it anew; then HELLO */
    CONTACT_HELLO,
    CONTACT_GIVE_UP, /* nobody came for too long */
};
/* What is due. Who says HELLO says so by contact_asked. */
enum contact_duty contact_mind(struct contact *contact, int64_t now_us);
bool contact_ping_due(const struct contact *contact, int64_t now_us);
/* PING is said; the next one is due after a heartbeat. */
void contact_pinged(struct contact *contact, int64_t now_us);

/* WHO came: whether HELLO is to be said. Not while an answer to the last one may be
 * under way; but that one may have been lost with its link. */
bool contact_answers_who(const struct contact *contact, int64_t now_us);

void contact_asked(struct contact *contact, int64_t now_us);
void contact_heard(struct contact *contact, int64_t now_us);
/* A task came: the connection carries what is large, too. Until one does, each silence
 * is borne twice as long as the last: a transfer that takes longer than the liveness
 * time is not to be begun again for ever. */
void contact_carried(struct contact *contact);
/* WELCOME, with the times that it states; a floor keeps a wild peer from making us
 * spin. */
void contact_welcomed(struct contact *contact, uint32_t heartbeat_ms,
                      uint32_t liveness_ms);
/* The connection is to be opened anew at the next contact_mind, and patience begins
 * anew. */
void contact_renew(struct contact *contact, int64_t now_us);

/* "no word from a ventilator for 300 s" */
void contact_complaint(const struct contact *contact, char *text, size_t size);

#endif
