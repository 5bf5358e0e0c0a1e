/* SPDX-License-Identifier: MIT */
/*
 * The sockets on ipc in a private directory, and on a tcp port that the system chose. A
 * test waits for an event with PATIENCE_MS as the bound after which it has failed.
 */
#include "common/clock.h"
#include "common/net/connection_monitor.h"
#include "common/net/envelope.h"
#include "common/net/transport.h"
#include "common/random_id.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000 };

static char directory[64], tasks[96];

static void set_up(void)
{
    strcpy(directory, "/tmp/fanfold-test-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(tasks, sizeof tasks, "ipc://%s/tasks", directory);
    char error[512];
    cr_assert_eq(transport_init(error, sizeof error), 0);
}

static void tear_down(void)
{
    transport_deinit();
    unlink(tasks + strlen("ipc://"));
    rmdir(directory);
}

TestSuite(transport, .init = set_up, .fini = tear_down, .timeout = 60);

static struct slice slice_of(const char *text)
{
    return (struct slice){.data = (const uint8_t *)text, .size = strlen(text)};
}

static bool frame_is(zmq_msg_t *frame, const char *text)
{
    return zmq_msg_size(frame) == strlen(text) &&
           memcmp(zmq_msg_data(frame), text, strlen(text)) == 0;
}

static bool wait_for(zsock_t *socket, short events, long timeout_ms)
{
    zmq_pollitem_t item = {.socket = zsock_resolve(socket), .events = events};
    return zmq_poll(&item, 1, timeout_ms) > 0;
}

static void receive_router(zsock_t *router, struct envelope *envelope)
{
    int rc = 0;
    while (rc == 0 && wait_for(router, ZMQ_POLLIN, PATIENCE_MS))
        rc = envelope_receive_router(router, envelope);
    cr_assert_eq(rc, 1);
}

static void receive(zsock_t *socket, struct envelope *envelope)
{
    cr_assert(wait_for(socket, ZMQ_POLLIN, PATIENCE_MS));
    cr_assert_eq(envelope_receive(socket, envelope), 1);
}

static zsock_t *bind_router(int64_t frame_max)
{
    zsock_t *router = transport_bind_router(tasks, frame_max, NULL);
    cr_assert_not_null(router, "%s: %s", tasks, strerror(errno));
    return router;
}

/* A dealer from which the router has had a message. */
static zsock_t *connect_known(zsock_t *router, uint32_t *ret_peer)
{
    zsock_t *dealer = transport_connect_dealer(tasks, NULL, NULL);
    cr_assert_not_null(dealer);
    cr_assert_eq(envelope_send(dealer, slice_of("hello"), NULL), 0);
    struct envelope envelope;
    envelope_init(&envelope);
    receive_router(router, &envelope);
    cr_assert(frame_is(&envelope.header, "hello"));
    *ret_peer = envelope.peer;
    envelope_deinit(&envelope);
    return dealer;
}

/* Whether the router soon finds the peer gone. */
static bool becomes_unreachable(zsock_t *router, uint32_t peer)
{
    int64_t end_us = clock_now_us() + PATIENCE_MS * INT64_C(1000);
    int rc = 0;
    while (rc == 0 && clock_now_us() < end_us) {
        rc = envelope_send_to(router, peer, slice_of("x"), NULL);
        wait_for(router, ZMQ_POLLIN, 5);
    }
    return rc == -EHOSTUNREACH;
}

Test(transport, answers_the_peer_that_sent_and_no_other)
{
    zsock_t *router = bind_router(1000);
    uint32_t peers[2];
    zsock_t *dealers[2];
    for (int i = 0; i < 2; i++)
        dealers[i] = connect_known(router, &peers[i]);
    cr_assert_neq(peers[0], peers[1]);
    cr_assert_eq(envelope_send_to(router, peers[1], slice_of("b"), NULL), 0);
    cr_assert_eq(envelope_send_to(router, peers[0], slice_of("a"), NULL), 0);
    struct envelope envelope;
    envelope_init(&envelope);
    receive(dealers[0], &envelope);
    cr_assert(frame_is(&envelope.header, "a"));
    cr_assert_eq(envelope.peer, 0u);
    receive(dealers[1], &envelope);
    cr_assert(frame_is(&envelope.header, "b"));
    cr_assert_eq(envelope_receive(dealers[1], &envelope), 0);
    envelope_deinit(&envelope);
    for (int i = 0; i < 2; i++)
        zsock_destroy(&dealers[i]);
    zsock_destroy(&router);
}

Test(transport, takes_a_payload_and_hands_it_over_in_both_directions)
{
    zsock_t *router = bind_router(1000);
    uint32_t peer;
    zsock_t *dealer = connect_known(router, &peer);
    struct envelope envelope;
    envelope_init(&envelope);
    zmq_msg_t payload;
    zmq_msg_init_size(&payload, 3);
    memcpy(zmq_msg_data(&payload), "abc", 3);
    cr_assert_eq(envelope_send(dealer, slice_of("up"), &payload), 0);
    cr_assert_eq(zmq_msg_size(&payload), 0u);
    receive_router(router, &envelope);
    cr_assert_eq(envelope.frames, 2u);
    cr_assert(frame_is(&envelope.header, "up"));
    cr_assert(frame_is(&envelope.payload, "abc"));
    zmq_msg_move(&payload, &envelope.payload);
    cr_assert_eq(envelope_send_to(router, peer, slice_of("down"), &payload), 0);
    cr_assert_eq(zmq_msg_size(&payload), 0u);
    receive(dealer, &envelope);
    cr_assert_eq(envelope.frames, 2u);
    cr_assert(frame_is(&envelope.header, "down"));
    cr_assert(frame_is(&envelope.payload, "abc"));
    /* The next message has no payload, and clears this one. */
    cr_assert_eq(envelope_send_to(router, peer, slice_of("bare"), NULL), 0);
    receive(dealer, &envelope);
    cr_assert_eq(envelope.frames, 1u);
    cr_assert_eq(zmq_msg_size(&envelope.payload), 0u);
    zmq_msg_close(&payload);
    envelope_deinit(&envelope);
    zsock_destroy(&dealer);
    zsock_destroy(&router);
}

Test(transport, reads_messages_of_too_many_frames_to_their_end)
{
    zsock_t *router = bind_router(1000);
    zsock_t *dealer = transport_connect_dealer(tasks, NULL, NULL);
    void *handle = zsock_resolve(dealer);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(zmq_send(handle, "x", 1, i < 3 ? ZMQ_SNDMORE : 0), 1);
    cr_assert_eq(envelope_send(dealer, slice_of("next"), NULL), 0);
    struct envelope envelope;
    envelope_init(&envelope);
    receive_router(router, &envelope);
    cr_assert_eq(envelope.frames, 4u);
    receive_router(router, &envelope);
    cr_assert_eq(envelope.frames, 1u);
    cr_assert(frame_is(&envelope.header, "next"));
    cr_assert_eq(envelope_receive_router(router, &envelope), 0);
    envelope_deinit(&envelope);
    zsock_destroy(&dealer);
    zsock_destroy(&router);
}

Test(transport, finds_a_vanished_peer_unreachable_and_leaves_the_payload)
{
    zsock_t *router = bind_router(1000);
    uint32_t gone, here;
    zsock_t *dealer = connect_known(router, &gone);
    zsock_t *other = connect_known(router, &here);
    zsock_destroy(&dealer);
    cr_assert(becomes_unreachable(router, gone));
    zmq_msg_t payload;
    zmq_msg_init_size(&payload, 3);
    cr_assert_eq(envelope_send_to(router, gone, slice_of("x"), &payload),
                 -EHOSTUNREACH);
    cr_assert_eq(zmq_msg_size(&payload), 3u);
    cr_assert_eq(envelope_send_to(router, here, slice_of("y"), &payload), 0);
    struct envelope envelope;
    envelope_init(&envelope);
    receive(other, &envelope);
    cr_assert(frame_is(&envelope.header, "y"));
    cr_assert_eq(zmq_msg_size(&envelope.payload), 3u);
    envelope_deinit(&envelope);
    zmq_msg_close(&payload);
    zsock_destroy(&other);
    zsock_destroy(&router);
}

Test(transport, finds_a_peer_that_never_was_unreachable)
{
    zsock_t *router = bind_router(1000);
    cr_assert_eq(envelope_send_to(router, 12345, slice_of("x"), NULL), -EHOSTUNREACH);
    zsock_destroy(&router);
}

Test(transport, drops_messages_of_a_peer_with_an_id_of_its_own)
{
    zsock_t *router = bind_router(1000);
    zsock_t *stranger = zsock_new(ZMQ_DEALER);
    zsock_set_identity(stranger, "boss");
    cr_assert_eq(zmq_connect(zsock_resolve(stranger), tasks), 0);
    struct envelope envelope;
    envelope_init(&envelope);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(zmq_send(zsock_resolve(stranger), "x", 1, i < 1 ? ZMQ_SNDMORE : 0),
                     1);
    cr_assert(wait_for(router, ZMQ_POLLIN, PATIENCE_MS));
    uint32_t peer;
    zsock_t *dealer = connect_known(router, &peer);
    /* Reads the rest of the stranger's messages. */
    while (wait_for(router, ZMQ_POLLIN, 20))
        cr_assert_eq(envelope_receive_router(router, &envelope), 0);
    envelope_deinit(&envelope);
    zsock_destroy(&stranger);
    zsock_destroy(&dealer);
    zsock_destroy(&router);
}

Test(transport, disconnects_a_peer_whose_frame_is_too_large_and_serves_the_others)
{
    zsock_t *router = bind_router(1000);
    uint32_t large, small;
    zsock_t *sender = connect_known(router, &large);
    zsock_t *other = connect_known(router, &small);
    static const uint8_t bytes[1001];
    struct slice most = {bytes, 1000}, too_much = {bytes, 1001};
    cr_assert_eq(envelope_send(sender, too_much, NULL), 0);
    cr_assert(becomes_unreachable(router, large));
    cr_assert_eq(envelope_send(other, most, NULL), 0);
    struct envelope envelope;
    envelope_init(&envelope);
    receive_router(router, &envelope);
    cr_assert_eq(envelope.peer, small);
    cr_assert_eq(zmq_msg_size(&envelope.header), 1000u);
    envelope_deinit(&envelope);
    zsock_destroy(&sender);
    zsock_destroy(&other);
    zsock_destroy(&router);
}

static zmq_msg_t payload_of(const char *text)
{
    zmq_msg_t payload;
    cr_assert_eq(zmq_msg_init_size(&payload, strlen(text)), 0);
    memcpy(zmq_msg_data(&payload), text, strlen(text));
    return payload;
}

Test(transport, survives_a_peer_that_vanishes_amid_a_message_to_it)
{
    zsock_t *router = bind_router(1000);
    for (int i = 0; i < 100; i++) {
        uint32_t peer;
        zsock_t *dealer = connect_known(router, &peer);
        zsock_destroy(&dealer);
        int rc = 0;
        for (int sent = 0; rc == 0 && sent < 10000000; sent++) {
            zmq_msg_t payload = payload_of("payload");
            rc = envelope_send_to(router, peer, slice_of("x"), &payload);
            cr_assert_eq(zmq_msg_size(&payload), rc == 0 ? 0u : strlen("payload"));
            zmq_msg_close(&payload);
        }
        cr_assert_eq(rc, -EHOSTUNREACH);
    }
    zsock_destroy(&router);
}

Test(transport, pushes_whole_messages_or_none_however_often_the_link_breaks)
{
    zsock_t *push = transport_connect_push(tasks, NULL, NULL);
    struct envelope envelope;
    envelope_init(&envelope);
    for (int i = 0; i < 30; i++) {
        zsock_t *pull = transport_bind_pull(tasks, 1000, NULL);
        cr_assert(wait_for(push, ZMQ_POLLOUT, PATIENCE_MS));
        zmq_msg_t payload = payload_of("payload");
        cr_assert_eq(envelope_send(push, slice_of("first"), &payload), 0);
        receive(pull, &envelope);
        cr_assert_eq(envelope.frames, 2u);
        cr_assert(frame_is(&envelope.header, "first"));
        cr_assert(frame_is(&envelope.payload, "payload"));
        zsock_destroy(&pull);
        int rc = 0;
        for (int sent = 0; rc == 0 && sent < 10000000; sent++) {
            payload = payload_of("payload");
            rc = envelope_send(push, slice_of("lost"), &payload);
            cr_assert_eq(zmq_msg_size(&payload), rc == 0 ? 0u : strlen("payload"));
            zmq_msg_close(&payload);
        }
        cr_assert_eq(rc, -EAGAIN);
    }
    envelope_deinit(&envelope);
    zsock_destroy(&push);
}

Test(transport, refuses_to_push_while_nobody_is_there)
{
    zsock_t *push = transport_connect_push(tasks, NULL, NULL);
    cr_assert_not_null(push);
    zmq_msg_t payload;
    zmq_msg_init_size(&payload, 3);
    cr_assert_eq(envelope_send(push, slice_of("x"), &payload), -EAGAIN);
    cr_assert_eq(zmq_msg_size(&payload), 3u);
    zmq_msg_close(&payload);
    zsock_destroy(&push);
}

/* While nobody listens, attempts fail. */
static enum connection_event next_change(struct connection_monitor *monitor)
{
    enum connection_event event;
    do
        event = connection_monitor_next(monitor);
    while (event == CONNECTION_FAILED);
    return event;
}

static enum connection_event wait_for_change(struct connection_monitor *monitor)
{
    enum connection_event event = next_change(monitor);
    while (event == CONNECTION_NONE &&
           wait_for(connection_monitor_socket(monitor), ZMQ_POLLIN, PATIENCE_MS))
        event = next_change(monitor);
    return event;
}

/* libzmq closes a socket by and by: what is sent meanwhile may leave for the old one,
 * and is lost when that is gone. */
static void send_until_it_comes(zsock_t *push, zsock_t *pull,
                                struct connection_monitor *monitor)
{
    zmq_pollitem_t items[] = {
        {.socket = zsock_resolve(pull), .events = ZMQ_POLLIN},
        {.socket = zsock_resolve(connection_monitor_socket(monitor)),
         .events = ZMQ_POLLIN},
    };
    cr_assert_eq(envelope_send(push, slice_of("result"), NULL), 0);
    while (zmq_poll(items, 2, PATIENCE_MS) > 0 && !items[0].revents) {
        if (next_change(monitor) != CONNECTION_SHUT)
            continue;
        cr_assert_eq(wait_for_change(monitor), CONNECTION_OPEN);
        cr_assert_eq(envelope_send(push, slice_of("result"), NULL), 0);
    }
    cr_assert(items[0].revents);
}

Test(transport, reports_a_push_that_opens_shuts_and_opens_again)
{
    zsock_t *push = transport_connect_push(tasks, NULL, NULL);
    struct connection_monitor *monitor = connection_monitor_new(push);
    cr_assert_not_null(monitor);
    cr_assert_eq(next_change(monitor), CONNECTION_NONE);
    for (int i = 0; i < 3; i++) {
        zsock_t *pull = transport_bind_pull(tasks, 1000, NULL);
        cr_assert_not_null(pull);
        cr_assert_eq(wait_for_change(monitor), CONNECTION_OPEN);
        send_until_it_comes(push, pull, monitor);
        struct envelope envelope;
        envelope_init(&envelope);
        receive(pull, &envelope);
        cr_assert(frame_is(&envelope.header, "result"));
        envelope_deinit(&envelope);
        zsock_destroy(&pull);
        cr_assert_eq(wait_for_change(monitor), CONNECTION_SHUT);
    }
    connection_monitor_destroy(&monitor);
    cr_assert_null(monitor);
    zsock_destroy(&push);
}

Test(transport, reports_a_push_over_tcp_that_opens_and_shuts)
{
    zsock_t *pull = transport_bind_pull("tcp://127.0.0.1:*", 1000, NULL);
    zsock_t *push = transport_connect_push(transport_endpoint(pull), NULL, NULL);
    struct connection_monitor *monitor = connection_monitor_new(push);
    cr_assert_eq(wait_for_change(monitor), CONNECTION_OPEN);
    zsock_destroy(&pull);
    cr_assert_eq(wait_for_change(monitor), CONNECTION_SHUT);
    connection_monitor_destroy(&monitor);
    zsock_destroy(&push);
}

Test(transport, reports_a_push_that_was_open_before_it_was_watched)
{
    zsock_t *pull = transport_bind_pull(tasks, 1000, NULL);
    zsock_t *push = transport_connect_push(tasks, NULL, NULL);
    cr_assert(wait_for(push, ZMQ_POLLOUT, PATIENCE_MS));
    struct connection_monitor *monitor = connection_monitor_new(push);
    cr_assert_eq(next_change(monitor), CONNECTION_OPEN);
    cr_assert_eq(next_change(monitor), CONNECTION_NONE);
    zsock_destroy(&pull);
    cr_assert_eq(wait_for_change(monitor), CONNECTION_SHUT);
    connection_monitor_destroy(&monitor);
    zsock_destroy(&push);
}

/* Whatever the timing, the first event is OPEN, and it comes. */
Test(transport, misses_no_opening_while_the_monitor_starts)
{
    zsock_t *pull = transport_bind_pull(tasks, 1000, NULL);
    for (int i = 0; i < 200; i++) {
        zsock_t *push = transport_connect_push(tasks, NULL, NULL);
        for (volatile int spin = 0; spin < i * 500; spin++)
            ;
        struct connection_monitor *monitor = connection_monitor_new(push);
        cr_assert_eq(wait_for_change(monitor), CONNECTION_OPEN);
        cr_assert_eq(envelope_send(push, slice_of("x"), NULL), 0);
        connection_monitor_destroy(&monitor);
        zsock_destroy(&push);
    }
    zsock_destroy(&pull);
}

Test(transport, keeps_nothing_of_a_broken_push_for_the_next_connection)
{
    zsock_t *pull = transport_bind_pull(tasks, 1000, NULL);
    zsock_t *push = transport_connect_push(tasks, NULL, NULL);
    struct connection_monitor *monitor = connection_monitor_new(push);
    cr_assert_eq(wait_for_change(monitor), CONNECTION_OPEN);
    cr_assert_eq(envelope_send(push, slice_of("old"), NULL), 0);
    zsock_destroy(&pull);
    cr_assert_eq(wait_for_change(monitor), CONNECTION_SHUT);
    pull = transport_bind_pull(tasks, 1000, NULL);
    cr_assert_eq(wait_for_change(monitor), CONNECTION_OPEN);
    cr_assert_eq(envelope_send(push, slice_of("new"), NULL), 0);
    struct envelope envelope;
    envelope_init(&envelope);
    receive(pull, &envelope);
    cr_assert(frame_is(&envelope.header, "new"));
    envelope_deinit(&envelope);
    connection_monitor_destroy(&monitor);
    zsock_destroy(&push);
    zsock_destroy(&pull);
}

Test(transport, names_the_port_that_the_system_chose_and_says_when_it_is_taken)
{
    zsock_t *first = transport_bind_router("tcp://127.0.0.1:*", 1000, NULL);
    cr_assert_not_null(first);
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "%s", transport_endpoint(first));
    cr_assert_eq(strncmp(endpoint, "tcp://127.0.0.1:", 16), 0);
    cr_assert_gt(atoi(endpoint + 16), 1023);
    errno = 0;
    cr_assert_null(transport_bind_pull(endpoint, 1000, NULL));
    cr_assert_eq(errno, EADDRINUSE);
    zsock_destroy(&first);
}

