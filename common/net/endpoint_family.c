/* SPDX-License-Identifier: MIT */
/* Remembers the last name, as a link that breaks is opened again and again. */
#include "common/net/endpoint_family.h"

#include "common/clock.h"
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define UNKNOWN_US (5 * SECOND_US)

static const char scheme[] = "tcp://";

static bool has_address(const char *host, int family)
{
    struct addrinfo *found = NULL;
    struct addrinfo wanted = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    if (getaddrinfo(host, NULL, &wanted, &found) != 0)
        return false;
    freeaddrinfo(found);
    return true;
}

enum family { FAMILY_IPV4, FAMILY_IPV6, FAMILY_NONE };

static enum family family_of(const char *host)
{
    if (has_address(host, AF_INET))
        return FAMILY_IPV4;
    return has_address(host, AF_INET6) ? FAMILY_IPV6 : FAMILY_NONE;
}

static enum family look_up(const char *endpoint)
{
    static char last_host[256];
    static enum family last_answer;
    static int64_t again_us; /* a name that nobody knew is asked for again then */
    char host[sizeof last_host];
    if (!endpoint_host(endpoint, host, sizeof host))
        return FAMILY_IPV4;
    if (*host == '[')
        return FAMILY_IPV6;
    bool stale = last_answer == FAMILY_NONE && clock_now_us() >= again_us;
    if (strcmp(host, last_host) != 0 || stale) {
        last_answer = family_of(host);
        strcpy(last_host, host);
        again_us = clock_now_us() + UNKNOWN_US;
    }
    return last_answer;
}

bool endpoint_host(const char *endpoint, char *host, size_t size)
{
    const char *begin = endpoint + strlen(scheme), *port = strrchr(endpoint, ':');
    if (strncmp(endpoint, scheme, strlen(scheme)) != 0 || port <= begin)
        return false;
    snprintf(host, size, "%.*s", (int)(port - begin), begin);
    return true;
}

bool endpoint_needs_ipv6(const char *endpoint)
{
    return look_up(endpoint) == FAMILY_IPV6;
}

bool endpoint_is_unknown(const char *endpoint)
{
    return look_up(endpoint) == FAMILY_NONE;
}
