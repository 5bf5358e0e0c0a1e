/* SPDX-License-Identifier: MIT */
/* Asks the kernel for this host's addresses; sends nothing. */
#include "sink/result/advertise.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char tcp_prefix[] = "tcp://";

static bool is_wildcard(const char *host, size_t length)
{
    return (length == 7 && memcmp(host, "0.0.0.0", 7) == 0) ||
           (length == 4 && memcmp(host, "[::]", 4) == 0) ||
           (length == 1 && *host == '*');
}

/* A name with a port of its own; "[::1]" has none. */
static bool has_port(const char *name)
{
    const char *colon = strrchr(name, ':'), *bracket = strrchr(name, ']');
    return colon != NULL && (!bracket || colon > bracket);
}

bool advertise_one(struct endpoint_list *list, const char *endpoint)
{
    size_t size = strlen(endpoint);
    if (size > NAME_MAX_BYTES || list->count == ENDPOINTS_MAX)
        return false;
    for (uint32_t i = 0; i < list->count; i++)
        if (strcmp(list->endpoints[i].name, endpoint) == 0)
            return true;
    strcpy(list->endpoints[list->count++].name, endpoint);
    return true;
}

/* `port` begins with its colon. */
static bool add_host(struct endpoint_list *list, const char *host, const char *port)
{
    char endpoint[NAME_MAX_BYTES + 2];
    snprintf(endpoint, sizeof endpoint, "%s%s%s", tcp_prefix, host, port);
    return advertise_one(list, endpoint);
}

static void add_address(struct endpoint_list *list, const struct sockaddr *address,
                        const char *port)
{
    char text[INET6_ADDRSTRLEN], host[INET6_ADDRSTRLEN + 2];
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *four =
            (const struct sockaddr_in *)(const void *)address;
        inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
    } else {
        const struct sockaddr_in6 *six =
            (const struct sockaddr_in6 *)(const void *)address;
        if (IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr))
            return; /* means something only with the peer's own interface */
        inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
        snprintf(host, sizeof host, "[%s]", text);
    }
    add_host(list, host, port);
}

/* A datagram socket that is connected has the address of the route; nothing is sent.
 * The addresses are those that documents use, and nobody has. */
static void add_default_route(struct endpoint_list *list, const char *port)
{
    struct sockaddr_in other = {.sin_family = AF_INET, .sin_port = htons(9)}, own;
    socklen_t size = sizeof own;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, "192.0.2.1", &other.sin_addr);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&other, sizeof other) == 0 &&
        getsockname(fd, (struct sockaddr *)&own, &size) == 0)
        add_address(list, (struct sockaddr *)&own, port);
    if (fd >= 0)
        close(fd);
}

static void add_interfaces(struct endpoint_list *list, int family, const char *port)
{
    struct ifaddrs *interfaces = NULL;
    if (getifaddrs(&interfaces) < 0)
        return;
    for (const struct ifaddrs *one = interfaces; one; one = one->ifa_next)
        if (one->ifa_addr && one->ifa_addr->sa_family == family &&
            one->ifa_flags & IFF_UP && !(one->ifa_flags & IFF_LOOPBACK))
            add_address(list, one->ifa_addr, port);
    freeifaddrs(interfaces);
}

static bool add_this_host(struct endpoint_list *list, const char *bound,
                          const char *port)
{
    char name[NAME_MAX_BYTES] = "localhost";
    add_default_route(list, port);
    add_interfaces(list, AF_INET, port);
    if (strncmp(bound, "tcp://0.0.0.0", 13) != 0)
        add_interfaces(list, AF_INET6, port);
    gethostname(name, sizeof name - 1);
    add_host(list, name, port);
    return list->count > 0;
}

bool advertise(struct endpoint_list *list, const char *bound, const char *advertise)
{
    bool tcp = strncmp(bound, tcp_prefix, strlen(tcp_prefix)) == 0;
    const char *host = tcp ? bound + strlen(tcp_prefix) : "";
    const char *port = tcp ? strrchr(host, ':') : NULL;
    if (!advertise && port && is_wildcard(host, (size_t)(port - host)))
        return add_this_host(list, bound, port);
    if (!advertise)
        return advertise_one(list, bound);
    if (strstr(advertise, "://") != NULL)
        return advertise_one(list, advertise);
    return port && add_host(list, advertise, has_port(advertise) ? "" : port);
}
