/* SPDX-License-Identifier: MIT */
/* A peer that takes no messages does not fill the memory of a bound socket. */
#include "common/net/envelope.h"
#include "common/net/transport.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000, ENOUGH = 1000000 };

static char directory[64], tasks[96];

static void set_up(void)
{
    strcpy(directory, "/tmp/fanfold-test-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(tasks, sizeof tasks, "ipc://%s/tasks", directory);
    char error[256];
    cr_assert_eq(transport_init(error, sizeof error), 0);
}

static void tear_down(void)
{
    transport_deinit();
    unlink(tasks + strlen("ipc://"));
    rmdir(directory);
}

TestSuite(unread, .init = set_up, .fini = tear_down, .timeout = 60);

/* It reads one message, and then nothing. */
static zsock_t *connect_deaf(void)
{
    zsock_t *dealer = zsock_new(ZMQ_DEALER);
    zsock_set_rcvhwm(dealer, 1);
    zsock_set_linger(dealer, 0);
    cr_assert_eq(zsock_connect(dealer, "%s", tasks), 0);
    return dealer;
}

Test(unread, a_peer_that_reads_nothing_is_refused_more_in_the_end)
{
    struct slice word = slice_of_text("word");
    struct envelope envelope;
    zsock_t *router = transport_bind_router(tasks, 1 << 20, NULL);
    zsock_t *deaf = connect_deaf();
    cr_assert_not_null(router);
    envelope_init(&envelope);
    cr_assert_eq(envelope_send(deaf, word, NULL), 0);
    zmq_pollitem_t item = {.socket = zsock_resolve(router), .events = ZMQ_POLLIN};
    cr_assert_eq(zmq_poll(&item, 1, PATIENCE_MS), 1);
    cr_assert_eq(envelope_receive_router(router, &envelope), 1);
    int result = 0, sent = 0;
    while (result == 0 && sent++ < ENOUGH)
        result = envelope_send_to(router, envelope.peer, word, NULL);
    cr_assert_eq(result, -EAGAIN);
    cr_assert_gt(sent, 65536, "as many as a ledger has tasks are no fault");
    envelope_deinit(&envelope);
    zsock_destroy(&deaf);
    transport_close_bound(&router);
}
