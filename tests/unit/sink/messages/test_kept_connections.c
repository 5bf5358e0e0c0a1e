/* SPDX-License-Identifier: MIT */
#include "sink/messages/kept_connections.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct kept_connections kept;
static int own, peer; /* the ends of a connection; libzmq would have `own` */

static void begin(void)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    own = ends[0];
    peer = ends[1];
}

static void end(void)
{
    kept_connections_deinit(&kept);
}

static bool hung_up(void)
{
    struct pollfd item = {.fd = peer};
    return poll(&item, 1, 0) > 0 && (item.revents & POLLHUP) != 0;
}

TestSuite(kept_connections, .init = begin, .fini = end);

Test(kept_connections, stay_open_until_the_peer_has_read_all)
{
    char bytes[8];
    kept_connections_opened(&kept, own);
    kept_connections_keep(&kept);
    cr_assert_eq(write(own, "message", 7), 7);
    close(own);
    cr_assert_not(kept_connections_all_read(&kept));
    cr_assert_not(hung_up());
    cr_assert_eq(read(peer, bytes, sizeof bytes), 7);
    cr_assert(kept_connections_all_read(&kept));
    cr_assert(hung_up());
}

Test(kept_connections, of_which_one_comes_later_is_kept_too)
{
    kept_connections_keep(&kept);
    kept_connections_opened(&kept, own);
    cr_assert_eq(write(own, "message", 7), 7);
    close(own);
    cr_assert_not(kept_connections_all_read(&kept));
    cr_assert_geq(kept_connections_descriptor(&kept), 0);
}

Test(kept_connections, wait_for_no_peer_that_is_gone)
{
    kept_connections_opened(&kept, own);
    kept_connections_keep(&kept);
    cr_assert_eq(write(own, "message", 7), 7);
    close(own);
    close(peer);
    cr_assert(kept_connections_all_read(&kept));
}

Test(kept_connections, are_forgotten_when_they_are_closed)
{
    kept_connections_opened(&kept, own);
    kept_connections_keep(&kept);
    cr_assert_eq(write(own, "message", 7), 7);
    kept_connections_closed(&kept, own);
    close(own);
    cr_assert(hung_up());
    cr_assert(kept_connections_all_read(&kept));
}

Test(kept_connections, are_not_held_before_the_end)
{
    kept_connections_opened(&kept, own);
    close(own);
    cr_assert(hung_up());
    cr_assert_eq(kept_connections_descriptor(&kept), -1);
}
