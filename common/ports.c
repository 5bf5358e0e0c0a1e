/* SPDX-License-Identifier: MIT */
#include "common/ports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char scheme[] = "tcp://";

/* The colon before the port; NULL: there is none, or it is no tcp endpoint. */
static const char *find_port(const char *endpoint)
{
    if (strncmp(endpoint, scheme, strlen(scheme)) != 0)
        return NULL;
    const char *host = endpoint + strlen(scheme);
    const char *colon = strrchr(host, ':'), *bracket = strrchr(host, ']');
    return colon && (!bracket || colon > bracket) ? colon : NULL;
}

bool ports_is_chosen(const char *endpoint, size_t *ret_host_size)
{
    const char *colon = find_port(endpoint);
    bool chosen = colon && (strcmp(colon, ":*") == 0 || strcmp(colon, ":0") == 0);
    if (chosen && ret_host_size)
        *ret_host_size = (size_t)(colon - endpoint);
    return chosen;
}

bool ports_is_bare(const char *endpoint)
{
    return strncmp(endpoint, scheme, strlen(scheme)) == 0 && !find_port(endpoint);
}

bool ports_complete(const char *endpoint, unsigned port, const char *interface,
                    char *to, size_t size)
{
    size_t skip = strlen(scheme);
    bool tcp = strncmp(endpoint, scheme, skip) == 0 && endpoint[skip] != '\0';
    if (!tcp)
        return (size_t)snprintf(to, size, "%s", endpoint) < size;
    const char *host = endpoint + skip, *colon = find_port(endpoint);
    size_t length = colon ? (size_t)(colon - host) : strlen(host);
    char number[8];
    snprintf(number, sizeof number, ":%u", port);
    bool all = length == 1 && *host == '*' && interface;
    int written = snprintf(to, size, "%s%.*s%s", scheme,
                           all ? (int)strlen(interface) : (int)length,
                           all ? interface : host, colon ? colon : number);
    return written >= 0 && (size_t)written < size;
}

bool ports_is_bound_only(const char *endpoint)
{
    static const char *const all[] = {"tcp://*", "tcp://0.0.0.0:", "tcp://[::]:"};
    size_t host_size;
    if (!endpoint || ports_is_chosen(endpoint, &host_size))
        return true;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strncmp(endpoint, all[i], strlen(all[i])) == 0)
            return true;
    return false;
}

static bool parse_port(const char *text, char **ret_end, uint16_t *ret_port)
{
    unsigned long port = strtoul(text, ret_end, 10);
    *ret_port = (uint16_t)port;
    return *text >= '0' && *text <= '9' && port > 0 && port <= UINT16_MAX;
}

bool ports_parse(const char *text, struct port_range *ret_range)
{
    struct port_range range;
    char *end;
    if (!parse_port(text, &end, &range.first))
        return false;
    range.last = range.first;
    if (*end == '-' && !parse_port(end + 1, &end, &range.last))
        return false;
    if (*end != '\0' || range.last < range.first)
        return false;
    *ret_range = range;
    return true;
}