Test(transport, says_why_an_endpoint_is_bad)
{
    errno = 0;
    cr_assert_null(transport_bind_router("nonsense", 1000, NULL));
    cr_assert_eq(errno, EINVAL);
    errno = 0;
    cr_assert_null(transport_connect_dealer("gopher://x:1", NULL, NULL));
    cr_assert_eq(errno, EPROTONOSUPPORT);
    errno = 0;
    cr_assert_null(transport_bind_pull("ipc:///nowhere/at/all", 1000, NULL));
    cr_assert_eq(errno, ENOENT);
}

Test(transport, looks_for_a_peer_on_its_host_again_soon)
{
    zsock_t *near = transport_connect_dealer(tasks, NULL, NULL);
    zsock_t *far = transport_connect_dealer("tcp://127.0.0.1:1", NULL, NULL);
    cr_expect_leq(zsock_reconnect_ivl(near), 5);
    cr_expect_eq(zsock_reconnect_ivl(far), 20);
    zsock_destroy(&near);
    zsock_destroy(&far);
}

Test(transport, binds_ipc_for_its_owner_alone)
{
    mode_t before = umask(0);
    zsock_t *router = bind_router(1000);
    cr_assert_eq(umask(before), 0u);
    struct stat status;
    cr_assert_eq(stat(tasks + strlen("ipc://"), &status), 0);
    cr_assert_eq(status.st_mode & 077, 0u);
    zsock_destroy(&router);
}

