/* SPDX-License-Identifier: MIT */
/* Tells why no connection to a tcp endpoint comes about, which libzmq keeps for itself
 * or has no time to hear: by a connection of our own, which does not block and goes as
 * far as the peer's greeting. */
#ifndef FANFOLD_COMMON_NET_DIAL_H
#define FANFOLD_COMMON_NET_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GREETING_BYTES = 64,  /* ZMTP 3 */
    MECHANISM_BYTES = 20, /* in it, padded with zeros */
};

struct dial {
    int fd;         /* of a connection that is under way; -1: none */
    int64_t end_us; /* it is given up then */
    bool connected;
    unsigned char greeting[GREETING_BYTES]; /* the peer's, so far */
    size_t size;
    /* What the last one that has ended came to; a new one does not change that. */
    bool ended;                          /* one has */
    bool silent;                         /* the peer took it, and said nothing */
    int error;                           /* an errno; 0: it connected */
    char mechanism[MECHANISM_BYTES + 1]; /* "NULL", "CURVE"; "": no ZMTP is spoken */
};

#define DIAL_NONE ((struct dial){.fd = -1})

/* Begins one, unless one is under way. May wait for the name service. */
void dial_start(struct dial *dial, const char *endpoint, int64_t now_us);
/* Goes on with it. Call it every now and then while fd is there. */
void dial_check(struct dial *dial, int64_t now_us);
/* Ends one that is under way, and forgets what the last one came to. */
void dial_close(struct dial *dial);

#endif
