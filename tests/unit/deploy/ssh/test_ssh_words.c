/* SPDX-License-Identifier: MIT */
#include "deploy/ssh/ssh_words.h"

#include <criterion/criterion.h>

Test(ssh_words, refuse_options_and_files_whoever_the_host_is)
{
    static const char *const lines[] = {
        "Can't open user config file nofile: No such file or directory",
        "command-line: line 0: Bad configuration option: foo",
        "command-line line 0: unsupported option \"maybe\".",
        "/home/me/.ssh/config: terminating, 1 bad configuration options",
        "           [-w local_tun[:remote_tun]] destination [command [argument ...]]",
        "Bad port '0'",
        "Invalid -J argument",
        "Unknown cipher type 'nocipher'",
        "Bad owner or permissions on /home/me/.ssh/config",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect(ssh_words_refuse(lines[i]), "%s", lines[i]);
}

Test(ssh_words, do_not_refuse_what_another_login_may_get)
{
    static const char *const lines[] = {
        "",
        "ssh: connect to host a port 22: Connection refused",
        "ssh: Could not resolve hostname a: Temporary failure in name resolution",
        "kex_exchange_identification: read: Connection reset by peer",
        "me@a: Permission denied (publickey).",
        "Host key verification failed.",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect_not(ssh_words_refuse(lines[i]), "%s", lines[i]);
}

Test(ssh_words, tell_of_a_tunnel_that_ends_nowhere)
{
    cr_assert(ssh_words_tell_of_tunnel("connect_to /run/x/tasks port -2: failed."));
    cr_assert(ssh_words_tell_of_tunnel(
        "connect to /run/x/tasks port -2 failed: No such file or directory"));
    cr_assert_not(ssh_words_tell_of_tunnel("connect_to a port 22: failed."));
    cr_assert_not(ssh_words_tell_of_tunnel("my program: port -2: failed."));
}