Test(transport, refuses_a_path_where_somebody_listens_and_takes_one_where_nobody_does)
{
    const char *path = tasks + strlen("ipc://");
    zsock_t *first = bind_router(1000);
    errno = 0;
    cr_assert_null(transport_bind_pull(tasks, 1000, NULL));
    cr_assert_eq(errno, EADDRINUSE);
    cr_assert_eq(access(path, F_OK), 0);
    zsock_destroy(&first);

    int left = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    unlink(path);
    cr_assert_eq(bind(left, (struct sockaddr *)&address, sizeof address), 0);
    close(left); /* as a killed program leaves it */
    zsock_t *second = transport_bind_pull(tasks, 1000, NULL);
    cr_assert_not_null(second);
    zsock_destroy(&second);
}

static void handle_signal(int number)
{
    (void)number;
}

Test(transport, removes_the_path_of_a_bound_socket_when_it_closes)
{
    zsock_t *sockets[] = {transport_bind_router(tasks, -1, NULL), NULL};
    cr_assert_not_null(sockets[0]);
    cr_assert_eq(access(tasks + strlen("ipc://"), F_OK), 0);
    transport_close_bound(&sockets[0]);
    cr_assert_null(sockets[0]);
    cr_assert_neq(access(tasks + strlen("ipc://"), F_OK), 0);
    transport_close_bound(&sockets[1]); /* nothing bound: nothing to do */
}

