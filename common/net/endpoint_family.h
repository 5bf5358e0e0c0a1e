/* SPDX-License-Identifier: MIT */
/* Tells which family of addresses libzmq has to look for, and whether there is one. */
#ifndef FANFOLD_COMMON_NET_ENDPOINT_FAMILY_H
#define FANFOLD_COMMON_NET_ENDPOINT_FAMILY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether a tcp endpoint to connect to has an IPv6 address alone: written as one, or by
 * the name of a host that has no other. libzmq looks for addresses of one family, and a
 * host of both may serve IPv4 alone. The first call with a name may wait for the name
 * service; later ones with the same name do not.
 */
bool endpoint_needs_ipv6(const char *endpoint);
/* Whether its host is a name of which nobody knows an address; as above. */
bool endpoint_is_unknown(const char *endpoint);
/* Whether nobody can be reached at an endpoint to connect to, as far as one can tell at
 * once, and why: "cannot resolve \"h\", a host", "there is no directory \"/d\", a
 * place". A tcp endpoint: as above. */
bool endpoint_is_nowhere(const char *endpoint, char *text, size_t size);
/* The host in a tcp endpoint, cut to the size. False: it has none. */
bool endpoint_host(const char *endpoint, char *host, size_t size);

#endif
