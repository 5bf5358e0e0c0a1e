/* SPDX-License-Identifier: MIT */
#include "common/net/message_end.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct message_end parsed(const char *text, enum message_direction direction)
{
    char error[512] = "";
    struct message_end end;
    cr_assert_eq(message_end_parse(text, direction, &end, error, sizeof error), 1, "%s",
                 error);
    return end;
}

static void refused(const char *text, enum message_direction direction,
                    const char *because)
{
    char error[512] = "";
    struct message_end end;
    cr_assert_eq(message_end_parse(text, direction, &end, error, sizeof error), -EINVAL,
                 "%s passes", text);
    cr_assert(strstr(error, because), "%s", error);
    cr_assert_eq(strncmp(error, text, strlen(text)), 0, "%s", error);
}

static void is_file(const char *text)
{
    char error[512];
    struct message_end end;
    cr_assert_eq(message_end_parse(text, MESSAGES_IN, &end, error, sizeof error), 0,
                 "%s", text);
}

Test(message_end, connects_unless_an_at_says_bind)
{
    struct message_end end = parsed("pull:tcp://vent:5557", MESSAGES_IN);
    cr_assert_eq(end.kind, MESSAGE_PULL);
    cr_assert_not(end.binds);
    cr_assert_str_eq(end.endpoint, "tcp://vent:5557");
    end = parsed("sub:>tcp://vent:5557", MESSAGES_IN);
    cr_assert_eq(end.kind, MESSAGE_SUB);
    cr_assert_not(end.binds);
    end = parsed("push:@tcp://*:5558", MESSAGES_OUT);
    cr_assert_eq(end.kind, MESSAGE_PUSH);
    cr_assert(end.binds);
    cr_assert_str_eq(end.endpoint, "tcp://*:5558");
}

Test(message_end, takes_every_kind_in_its_direction)
{
    parsed("pub:@ipc:///tmp/a", MESSAGES_OUT);
    parsed("dealer:ipc:///tmp/a", MESSAGES_OUT);
    parsed("dealer:ipc:///tmp/a", MESSAGES_IN);
    parsed("pull:@tcp://[::1]:1", MESSAGES_IN);
    parsed("pull:@tcp://eth0:*", MESSAGES_IN);
    refused("push:tcp://a:1", MESSAGES_IN, "a push socket only sends");
    refused("pub:tcp://a:1", MESSAGES_IN, "pull:, sub: or dealer:");
    refused("pull:tcp://a:1", MESSAGES_OUT, "a pull socket only receives");
    refused("sub:tcp://a:1", MESSAGES_OUT, "push:, pub: or dealer:");
}

Test(message_end, leaves_the_names_of_files_alone)
{
    is_file("-");
    is_file("a.txt");
    is_file("./pull:a");
    is_file("backup:2026");
    is_file("C:file");
    is_file("/a/b:tcp://c");
    is_file(":");
    is_file("");
}

Test(message_end, says_what_is_wrong_with_a_kind)
{
    refused("router:tcp://a:1", MESSAGES_IN, "'router' is no kind of socket");
    refused("rep:@ipc:///a", MESSAGES_IN, "pull:, sub: or dealer:");
    refused("tcp://a:1", MESSAGES_IN, "such as pull:tcp://a:1");
    refused("ipc:///a", MESSAGES_OUT, "such as push:ipc:///a");
}

Test(message_end, says_what_is_wrong_with_an_endpoint)
{
    refused("pull:ws://a:1", MESSAGES_IN, "ws:// is not supported");
    refused("pull:@inproc://a", MESSAGES_IN, "inproc:// is not supported");
    refused("pull:a", MESSAGES_IN, "./pull:a");
    refused("pull:", MESSAGES_IN, "expected tcp://HOST:PORT or ipc://PATH");
    refused("pull:tcp://host", MESSAGES_IN, "expected tcp://HOST:PORT");
    refused("pull:tcp://:1", MESSAGES_IN, "expected tcp://HOST:PORT");
    refused("pull:tcp://[::1]", MESSAGES_IN, "expected tcp://HOST:PORT");
    refused("pull:tcp://a:0", MESSAGES_IN, "'0' is no port");
    refused("pull:tcp://a:65536", MESSAGES_IN, "'65536' is no port");
    refused("pull:tcp://a:1x", MESSAGES_IN, "'1x' is no port");
    refused("pull:tcp://a:*", MESSAGES_IN, "'*' is no port");
    refused("pull:tcp://*:1", MESSAGES_IN, "nobody can connect to *");
    refused("pull:ipc://", MESSAGES_IN, "expected ipc://PATH");
    char path[160] = "pull:ipc:///";
    memset(path + strlen(path), 'a', 107);
    refused(path, MESSAGES_IN, "the path is too long (108 characters, at most 107)");
}
