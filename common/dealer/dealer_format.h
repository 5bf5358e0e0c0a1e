/* SPDX-License-Identifier: MIT */
/* The messages of DEALER/1 (common/DEALER.md), as rows of frames. Pure. */
#ifndef FANFOLD_COMMON_DEALER_DEALER_FORMAT_H
#define FANFOLD_COMMON_DEALER_DEALER_FORMAT_H

#include "common/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DEALER_ID_MAX = 64, DEALER_FRAMES = 4 };

/* X(NAME, word, frames at least) */
#define DEALER_VERBS(X)  \
    X(HELLO, "HELLO", 3) \
    X(DATA, "DATA", 4)   \
    X(HAVE, "HAVE", 4)   \
    X(AGAIN, "AGAIN", 3) \
    X(REJECT, "REJECT", 3)

enum dealer_verb {
#define X(name, word, frames) DEALER_##name,
    DEALER_VERBS(X)
#undef X
        DEALER_VERB_COUNT
};

struct dealer_message {
    enum dealer_verb verb;
    struct slice id;
    uint64_t number;             /* DATA, HAVE, AGAIN */
    uint32_t credit;             /* HAVE */
    bool same_version;           /* HELLO */
    const struct slice *payload; /* DATA: frames; borrowed, as all slices are */
    size_t payload_count;
    struct slice reason; /* REJECT */
};

/* False: it is none, or of a word that this version does not know. */
bool dealer_read(const struct slice *frames, size_t count,
                 struct dealer_message *ret_message);

/* The frames of a message; of DATA those in front of the payload. `scratch` holds what
 * they point to. Returns how many. */
size_t dealer_write(const struct dealer_message *message, uint8_t scratch[12],
                    struct slice ret_frames[DEALER_FRAMES]);

#endif
