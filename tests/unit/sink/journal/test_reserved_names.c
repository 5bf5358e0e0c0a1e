/* SPDX-License-Identifier: MIT */
#include "sink/journal/reserved_names.h"

#include "common/exit_status.h"
#include "sink/journal/journal.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/fanfold-names-XXXXXX";
static const struct reserved_names usual = {"out", "out.fanfold", "out.dead-letters"};

static void enter(void)
{
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
    close(open("out", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    cr_redirect_stderr();
}

static void leave(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(reserved_names, .init = enter, .fini = leave);

static void write_file(const char *name, const void *data, size_t size, mode_t mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, data, size), (ssize_t)size);
    close(fd);
}

static bool is_there(const char *name)
{
    struct stat status;
    return lstat(name, &status) == 0;
}

Test(reserved_names, are_free_in_an_empty_place)
{
    cr_assert_eq(reserved_names_check(&usual), STATUS_OK);
}

Test(reserved_names, of_a_killed_sink_are_cleared)
{
    uint8_t bytes[JOURNAL_BYTES_MAX];
    struct journal journal = {.offset = 7};
    size_t size = journal_encode(&journal, bytes);
    for (size_t cut = 0; cut <= size; cut++) {
        write_file("out.fanfold.tmp", bytes, cut, cut > 0 ? 0600 : 0);
        cr_assert_eq(reserved_names_check(&usual), STATUS_OK, "%zu bytes", cut);
        cr_assert_not(is_there("out.fanfold.tmp"), "%zu bytes", cut);
    }
}

Test(reserved_names, leave_the_journal_of_another_run_alone)
{
    uint8_t bytes[JOURNAL_BYTES_MAX];
    struct journal journal = {.offset = 7};
    size_t size = journal_encode(&journal, bytes);
    write_file("out", bytes, size, 0600);
    cr_assert_eq(reserved_names_check(&usual), STATUS_USAGE);
    write_file("out", "some output, long enough", 24, 0600);
    cr_assert_eq(reserved_names_check(&usual), STATUS_OK);
}

Test(reserved_names, that_are_a_users_are_left_alone)
{
    static const struct {
        const char *text;
        size_t size;
    } files[] = {{"", 0},
                 {"precious\n", 9},
                 {"\x9e", 1},
                 {"\x9e\xaf"
                  "fanfolds",
                  10},
                 {"\0\0\0\0", 4}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        bool begins = files[i].size ==
                      1; /* such a file is the beginning of a journal */
        write_file("out.fanfold.tmp", files[i].text, files[i].size, 0600);
        cr_assert_eq(reserved_names_check(&usual), begins ? STATUS_OK : STATUS_USAGE,
                     "%zu", i);
        cr_assert_eq(is_there("out.fanfold.tmp"), !begins);
        unlink("out.fanfold.tmp");
    }
    cr_assert_eq(symlink("out", "out.fanfold.tmp"), 0);
    cr_assert_eq(reserved_names_check(&usual), STATUS_USAGE);
    unlink("out.fanfold.tmp");
    cr_assert_eq(mkdir("out.fanfold.tmp", 0700), 0);
    cr_assert_eq(reserved_names_check(&usual), STATUS_USAGE);
    cr_assert(is_there("out.fanfold.tmp"));
}

Test(reserved_names, are_not_the_directory_of_dead_letters)
{
    static const char *const others[] = {"out", "./out", "out.fanfold",
                                         "out.fanfold.tmp", "../%s/out"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char path[100];
        snprintf(path, sizeof path, others[i], strrchr(directory, '/') + 1);
        struct reserved_names names = usual;
        names.dead_letters = path;
        cr_assert_eq(reserved_names_check(&names), STATUS_USAGE, "%s", path);
    }
}

Test(reserved_names, of_dead_letters_that_are_a_file_are_told_at_the_start)
{
    write_file("out.dead-letters", "x", 1, 0600);
    cr_assert_eq(reserved_names_check(&usual), STATUS_IO);
    struct reserved_names none = usual;
    none.dead_letters = NULL;
    cr_assert_eq(reserved_names_check(&none), STATUS_OK);
}

Test(reserved_names, must_have_room_in_the_path)
{
    char path[4096] = "";
    while (strlen(path) < 4090)
        strcat(path, "/");
    struct reserved_names names = {"out", path, NULL};
    cr_assert_eq(reserved_names_check(&names), STATUS_OK);
    strcat(path, "//");
    cr_assert_eq(reserved_names_check(&names), STATUS_USAGE);
}
