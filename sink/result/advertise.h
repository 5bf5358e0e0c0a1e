/* SPDX-License-Identifier: MIT */
/* Where workers can reach the sink; they try the endpoints in turn. */
#ifndef FANFOLD_SINK_RESULT_ADVERTISE_H
#define FANFOLD_SINK_RESULT_ADVERTISE_H

#include "common/protocol/endpoint_list.h"

/*
 * Adds the endpoints by which workers reach what is bound as `bound`. `advertise` is a
 * whole endpoint, or the host or HOST:PORT to tell them in place of the bound one.
 * NULL: the bound one; if that is all addresses of this host, each of them, the one of
 * the default route first, and the host's name last. False: the two do not go together,
 * or an endpoint is too long.
 */
bool advertise(struct endpoint_list *list, const char *bound, const char *advertise);

/* Adds one endpoint as it is. False: it is too long, or there are too many. */
bool advertise_one(struct endpoint_list *list, const char *endpoint);

#endif
