/* SPDX-License-Identifier: MIT */
#include "common/net/dial.h"

#include "common/clock.h"
#include "common/net/endpoint_family.h"
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DIAL_US (3 * SECOND_US)

/* NULL: nobody knows an address. "[::1]" is written without its brackets. */
static struct addrinfo *find_address(const char *endpoint)
{
    char host[256];
    const char *port = strrchr(endpoint, ':');
    struct addrinfo *found = NULL;
    struct addrinfo wanted = {
        .ai_family = endpoint_needs_ipv6(endpoint) ? AF_INET6 : AF_INET,
        .ai_socktype = SOCK_STREAM,
    };
    if (!port || !endpoint_host(endpoint, host, sizeof host))
        return NULL;
    size_t size = strlen(host);
    char *name = host;
    if (*name == '[' && host[size - 1] == ']') {
        host[size - 1] = '\0';
        name++;
    }
    return getaddrinfo(name, port + 1, &wanted, &found) == 0 ? found : NULL;
}

/* The signature and the version: a peer tells its mechanism then, and has not heard
 * ours, which it might not like. */
static const unsigned char beginning[] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0};

enum { MECHANISM_AT = 12 };

static bool is_greeting(const struct dial *dial)
{
    return dial->size == GREETING_BYTES && dial->greeting[0] == 0xff &&
           dial->greeting[9] == 0x7f && dial->greeting[10] >= 3;
}

static void close_fd(struct dial *dial)
{
    if (dial->fd >= 0)
        close(dial->fd);
    dial->fd = -1;
}

static void end(struct dial *dial, int error)
{
    dial->ended = true;
    dial->silent = false;
    dial->error = error;
    memset(dial->mechanism, 0, sizeof dial->mechanism);
    if (is_greeting(dial))
        memcpy(dial->mechanism, dial->greeting + MECHANISM_AT, MECHANISM_BYTES);
    close_fd(dial);
}

void dial_start(struct dial *dial, const char *endpoint, int64_t now_us)
{
    if (dial->fd >= 0)
        return;
    struct addrinfo *address = find_address(endpoint);
    dial->connected = false;
    dial->size = 0;
    dial->end_us = now_us + DIAL_US;
    if (!address)
        return;
    dial->fd = socket(address->ai_family,
                      address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (dial->fd >= 0 && connect(dial->fd, address->ai_addr, address->ai_addrlen) < 0 &&
        errno != EINPROGRESS)
        end(dial, errno);
    freeaddrinfo(address);
    dial_check(dial, now_us);
}

/* False: it is not connected, or not yet. */
static bool check_connected(struct dial *dial)
{
    struct pollfd item = {.fd = dial->fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;
    if (dial->connected)
        return true;
    if (poll(&item, 1, 0) <= 0)
        return false;
    if (getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    if (error == 0 && send(dial->fd, beginning, sizeof beginning, MSG_NOSIGNAL) < 0)
        error = errno;
    dial->connected = error == 0;
    if (error != 0)
        end(dial, error);
    return dial->connected;
}

void dial_check(struct dial *dial, int64_t now_us)
{
    ssize_t got = 0;
    if (dial->fd < 0)
        return;
    if (now_us >= dial->end_us) {
        end(dial, dial->connected ? 0 : ETIMEDOUT);
        dial->silent = dial->connected && dial->size == 0;
        return;
    }
    if (!check_connected(dial))
        return;
    while (dial->size < GREETING_BYTES &&
           (got = recv(dial->fd, dial->greeting + dial->size,
                       GREETING_BYTES - dial->size, 0)) > 0)
        dial->size += (size_t)got;
    if (dial->size < GREETING_BYTES && got < 0 && errno == EAGAIN)
        return;
    end(dial, 0);
}

void dial_close(struct dial *dial)
{
    close_fd(dial);
    *dial = DIAL_NONE;
}