/* The last message leaves, although nobody can connect any more. */
Test(transport, still_sends_its_last_message_when_its_path_is_gone)
{
    struct envelope envelope;
    envelope_init(&envelope);
    zsock_t *router = transport_bind_router(tasks, -1, NULL);
    zsock_t *dealer = transport_connect_dealer(tasks, NULL, NULL);
    cr_assert_eq(envelope_send(dealer, slice_of("hello"), NULL), 0);
    receive_router(router, &envelope);
    cr_assert_eq(envelope_send_to(router, envelope.peer, slice_of("stop"), NULL), 0);
    transport_close_bound(&router);
    cr_assert(wait_for(dealer, ZMQ_POLLIN, PATIENCE_MS));
    cr_assert_eq(envelope_receive(dealer, &envelope), 1);
    cr_assert(frame_is(&envelope.header, "stop"));
    zsock_destroy(&dealer);
    envelope_deinit(&envelope);
}

Test(transport, closes_a_socket_that_is_bound_to_no_path)
{
    char endpoint[96];
    snprintf(endpoint, sizeof endpoint, "ipc://@fanfold-test-%ld", (long)getpid());
    zsock_t *abstract = transport_bind_pull(endpoint, -1, NULL);
    zsock_t *tcp = transport_bind_pull("tcp://127.0.0.1:*", -1, NULL);
    cr_assert_not_null(abstract);
    cr_assert_not_null(tcp);
    transport_close_bound(&abstract);
    transport_close_bound(&tcp);
}

