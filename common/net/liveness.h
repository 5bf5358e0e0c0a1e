/* SPDX-License-Identifier: MIT */
/*
 * Tells a worker or a sink when to connect to the ventilator, when to send HELLO and
 * PING, and when to give up. Pure: the core that embeds it acts on the answers.
 */
#ifndef FANFOLD_COMMON_NET_LIVENESS_H
#define FANFOLD_COMMON_NET_LIVENESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct liveness {
    int64_t liveness_us, heartbeat_us;
    int64_t patience_us; /* < 0: 300 s once there was a ventilator, no limit before */
    int64_t wait_us;     /* the same, for one that is lost; < 0: as patience_us */
    int64_t heard_us;    /* the last message, or the last new connection */
    int64_t alone_us;    /* the last message, or the start */
    int64_t asked_us;    /* the last HELLO */
    int64_t since_us;    /* the first new connection after the last message */
    int64_t ping_us;     /* when the next PING is due */
    unsigned strikes;    /* new connections since the last task or long connection */
    bool connected;
    bool open;        /* WELCOME has answered the last HELLO */
    bool had_company; /* there was a WELCOME */
    bool served;      /* likewise, since the start or the last renewal */
};

void liveness_init(struct liveness *liveness, int64_t liveness_us, int64_t patience_us,
                   int64_t now_us);

enum liveness_duty {
    LIVENESS_NOTHING,
    LIVENESS_CONNECT, /* close the DEALER if there is one, open a new one; then HELLO */
    LIVENESS_HELLO,
    LIVENESS_GIVE_UP, /* no ventilator came for too long */
};
/* The duty that is due. Call liveness_asked after each HELLO. */
enum liveness_duty liveness_tick(struct liveness *liveness, int64_t now_us);
bool liveness_ping_due(const struct liveness *liveness, int64_t now_us);
/* A PING was sent; the next one is due after a heartbeat. */
void liveness_pinged(struct liveness *liveness, int64_t now_us);

/* The ventilator that gave WELCOME is gone: it was silent until a new connection was
 * due, and then for the liveness time again. */
bool liveness_lost(const struct liveness *liveness, int64_t now_us);

/* WHO came: whether to answer with HELLO. Not while the answer to the last HELLO may
 * still be under way; after a second that HELLO counts as lost. */
bool liveness_answers_who(const struct liveness *liveness, int64_t now_us);

/* A HELLO was sent. */
void liveness_asked(struct liveness *liveness, int64_t now_us);
/* A message came. */
void liveness_heard(struct liveness *liveness, int64_t now_us);
/* A task came, so the connection can carry a large message. Until one does, each
 * silence may last twice as long as the one before: otherwise a transfer that takes
 * longer than the liveness time would begin again for ever. */
void liveness_carried(struct liveness *liveness);
/* We did not listen for so long: that was no silence of the ventilator's. What was
 * heard since stays as it is. */
void liveness_excuse(struct liveness *liveness, int64_t deaf_us, int64_t now_us);
/* WELCOME came, with the times that it states. Lower limits on both keep a wild peer
 * from making us spin. */
void liveness_welcomed(struct liveness *liveness, uint32_t heartbeat_ms,
                       uint32_t liveness_ms);
/* The next liveness_tick asks for a new connection, and patience begins again. */
void liveness_renew(struct liveness *liveness, int64_t now_us);

/* "no word from a ventilator for 300 s" */
void liveness_complaint(const struct liveness *liveness, char *text, size_t size);

#endif
