/* SPDX-License-Identifier: MIT */
/*
 * The process's ZeroMQ context and its sockets: each has all its options before it is
 * bound or connected. A table holds the options that all of them share. envelope.c
 * sends and receives; connection_monitor.c watches a connection.
 */
#include "common/net/transport.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/net/endpoint_family.h"
#include "common/net/headroom.h"
#include "common/random_id.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* zmq.h has it among its drafts; libzmq 4.3.4 knows it all the same. */
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

struct socket_option {
    int name;
    int value;
};

static const struct socket_option every_socket[] = {
    /* The sender counts credit; a high-water mark could only drop or block. */
    {ZMQ_SNDHWM, 0},
    {ZMQ_RCVHWM, 0},
    /* A thousand workers may join, or come back, at once. */
    {ZMQ_BACKLOG, 1024},
    {ZMQ_RECONNECT_IVL_MAX, 2000},
    /* The system tries for two minutes, with pauses that grow: what comes back is found
     * late, and nobody hears meanwhile that there is no answer. */
    {ZMQ_CONNECT_TIMEOUT, 5000},
    /* A stranger may connect and say nothing. */
    {ZMQ_HANDSHAKE_IVL, 10000},
    /* tcp: we notice within half a minute that a peer's host is gone, with data under
     * way (MAXRT) and without (KEEPALIVE). */
    {ZMQ_TCP_MAXRT, 30000},
    {ZMQ_TCP_KEEPALIVE, 1},
    {ZMQ_TCP_KEEPALIVE_IDLE, 10},
    {ZMQ_TCP_KEEPALIVE_INTVL, 5},
    {ZMQ_TCP_KEEPALIVE_CNT, 4},
};

/* Long enough for the last message to leave, short enough for a person who waits. */
enum { LINGER_MS = 1000 };
/* More than a socket and its first connection take. */
enum { SOCKET_DESCRIPTORS = 6 };

/* Messages that a peer of the ROUTER has not taken yet; one with more takes none, and
 * is treated as gone. More than a ledger has tasks. */
enum { UNREAD_MAX = 100000 };

static void set_option(zsock_t *socket, int name, int value)
{
    int rc = zmq_setsockopt(zsock_resolve(socket), name, &value, sizeof value);
    assert(rc == 0);
}

/* NULL with errno: out of descriptors, or of libzmq's sockets. */
static zsock_t *socket_new(int type, int linger_ms)
{
    /* CZMQ aborts where it gets no socket. */
    if (!headroom_has_descriptors(SOCKET_DESCRIPTORS)) {
        errno = EMFILE;
        return NULL;
    }
    zsock_t *socket = zsock_new(type);
    headroom_release();
    if (!socket)
        return NULL;
    for (size_t i = 0; i < sizeof every_socket / sizeof *every_socket; i++)
        set_option(socket, every_socket[i].name, every_socket[i].value);
    set_option(socket, ZMQ_LINGER, linger_ms);
    return socket;
}

static zsock_t *fail(zsock_t **socket_p)
{
    int saved_errno = errno;
    zsock_destroy(socket_p);
    errno = saved_errno;
    return NULL;
}

const char *transport_path(const char *endpoint)
{
    static const char scheme[] = "ipc://";
    const char *path = endpoint + strlen(scheme);
    bool is_path = strncmp(endpoint, scheme, strlen(scheme)) == 0 && *path != '@';
    return is_path ? path : NULL;
}

static bool is_taken(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return false;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    int rc = connect(fd, (struct sockaddr *)&address, sizeof address);
    bool taken = rc == 0 || errno == EAGAIN;
    close(fd);
    return taken;
}

/* Whether a socket can be bound to the path without a loss: libzmq would remove what
 * has it. 0; -EADDRINUSE: another program listens there, whose later peers would reach
 * us; -ENOTSOCK: a file has this name. */
static int ipc_path_check(const char *path)
{
    struct stat status;
    if (lstat(path, &status) == 0 && !S_ISSOCK(status.st_mode))
        return -ENOTSOCK;
    return is_taken(path) ? -EADDRINUSE : 0;
}

