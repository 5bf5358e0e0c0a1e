/* SPDX-License-Identifier: MIT */
/* Remembers the last name, as a link that breaks is opened again and again. */
#include "common/net/endpoint_family.h"

#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

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

bool endpoint_needs_ipv6(const char *endpoint)
{
    static char last_host[256];
    static bool last_answer;
    const char *host = endpoint + strlen(scheme);
    const char *port = strrchr(endpoint, ':');
    if (strncmp(endpoint, scheme, strlen(scheme)) != 0 || port <= host)
        return false;
    if (*host == '[')
        return true;
    char name[sizeof last_host];
    snprintf(name, sizeof name, "%.*s", (int)(port - host), host);
    if (strcmp(name, last_host) != 0) {
        last_answer = !has_address(name, AF_INET) && has_address(name, AF_INET6);
        strcpy(last_host, name);
    }
    return last_answer;
}
