/* SPDX-License-Identifier: MIT */
/* Who this worker is, as every HELLO says: its uuid, its host, its slots, and the
 * program that it runs. Made once, at the start. */
#ifndef FANFOLD_WORKER_IDENTITY_H
#define FANFOLD_WORKER_IDENTITY_H

#include "common/protocol/message.h"
#include "worker/options.h"

struct identity {
    struct id uuid;
    char uuid_text[ID_TEXT_SIZE];
    uint32_t slots;
    bool sees_root; /* it may read chunks below its root */
    bool drains;    /* only the end of its programs shows that all results are right */
    /* hash of mode and command; alike where two workers run the same */
    uint64_t program;
    char command[NAME_MAX_BYTES + 1]; /* for people; cut */
    char host[NAME_MAX_BYTES + 1];
    char place[CAPABILITY_MAX_BYTES + 1]; /* the capability; "": none */
};

void identity_init(struct identity *identity, const struct worker_options *options);

#endif