/* libzmq takes "*" for both families where both are there, and else for IPv4. */
static bool binds_ipv6(const char *endpoint)
{
    return strncmp(endpoint, "tcp://[", 7) == 0 ||
           strncmp(endpoint, "tcp://*:", 8) == 0;
}

static struct port_range ports = {PORT_FIRST, PORT_LAST};

void transport_choose_ports(struct port_range chosen)
{
    ports = chosen;
}

/* Where the trial begins: anywhere, so that runs that start together do not meet at
 * each port; but with the same keys at the same place, where workers that outlive a
 * crash look for the run that is resumed. */
static unsigned first_port(const struct curve *curve, unsigned count)
{
    struct id random = id_random();
    unsigned hash = 0;
    if (!curve)
        return (random.bytes[0] << 8 | random.bytes[1]) % count;
    for (const char *next = curve->public_key; *next; next++)
        hash = hash * 31 + (unsigned char)*next;
    return hash % count;
}

static int bind_free_port(void *handle, const char *endpoint, size_t host_size,
                          const struct curve *curve)
{
    unsigned count = ports.last - ports.first + 1u;
    unsigned start = first_port(curve, count);
    int rc = -1;
    errno = EADDRINUSE;
    for (unsigned i = 0; i < count && rc < 0 && errno == EADDRINUSE; i++) {
        char text[512];
        snprintf(text, sizeof text, "%.*s:%u", (int)host_size, endpoint,
                 ports.first + (start + i) % count);
        rc = zmq_bind(handle, text);
    }
    return rc;
}

static int bind_one(void *handle, const char *endpoint, const struct curve *curve)
{
    size_t host_size;
    return ports_is_chosen(endpoint, &host_size)
               ? bind_free_port(handle, endpoint, host_size, curve)
               : zmq_bind(handle, endpoint);
}

/* An interface may have no address but those of IPv6. */
static int bind_in_family(zsock_t *socket, const char *endpoint,
                          const struct curve *curve)
{
    void *handle = zsock_resolve(socket);
    set_option(socket, ZMQ_IPV6, binds_ipv6(endpoint));
    int rc = bind_one(handle, endpoint, curve);
    if (rc == 0 || errno != ENODEV || binds_ipv6(endpoint))
        return rc;
    set_option(socket, ZMQ_IPV6, 1);
    return bind_one(handle, endpoint, curve);
}

bool transport_is_tcp(const char *endpoint)
{
    return strncmp(endpoint, "tcp://", strlen("tcp://")) == 0;
}

static void set_text(zsock_t *socket, int name, const char *text)
{
    int rc = zmq_setsockopt(zsock_resolve(socket), name, text, strlen(text));
    assert(rc == 0);
}

/* CZMQ's own setter does nothing (4.2.1), and an option that did not take lets everyone
 * in who knows our public key: so both are read back. */
static bool keeps_strangers_out(zsock_t *socket, const char *domain)
{
    char set_domain[257] = "";
    size_t size = sizeof set_domain;
    int enforced = 0, mechanism = ZMQ_NULL;
    void *handle = zsock_resolve(socket);
    if (zmq_getsockopt(handle, ZMQ_ZAP_DOMAIN, set_domain, &size) < 0)
        return false;
    size = sizeof enforced;
    if (zmq_getsockopt(handle, ZMQ_ZAP_ENFORCE_DOMAIN, &enforced, &size) < 0)
        return false;
    size = sizeof mechanism;
    if (zmq_getsockopt(handle, ZMQ_MECHANISM, &mechanism, &size) < 0)
        return false;
    return enforced == 1 && mechanism == ZMQ_CURVE && *domain &&
           strcmp(set_domain, domain) == 0;
}

/* The options count for the endpoints that are bound after this: each listener has a
 * copy. A domain stays once it is set, so that zap.c is asked for ipc too. */