Test(transport_init, leaves_signals_to_the_program_and_stdout_to_data)
{
    struct sigaction ours = {.sa_handler = handle_signal}, found;
    sigaction(SIGINT, &ours, NULL);
    signal(SIGTERM, SIG_IGN);
    char error[512];
    cr_assert_eq(transport_init(error, sizeof error), 0);
    zsock_t *socket = zsock_new(ZMQ_DEALER);
    sigaction(SIGINT, NULL, &found);
    cr_assert_eq(found.sa_handler, handle_signal);
    sigaction(SIGTERM, NULL, &found);
    cr_assert_eq(found.sa_handler, SIG_IGN);
    sigaction(SIGPIPE, NULL, &found);
    cr_assert_eq(found.sa_handler, SIG_IGN);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    cr_assert_eq(limit.rlim_cur, limit.rlim_max);

    int ends[2];
    cr_assert_eq(pipe2(ends, O_NONBLOCK), 0);
    cr_assert_eq(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
    zsys_error("said by CZMQ");
    fflush(NULL);
    char byte;
    cr_assert_eq(read(ends[0], &byte, 1), -1);
    cr_assert_eq(errno, EAGAIN);
    zsock_destroy(&socket);
    transport_deinit();
}

Test(id_random, differs_each_time)
{
    struct id a = id_random(), b = id_random();
    cr_assert_neq(memcmp(&a, &b, sizeof a), 0);
}
