/* SPDX-License-Identifier: MIT */
/* Remembers the last names, as links that break are opened again and again, and each
 * look-up may wait. */
#include "common/net/endpoint_family.h"

#include "common/clock.h"
#include "common/log.h"
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

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

enum { NAMES = 16 }; /* of one run: that of tasks, and those of results */

struct name {
    char host[256];
    enum family family;
    int64_t again_us; /* a name that nobody knew is asked for again then */
};

/* That of the host, or the one that was made first, for another host. */
static struct name *find_name(const char *host)
{
    static struct name names[NAMES];
    static unsigned next;
    for (size_t i = 0; i < NAMES; i++)
        if (strcmp(names[i].host, host) == 0)
            return &names[i];
    struct name *name = &names[next++ % NAMES];
    snprintf(name->host, sizeof name->host, "%s", host);
    name->family = FAMILY_NONE;
    name->again_us = 0;
    return name;
}

static enum family look_up(const char *endpoint)
{
    char host[256];
    if (!endpoint_host(endpoint, host, sizeof host))
        return FAMILY_IPV4;
    if (*host == '[')
        return FAMILY_IPV6;
    struct name *name = find_name(host);
    if (name->family == FAMILY_NONE && clock_now_us() >= name->again_us) {
        name->family = family_of(host);
        name->again_us = clock_now_us() + UNKNOWN_US;
    }
    return name->family;
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

/* The directory of an ipc endpoint, which is not there; false: it has none, or is. */
static bool lacks_directory(const char *endpoint, char *directory, size_t size)
{
    static const char ipc[] = "ipc://";
    const char *path = endpoint + strlen(ipc), *end = strrchr(endpoint, '/');
    struct stat status;
    if (strncmp(endpoint, ipc, strlen(ipc)) != 0 || *path != '/' || end == path)
        return false;
    snprintf(directory, size, "%.*s", (int)(end - path), path);
    return stat(directory, &status) < 0 && errno == ENOENT;
}

bool endpoint_is_nowhere(const char *endpoint, char *text, size_t size)
{
    char name[256], quoted[4 * sizeof name];
    bool unknown = endpoint_host(endpoint, name, sizeof name) &&
                   endpoint_is_unknown(endpoint);
    if (!unknown && !lacks_directory(endpoint, name, sizeof name))
        return false;
    log_quote(quoted, sizeof quoted, name, strlen(name));
    snprintf(text, size,
             unknown ? "cannot resolve %s, a host"
                     : "there is no directory %s, a place",
             quoted);
    return true;
}