static int guard(zsock_t *socket, const char *endpoint, const struct curve *curve)
{
    bool guarded = curve && transport_is_tcp(endpoint);
    set_option(socket, ZMQ_ZAP_ENFORCE_DOMAIN, guarded);
    if (guarded) {
        zmq_setsockopt(zsock_resolve(socket), ZMQ_ZAP_DOMAIN, curve->domain,
                       strlen(curve->domain));
        set_text(socket, ZMQ_CURVE_SECRETKEY, curve->secret_key);
    }
    set_option(socket, ZMQ_CURVE_SERVER, guarded);
    return !guarded || keeps_strangers_out(socket, curve->domain) ? 0 : -EPROTO;
}

/* The umask lets only the owner of an ipc path connect to it. */
int transport_bind_also(zsock_t *socket, const char *endpoint,
                        const struct curve *curve)
{
    const char *path = transport_path(endpoint);
    int result = path ? ipc_path_check(path) : 0;
    if (result == 0)
        result = guard(socket, endpoint, curve);
    if (result < 0)
        return result;
    mode_t saved_umask = umask(077);
    int rc = bind_in_family(socket, endpoint, curve);
    int error = errno;
    umask(saved_umask);
    return rc == 0 ? 0 : -error;
}

static void set_frame_max(zsock_t *socket, int64_t max)
{
    int rc = zmq_setsockopt(zsock_resolve(socket), ZMQ_MAXMSGSIZE, &max, sizeof max);
    assert(rc == 0);
}

/* CURVE makes a frame 33 bytes longer, and libzmq compares that. */
enum { CURVE_ROOM_BYTES = 64 };

static zsock_t *bind_socket(zsock_t *socket, const char *endpoint, int64_t frame_max,
                            const struct curve *curve)
{
    if (!socket)
        return NULL;
    if (curve && frame_max >= 0 && frame_max <= INT64_MAX - CURVE_ROOM_BYTES)
        frame_max += CURVE_ROOM_BYTES;
    set_frame_max(socket, frame_max);
    int result = transport_bind_also(socket, endpoint, curve);
    if (result == 0)
        return socket;
    errno = -result;
    return fail(&socket);
}

int transport_connect_also(zsock_t *socket, const char *endpoint,
                           const struct curve *curve)
{
    set_option(socket, ZMQ_CURVE_SERVER, 0);
    if (curve && transport_is_tcp(endpoint)) {
        set_text(socket, ZMQ_CURVE_SERVERKEY, curve->server_key);
        set_text(socket, ZMQ_CURVE_PUBLICKEY, curve->public_key);
        set_text(socket, ZMQ_CURVE_SECRETKEY, curve->secret_key);
    }
    /* In ms, and then twice as long each time: what is on one host starts with us. */
    set_option(socket, ZMQ_RECONNECT_IVL, transport_is_tcp(endpoint) ? 20 : 1);
    set_option(socket, ZMQ_IPV6, endpoint_needs_ipv6(endpoint));
    return zmq_connect(zsock_resolve(socket), endpoint) == 0 ? 0 : -errno;
}

int transport_message_type(enum message_kind kind)
{
    static const int types[] = {
        [MESSAGE_PULL] = ZMQ_PULL,     [MESSAGE_SUB] = ZMQ_SUB,
        [MESSAGE_PUSH] = ZMQ_PUSH,     [MESSAGE_PUB] = ZMQ_PUB,
        [MESSAGE_DEALER] = ZMQ_DEALER,
    };
    return types[kind];
}

int transport_meet(zsock_t *socket, const struct message_end *end,
                   const struct certificate *own, const char *domain, char *error,
                   size_t error_size)
{
    const struct curve curve = {
        .public_key = own ? own->public_key : NULL,
        .secret_key = own ? own->secret_key : NULL,
        .server_key = own && !end->binds ? own->ventilator : NULL,
        .domain = end->binds ? domain : NULL,
    };
    const struct curve *keys = own ? &curve : NULL;
    int result = end->binds ? transport_bind_also(socket, end->endpoint, keys)
                            : transport_connect_also(socket, end->endpoint, keys);
    if (result < 0)
        snprintf(error, error_size, "cannot %s %s: %s",
                 end->binds ? "bind" : "connect to", end->endpoint,
                 end->binds ? transport_bind_text(-result) : zmq_strerror(-result));
    return result;
}

