/* SPDX-License-Identifier: MIT */
#include "worker/supervisor/command_lookup.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char error[512];

static int resolve(const char *word, char **ret_path)
{
    const char *argv[] = {word, NULL};
    static char *unused;
    return command_resolve((char *const *)(uintptr_t)argv, NULL,
                           ret_path ? ret_path : &unused, error, sizeof error);
}

static char *make_file(const char *bytes, size_t size, mode_t mode)
{
    static char path[64];
    strcpy(path, "/tmp/fanfold-test-XXXXXX");
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
    fchmod(fd, mode);
    close(fd);
    return path;
}

Test(command_lookup, finds_a_word_in_PATH)
{
    char *path;
    setenv("PATH", "/nowhere:/bin", 1);
    cr_assert_eq(resolve("cat", &path), 0);
    cr_assert_str_eq(path, "/bin/cat");
    free(path);
}

Test(command_lookup, takes_a_path_as_it_is)
{
    char *path;
    cr_assert_eq(resolve("/bin/cat", &path), 0);
    cr_assert_str_eq(path, "/bin/cat");
    free(path);
}

Test(command_lookup, says_127_and_the_word_when_there_is_none)
{
    cr_assert_eq(resolve("no-such-command", NULL), 127);
    cr_assert_str_eq(error, "no-such-command: command not found");
    cr_assert_eq(resolve("/no/such/command", NULL), 127);
    cr_assert_eq(resolve("", NULL), 127);
}

Test(command_lookup, names_the_shell_for_a_word_that_looks_like_its_language)
{
    cr_assert_eq(resolve("sort | uniq -c", NULL), 127);
    cr_assert(strstr(error, "say: --shell 'sort | uniq -c'"), "%s", error);
}

Test(command_lookup, says_126_for_a_directory_and_for_a_file_without_the_right)
{
    cr_assert_eq(resolve("/tmp", NULL), 126);
    char *path = make_file("x", 1, 0600);
    cr_assert_eq(resolve(path, NULL), 126);
    unlink(path);
}

Test(command_lookup, names_the_input_option_where_the_word_is_a_file_of_data)
{
    static const char hint[] = "give each input its own -i";
    char *path = make_file("1,2\n", 4, 0600);
    cr_assert_eq(resolve(path, NULL), 126);
    cr_expect(strstr(error, hint), "%s", error);
    cr_assert_eq(chdir("/tmp"), 0);
    cr_assert_eq(resolve(path + strlen("/tmp/"), NULL), 127);
    cr_expect(strstr(error, hint), "%s", error);
    unlink(path);
    path = make_file("#!/bin/sh\n", 10, 0600);
    cr_assert_eq(resolve(path, NULL), 126);
    cr_expect_not(strstr(error, hint), "%s", error);
    unlink(path);
    cr_assert_eq(resolve("/tmp", NULL), 126);
    cr_expect_not(strstr(error, hint), "%s", error);
}

Test(command_lookup, says_126_for_an_interpreter_that_is_not_there)
{
    char *path = make_file("#!/no/such/interpreter -x\n", 26, 0700);
    cr_assert_eq(resolve(path, NULL), 126);
    cr_assert(strstr(error, "/no/such/interpreter"), "%s", error);
    unlink(path);
}

Test(command_lookup, says_126_for_bytes_that_are_no_program)
{
    char *path = make_file("\1\2\0\3", 4, 0700);
    cr_assert_eq(resolve(path, NULL), 126);
    unlink(path);
}

Test(command_lookup, says_2_where_there_is_no_word)
{
    char *argv[] = {NULL}, *path;
    cr_assert_eq(command_resolve(argv, NULL, &path, error, sizeof error), 2);
}

Test(command_lookup, names_the_CR_behind_an_interpreter)
{
    static const char *const scripts[] = {"#!/bin/sh\r\ncat\r\n",
                                          "#! /usr/bin/env bash\r\ncat\r\n"};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        char *path = make_file(scripts[i], strlen(scripts[i]), 0700);
        cr_expect_eq(resolve(path, NULL), 126);
        cr_expect(strstr(error, "ends with CR LF"), "%s", error);
        cr_expect(strstr(error, "sed -i 's/\\r$//' /tmp/fanfold-test-"), "%s", error);
        unlink(path);
    }
}

/* Perl and others take a CR behind their own options for a blank. */
Test(command_lookup, lets_a_CR_behind_the_interpreters_options_pass)
{
    static const char script[] = "#!/bin/sh -e\r\ncat\r\n";
    char *path = make_file(script, strlen(script), 0700), *found;
    cr_expect_eq(resolve(path, &found), 0);
    free(found);
    unlink(path);
}

static const char *shell_of(const char *shell)
{
    static char word[64];
    const char *argv[] = {"cat", NULL};
    setenv("SHELL", shell, 1);
    char **words = command_words((char *const *)(uintptr_t)argv, true);
    snprintf(word, sizeof word, "%s", words[0]);
    command_free_words(&words);
    return word;
}

Test(command_lookup, does_not_take_a_shell_that_runs_nothing)
{
    cr_expect_str_eq(shell_of("/bin/bash"), "/bin/bash");
    cr_expect_str_eq(shell_of("/usr/sbin/nologin"), "/bin/sh");
    cr_expect_str_eq(shell_of("/bin/false"), "/bin/sh");
    cr_expect_str_eq(shell_of("/bin/true"), "/bin/sh");
    cr_expect_str_eq(shell_of("false"), "/bin/sh");
    cr_expect_str_eq(shell_of(""), "/bin/sh");
}
