/* SPDX-License-Identifier: MIT */
/* Who comes in where a socket has keys, and as what. */
#include "common/clock.h"
#include "common/keys/key_directory.h"
#include "common/keys/key_source.h"
#include "common/log.h"
#include "common/net/envelope.h"
#include "common/net/transport.h"
#include "common/net/zap.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FRAME_MAX = 1000, PATIENCE_MS = 20000 };

static char directory[64], error[4096], endpoint[128];
static struct keys server; /* the ventilator's, or the sink's */
static struct zap *zap;
static zsock_t *bound;
static int64_t now_us;

static void begin(void)
{
    cr_redirect_stderr();
    log_init("test", LOG_LEVEL_WARN);
    strcpy(directory, "/tmp/fanfold-curve-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(key_directory_make(directory, error, sizeof error), 0, "%s", error);
    cr_assert_eq(transport_init(error, sizeof error), 0);
}

static void end(void)
{
    char command[128];
    transport_close_bound(&bound);
    zap_destroy(&zap);
    keys_close(&server);
    transport_deinit();
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(curve, .init = begin, .fini = end);

static void serve(enum key_role role, bool with_handler)
{
    cr_assert_eq(keys_open(&server, role, directory, false, error, sizeof error), 1,
                 "%s", error);
    const struct curve curve = {
        .public_key = server.own.public_key,
        .secret_key = server.own.secret_key,
        .domain = role == KEY_SINK ? ZAP_RESULTS : ZAP_TASKS,
    };
    if (with_handler)
        cr_assert_not_null(zap = zap_new(server.keyring));
    bound = role == KEY_SINK
                ? transport_bind_pull("tcp://127.0.0.1:*", FRAME_MAX, &curve)
                : transport_bind_router("tcp://127.0.0.1:*", FRAME_MAX, &curve);
    cr_assert_not_null(bound, "%s", strerror(errno));
    snprintf(endpoint, sizeof endpoint, "%s", transport_endpoint(bound));
}

static struct certificate key_of(const char *name)
{
    struct certificate certificate;
    char path[256];
    snprintf(path, sizeof path, "%s/%s.key_secret", directory, name);
    cr_assert_eq(certificate_read(path, true, &certificate, error, sizeof error), 0,
                 "%s", error);
    return certificate;
}

struct entry {
    bool came;                       /* a message of the peer's arrived */
    enum connection_trouble trouble; /* what the peer learnt */
    bool keyed;
    struct zap_peer peer;
    size_t size;
};

static zsock_t *connect_peer(const struct certificate *own, const char *server_key,
                             struct connection_monitor **ret_monitor)
{
    const struct curve curve = {
        .public_key = own ? own->public_key : NULL,
        .secret_key = own ? own->secret_key : NULL,
        .server_key = server_key,
    };
    const struct curve *guard = own ? &curve : NULL;
    zsock_t *peer = zsock_type(bound) == ZMQ_PULL
                        ? transport_connect_push(endpoint, guard, ret_monitor)
                        : transport_connect_dealer(endpoint, guard, ret_monitor);
    cr_assert_not_null(peer);
    return peer;
}

static bool receive(struct envelope *envelope)
{
    int rc = zsock_type(bound) == ZMQ_PULL ? envelope_receive(bound, envelope)
                                           : envelope_receive_router(bound, envelope);
    cr_assert_geq(rc, 0);
    return rc > 0;
}

/* A peer of this key sends so many bytes; until they arrive, or it hears that it may
 * not come in. */
static struct entry enter(const struct certificate *own, const char *server_key,
                          size_t size)
{
    static uint8_t bytes[FRAME_MAX];
    struct entry entry = {0};
    struct connection_monitor *monitor;
    struct envelope envelope;
    zsock_t *peer = connect_peer(own, server_key, &monitor);
    int64_t end_us = clock_now_us() + PATIENCE_MS * 1000;
    bool failed = false, sent = false;
    envelope_init(&envelope);
    while (!entry.came && !failed && clock_now_us() < end_us) {
        zmq_pollitem_t items[] = {
            {.socket = zsock_resolve(bound), .events = ZMQ_POLLIN},
            {.socket = zsock_resolve(connection_monitor_socket(monitor)),
             .events = ZMQ_POLLIN},
            {.socket = zap ? zsock_resolve(zap_socket(zap)) : NULL,
             .fd = -1,
             .events = ZMQ_POLLIN},
        };
        zmq_poll(items, 3, 10);
        zap_answer(zap);
        if (!sent)
            sent = envelope_send(peer, (struct slice){bytes, size}, NULL) == 0;
        for (enum connection_event event;
             (event = connection_monitor_next(monitor)) != CONNECTION_NONE;)
            failed |= event == CONNECTION_FAILED;
        entry.came = receive(&envelope);
    }
    entry.trouble = connection_monitor_trouble(monitor);
    if (entry.came) {
        entry.keyed = zap && zap_check(zap, &envelope.header, &entry.peer);
        entry.size = zmq_msg_size(&envelope.header);
    }
    envelope_deinit(&envelope);
    connection_monitor_destroy(&monitor);
    zsock_destroy(&peer);
    return entry;
}

static void expect_in(struct entry entry, enum key_role role)
{
    cr_assert(entry.came, "trouble %d", entry.trouble);
    cr_assert(entry.keyed);
    cr_assert_eq(entry.peer.standing, KEY_KNOWN);
    cr_assert_eq(entry.peer.role, role);
}

static void expect_out(struct entry entry, enum connection_trouble trouble)
{
    cr_assert_not(entry.came);
    cr_assert_eq(entry.trouble, trouble, "trouble %d", entry.trouble);
}

Test(curve, lets_workers_and_sinks_in_to_tasks)
{
    struct certificate worker = key_of("worker"), sink = key_of("sink");
    serve(KEY_VENTILATOR, true);
    expect_in(enter(&worker, worker.ventilator, 5), KEY_WORKER);
    expect_in(enter(&sink, sink.ventilator, 5), KEY_SINK);
}

Test(curve, lets_workers_alone_in_to_results)
{
    struct certificate worker = key_of("worker"), sink = key_of("sink"),
                       ventilator = key_of("ventilator");
    serve(KEY_SINK, true);
    expect_in(enter(&worker, server.own.public_key, 5), KEY_WORKER);
    expect_out(enter(&sink, server.own.public_key, 5), TROUBLE_KEY);
    expect_out(enter(&ventilator, server.own.public_key, 5), TROUBLE_KEY);
}

Test(curve, keeps_out_who_has_no_key_an_unknown_one_or_a_wrong_idea_of_ours)
{
    struct certificate worker = key_of("worker"), stranger,
                       ventilator = key_of("ventilator");
    certificate_make(&stranger, KEY_WORKER, NULL);
    serve(KEY_VENTILATOR, true);
    expect_out(enter(&stranger, worker.ventilator, 5), TROUBLE_KEY);
    expect_out(enter(&ventilator, worker.ventilator, 5), TROUBLE_KEY);
    expect_out(enter(&worker, stranger.public_key, 5), TROUBLE_BROKEN);
    struct entry open = enter(NULL, NULL, 5);
    cr_assert_not(open.came);
    cr_assert(open.trouble == TROUBLE_MECHANISM || open.trouble == TROUBLE_BROKEN);
}

Test(curve, lets_nobody_in_while_no_handler_answers)
{
    struct certificate worker = key_of("worker");
    serve(KEY_VENTILATOR, false);
    struct entry entry = enter(&worker, worker.ventilator, 5);
    cr_assert_not(entry.came);
}

Test(curve, lets_a_key_in_that_is_added_while_it_tries)
{
    serve(KEY_VENTILATOR, true);
    for (int i = 0; i < 20; i++) {
        char name[16], file[32];
        snprintf(name, sizeof name, "n%d", i);
        snprintf(file, sizeof file, "worker-%s", name);
        struct certificate added;
        certificate_make(&added, KEY_WORKER, NULL);
        expect_out(enter(&added, server.own.public_key, 5), TROUBLE_KEY);
        cr_assert_eq(certificate_save(&added, directory, file), 0);
        now_us += 2 * SECOND_US;
        keyring_tick(server.keyring, now_us);
        expect_in(enter(&added, server.own.public_key, 5), KEY_WORKER);
    }
}

Test(curve, tells_a_revoked_key_at_tasks_and_shuts_it_out_of_results)
{
    struct certificate worker = key_of("worker");
    serve(KEY_VENTILATOR, true);
    expect_in(enter(&worker, worker.ventilator, 5), KEY_WORKER);
    cr_assert_eq(key_directory_revoke(directory, "worker", error, sizeof error), 0);
    now_us += 2 * SECOND_US;
    keyring_tick(server.keyring, now_us);
    struct entry entry = enter(&worker, worker.ventilator, 5);
    cr_assert(entry.came && entry.keyed);
    cr_assert_eq(entry.peer.standing, KEY_REVOKED);
    transport_close_bound(&bound);
    zap_destroy(&zap);
    keys_close(&server);
    serve(KEY_SINK, true);
    expect_out(enter(&worker, server.own.public_key, 5), TROUBLE_KEY);
}

Test(curve, carries_a_frame_of_exactly_the_limit)
{
    struct certificate worker = key_of("worker");
    serve(KEY_SINK, true);
    struct entry entry = enter(&worker, server.own.public_key, FRAME_MAX);
    expect_in(entry, KEY_WORKER);
    cr_assert_eq(entry.size, FRAME_MAX);
}

Test(curve, takes_an_ipc_endpoint_of_the_same_socket_without_keys)
{
    serve(KEY_VENTILATOR, true);
    snprintf(endpoint, sizeof endpoint, "ipc://%s/tasks", directory);
    cr_assert_eq(transport_bind_also(bound, endpoint, NULL), 0);
    struct entry entry = enter(NULL, NULL, 5);
    cr_assert(entry.came, "trouble %d", entry.trouble);
    cr_assert_not(entry.keyed);
}

Test(curve, refuses_to_bind_without_a_domain)
{
    struct certificate worker = key_of("worker");
    const struct curve curve = {
        .public_key = worker.public_key,
        .secret_key = worker.secret_key,
        .domain = "",
    };
    cr_assert_null(transport_bind_pull("tcp://127.0.0.1:*", FRAME_MAX, &curve));
    cr_assert_eq(errno, EPROTO);
}
