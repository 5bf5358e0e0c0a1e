/* SPDX-License-Identifier: MIT */
/* Where workers and the sink reach the ventilator: a ROUTER, bound to an endpoint of
 * this host and, where other hosts may join, to a public one, which has keys. */
#ifndef FANFOLD_VENTILATOR_FRONT_H
#define FANFOLD_VENTILATOR_FRONT_H

#include "common/net/zap.h"
#include "ventilator/ingest.h"
#include "ventilator/options.h"
#include <czmq.h>

struct front;

/* Both: STATUS_OK, or an exit status after a line for a person. */

/* Reads the keys, and forks the process that goes on to read them: before the first
 * thread. */
int front_new(const struct ventilator_options *options, struct front **ret_front);
int front_bind(struct front *front, const struct ventilator_options *options);
/* *front_p may be NULL. */
void front_close(struct front **front_p);

/* Writes --endpoint-file anew, with the results endpoints, separated by commas. An exit
 * status, as above. */
int front_publish(const struct front *front, const struct ventilator_options *options,
                  const struct endpoint_list *results);

zsock_t *front_router(const struct front *front);
/* The bound endpoint that a person hears of. */
const char *front_endpoint(const struct front *front);
/* To be polled for input: what places workers says something; -1: nothing does. */
int front_places_descriptor(const struct front *front);
/* Asks `keyring`, which is borrowed, for whoever sends messages to a bound input; NULL:
 * that has no keys. An exit status, as above. */
int front_guard_input(struct front *front, struct keyring *keyring);
/* NULL: neither a link nor an input has keys. */
struct zap *front_zap(const struct front *front);
/* To be polled for input: the keys change; -1: there are none. */
int front_keys_descriptor(const struct front *front);
/* Likewise, those of who sends messages to a bound input. */
int front_input_keys_descriptor(const struct front *front);
/* Looks after the private endpoint, the keys, and what places workers, which is told
 * how much there is to do. Returns when to call it again. */
int64_t front_tick(struct front *front, const struct ingest *ingest, int64_t now_us);

#endif
