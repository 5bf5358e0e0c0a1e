/* SPDX-License-Identifier: MIT */
/*
 * The process's ZeroMQ context and the sockets, each with all its options set before it
 * is bound or connected. What is common to all lies in a table. Sending and receiving
 * are envelope.c's, watching a connection is monitor.c's.
 */
#include "common/transport.h"
#include "common/log.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct socket_option {
    int name;
    int value;
};

static const struct socket_option every_socket[] = {
    /* Who sends counts places; a high-water mark could only drop or block. */
    {ZMQ_SNDHWM, 0},
    {ZMQ_RCVHWM, 0},
    /* A thousand workers that join, or come back, at once. */
    {ZMQ_BACKLOG, 1024},
    {ZMQ_RECONNECT_IVL, 20},
    {ZMQ_RECONNECT_IVL_MAX, 2000},
    /* A stranger that connects and says nothing. */
    {ZMQ_HANDSHAKE_IVL, 10000},
    /* tcp: a peer whose host is gone is noticed within half a minute, with data on the
     * way (MAXRT) and without (KEEPALIVE). */
    {ZMQ_TCP_MAXRT, 30000},
    {ZMQ_TCP_KEEPALIVE, 1},
    {ZMQ_TCP_KEEPALIVE_IDLE, 10},
    {ZMQ_TCP_KEEPALIVE_INTVL, 5},
    {ZMQ_TCP_KEEPALIVE_CNT, 4},
};

/* Long enough for a last word to leave, short enough for a person who waits. */
enum { LINGER_MS = 1000 };

static void raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_event(LOG_LEVEL_DEBUG, "open_files_not_raised", "errno=%d", errno);
}

/* Chunks of some megabytes come and go all the time: their memory is used again, not
 * given back to the system and faulted in anew for each. What is larger, or too much,
 * still goes. */
static void keep_freed_memory(void)
{
    enum { KEEP_CHUNK_BYTES = 32 << 20, KEEP_FREE_BYTES = 64 << 20 };
    mallopt(M_MMAP_THRESHOLD, KEEP_CHUNK_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEEP_FREE_BYTES);
}

void transport_init(void)
{
    /* In this order: the first keeps CZMQ from installing its handler when the second
     * initialises it. */
    zsys_handler_set(NULL);
    zsys_set_logstream(stderr);
    signal(SIGPIPE, SIG_IGN);
    raise_open_files();
    keep_freed_memory();
}

void transport_deinit(void)
{
    zsys_shutdown();
}

static void set_option(zsock_t *socket, int name, int value)
{
    int rc = zmq_setsockopt(zsock_resolve(socket), name, &value, sizeof value);
    assert(rc == 0);
}

/* NULL with errno: out of descriptors, or of libzmq's sockets. */
static zsock_t *socket_new(int type, int linger_ms)
{
    zsock_t *socket = zsock_new(type);
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

/* The path of an ipc endpoint; NULL: it is none, or its name, in the abstract
 * namespace, is no file. */
static const char *path_of(const char *endpoint)
{
    static const char scheme[] = "ipc://";
    const char *path = endpoint + strlen(scheme);
    bool is_path = strncmp(endpoint, scheme, strlen(scheme)) == 0 && *path != '@';
    return is_path ? path : NULL;
}

/* Somebody listens there. A bind would take the path over, and whoever comes later
 * would find us in their place. */
static bool is_taken(const char *endpoint)
{
    const char *path = path_of(endpoint);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || strlen(path) >= sizeof address.sun_path)
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

/* CZMQ's own bind would try 16,384 ports one by one for "*". The umask gives an ipc
 * path to its owner alone. */
static zsock_t *bind_socket(zsock_t *socket, const char *endpoint, int64_t frame_max)
{
    if (!socket)
        return NULL;
    void *handle = zsock_resolve(socket);
    int rc = zmq_setsockopt(handle, ZMQ_MAXMSGSIZE, &frame_max, sizeof frame_max);
    assert(rc == 0);
    if (is_taken(endpoint)) {
        errno = EADDRINUSE;
        return fail(&socket);
    }
    mode_t saved_umask = umask(077);
    rc = zmq_bind(handle, endpoint);
    umask(saved_umask);
    return rc == 0 ? socket : fail(&socket);
}

static zsock_t *connect_socket(zsock_t *socket, const char *endpoint)
{
    if (!socket)
        return NULL;
    return zmq_connect(zsock_resolve(socket), endpoint) == 0 ? socket : fail(&socket);
}

zsock_t *transport_bind_router(const char *endpoint, int64_t frame_max)
{
    zsock_t *router = socket_new(ZMQ_ROUTER, LINGER_MS);
    if (router)
        set_option(router, ZMQ_ROUTER_MANDATORY, 1);
    return bind_socket(router, endpoint, frame_max);
}

const char *transport_bind_text(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "another program has it";
    case ENODEV:
    case EADDRNOTAVAIL:
        return "expected an address of this host, an interface's name or *";
    default:
        return zmq_strerror(error);
    }
}

zsock_t *transport_bind_pull(const char *endpoint, int64_t frame_max)
{
    return bind_socket(socket_new(ZMQ_PULL, 0), endpoint, frame_max);
}

zsock_t *transport_connect_dealer(const char *endpoint)
{
    return connect_socket(socket_new(ZMQ_DEALER, LINGER_MS), endpoint);
}

/* No linger: a result is on the ledger until it is held, and is sent again by a new
 * socket; what an old one still has is worth nothing. */
zsock_t *transport_connect_push(const char *endpoint)
{
    zsock_t *push = socket_new(ZMQ_PUSH, 0);
    if (push)
        set_option(push, ZMQ_IMMEDIATE, 1);
    return connect_socket(push, endpoint);
}

const char *transport_endpoint(zsock_t *socket)
{
    static char endpoint[512];
    size_t size = sizeof endpoint;
    if (zmq_getsockopt(zsock_resolve(socket), ZMQ_LAST_ENDPOINT, endpoint, &size) < 0)
        *endpoint = '\0';
    return endpoint;
}

static void remove_path(const char *endpoint)
{
    const char *path = path_of(endpoint);
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

struct id id_random(void)
{
    struct id id;
    ssize_t size;
    do
        size = getrandom(id.bytes, sizeof id.bytes, 0);
    while (size < 0 && errno == EINTR);
    assert(size == sizeof id.bytes); /* so few bytes are never cut, says getrandom(2) */
    return id;
}
