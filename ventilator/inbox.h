/* SPDX-License-Identifier: MIT */
/*
 * Receives from the ROUTER, decodes, and hands dispatch what is for it. A peer that
 * sends anything else is logged and reported to dispatch once. So is one whose key may
 * not send it.
 */
#ifndef FANFOLD_VENTILATOR_INBOX_H
#define FANFOLD_VENTILATOR_INBOX_H

#include "common/net/zap.h"
#include "ventilator/scheduler/dispatch.h"
#include <czmq.h>

struct inbox;

/* Borrows all; `zap` may be NULL. `by_reference`: a person hears which worker cannot
 * read chunks in place. */
struct inbox *inbox_new(zsock_t *router, const struct zap *zap,
                        struct dispatch *dispatch, bool by_reference);
void inbox_destroy(struct inbox **inbox_p);

/* Takes some of the messages that are there; the loop comes round for the rest. */
void inbox_receive(struct inbox *inbox, int64_t now_us);

#endif
