/* SPDX-License-Identifier: MIT */
#include "common/helper/shell_exec.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void expect(const char *command, const char *expected)
{
    char *said = shell_exec_command(command);
    cr_expect_str_eq(said, expected);
    free(said);
}

Test(shell_exec, replaces_the_shell_by_the_one_program)
{
    expect("cat", "exec cat");
    expect(" /bin/cat 'a; b' \"$HOME | (c)\" d\\;e 2>log",
           "exec  /bin/cat 'a; b' \"$HOME | (c)\" d\\;e 2>log");
}

Test(shell_exec, leaves_what_only_the_shell_can_run)
{
    static const char *const commands[] = {
        "cat; cat",
        "cat | cat",
        "cat & wait",
        "cat\ncat",
        "(cat)",
        "A=b cat",
        "cd /",
        "exec cat",
        ". ./cat",
        "$PROGRAM x",
        "no-such-program",
        "if cat",
        "cat `echo x; y`",
        "cat 'no end",
        "'/bin/cat' quoted",
        "",
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        expect(commands[i], commands[i]);
}
