/* SPDX-License-Identifier: MIT */
/* A way to a receiver: what each kind of it can do, and how far it is. */
#ifndef FANFOLD_SINK_SENDER_LINK_H
#define FANFOLD_SINK_SENDER_LINK_H

#include "common/id.h"
#include "common/keys/certificate.h"
#include "common/net/message_end.h"
#include "common/slice.h"
#include <czmq.h>

struct link;

struct link_kind {
    /* The run is known, and `stored` is. 0, or -errno with link->error. */
    int (*open)(struct link *link);
    /* Sends the record. 1; 0: not now; -errno with link->error. */
    int (*send)(struct link *link, uint64_t number, struct slice record);
    /* Takes what comes back: moves `stored`, and `rewinds` where records must be sent
     * again, from `from` on. Returns when it must be called again, or -errno. */
    int64_t (*tick)(struct link *link, int64_t now_us);
    void (*fill_item)(const struct link *link, bool output, zmq_pollitem_t items[2]);
    /* All was sent, and no more comes. 1: nothing is on its way any more; 0: not yet;
     * -errno. */
    int (*finish)(struct link *link);
    void (*close)(struct link *link);
};

struct link_config {
    struct message_end end; /* of a socket */
    const char *command;    /* of a connector; else NULL */
    bool envelope;
    uint32_t hwm;
    int64_t patience_us;            /* for the last messages; < 0: the default */
    const struct certificate *keys; /* NULL: none */
    bool quiet;
};

struct link {
    const struct link_kind *kind;
    struct link_config config;
    void *own; /* the kind's */
    struct id run;
    uint64_t stored; /* records below this number are */
    bool rewinds;
    uint64_t from;
    bool there; /* somebody receives */
    char error[600];
};

extern const struct link_kind message_link_kind;   /* push, pub */
extern const struct link_kind dealer_link_kind;    /* DEALER/1 */
extern const struct link_kind connector_link_kind; /* CONNECTOR/1 */

#endif
