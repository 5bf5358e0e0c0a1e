/* SPDX-License-Identifier: MIT */
/* Port numbers of tcp endpoints. All lie below the range from which Linux takes the
 * ports of connections: one of these may come first, or connect to itself. */
#ifndef FANFOLD_COMMON_PORTS_H
#define FANFOLD_COMMON_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* Of an endpoint that has none; not the ZeroMQ guide's 5557 and 5558. */
    TASKS_PORT = 20557,
    RESULTS_PORT = 20558,
    /* From which "*" is one that is free. */
    PORT_FIRST = 10000,
    PORT_LAST = 32000,
};

struct port_range {
    uint16_t first, last;
};

#define PORTS_DEFAULT ((struct port_range){PORT_FIRST, PORT_LAST})

/* Whether it says "tcp://HOST:*" or "tcp://HOST:0"; *ret_host_size, unless NULL, counts
 * what is before the colon. */
bool ports_is_chosen(const char *endpoint, size_t *ret_host_size);

/* Whether it is of tcp, and names no port. */
bool ports_is_bare(const char *endpoint);

/* Copies the endpoint with `port` behind it where it has none, and with `interface`
 * (NULL: none) for a host of "*". False: it does not fit. */
bool ports_complete(const char *endpoint, unsigned port, const char *interface,
                    char *to, size_t size);

/* Whether nobody can connect to it, as it says "*" or all addresses; also NULL. */
bool ports_is_bound_only(const char *endpoint);

/* Parses "20000-20100", or one port. */
bool ports_parse(const char *text, struct port_range *ret_range);

#endif