static zsock_t *connect_socket(zsock_t *socket, const char *endpoint,
                               const struct curve *curve,
                               struct connection_monitor **ret_monitor)
{
    if (!socket)
        return NULL;
    if (ret_monitor && !(*ret_monitor = connection_monitor_new(socket)))
        return fail(&socket);
    int result = transport_connect_also(socket, endpoint, curve);
    if (result == 0)
        return socket;
    if (ret_monitor)
        connection_monitor_destroy(ret_monitor);
    errno = -result;
    return fail(&socket);
}

zsock_t *transport_bind_router(const char *endpoint, int64_t frame_max,
                               const struct curve *curve)
{
    zsock_t *router = socket_new(ZMQ_ROUTER, LINGER_MS);
    if (router) {
        set_option(router, ZMQ_ROUTER_MANDATORY, 1);
        set_option(router, ZMQ_SNDHWM, UNREAD_MAX);
    }
    return bind_socket(router, endpoint, frame_max, curve);
}

const char *transport_bind_text(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "another program has it";
    case ENODEV:
    case EADDRNOTAVAIL:
        return "expected an address of this host, an interface's name or *";
    case ENOTSOCK:
        return "a file that is no socket has this name";
    case EPROTO:
        return "this libzmq does not keep strangers out";
    default:
        return zmq_strerror(error);
    }
}

int transport_bind_status(int error)
{
    switch (error) {
    case EADDRINUSE:
        return STATUS_PEER;
    case ENOSPC:
    case EDQUOT:
    case EROFS:
    case EIO:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return STATUS_IO;
    default:
        return STATUS_USAGE;
    }
}

zsock_t *transport_bind_pull(const char *endpoint, int64_t frame_max,
                             const struct curve *curve)
{
    return bind_socket(socket_new(ZMQ_PULL, 0), endpoint, frame_max, curve);
}

zsock_t *transport_connect_dealer(const char *endpoint, const struct curve *curve,
                                  struct connection_monitor **ret_monitor)
{
    return connect_socket(socket_new(ZMQ_DEALER, LINGER_MS), endpoint, curve,
                          ret_monitor);
}

/* No linger: a result stays in the ledger until the sink holds it, and a new socket
 * sends it again. Nobody needs what an old socket still has. */
zsock_t *transport_connect_push(const char *endpoint, const struct curve *curve,
                                struct connection_monitor **ret_monitor)
{
    zsock_t *push = socket_new(ZMQ_PUSH, 0);
    if (push)
        set_option(push, ZMQ_IMMEDIATE, 1);
    return connect_socket(push, endpoint, curve, ret_monitor);
}

zsock_t *transport_open(int type, int hwm, int64_t frame_max, int linger_ms)
{
    zsock_t *socket = socket_new(type, linger_ms);
    if (socket) {
        set_option(socket, ZMQ_SNDHWM, hwm);
        set_option(socket, ZMQ_RCVHWM, hwm);
        set_frame_max(socket, frame_max);
    }
    return socket;
}

const char *transport_endpoint(zsock_t *socket)
{
    static char endpoint[512];
    size_t size = sizeof endpoint;
    if (zmq_getsockopt(zsock_resolve(socket), ZMQ_LAST_ENDPOINT, endpoint, &size) < 0)
        *endpoint = '\0';
    return endpoint;
}

bool transport_may_reach(const char *endpoint)
{
    const char *path = transport_path(endpoint);
    return !path || access(path, W_OK) == 0;
}

static void remove_path(const char *endpoint)
{
    const char *path = transport_path(endpoint);
    if (path)
        unlink(path);
}

void transport_close_bound(zsock_t **socket_p)
{
    if (!*socket_p)
        return;
    remove_path(transport_endpoint(*socket_p));
    zsock_destroy(socket_p);
}
