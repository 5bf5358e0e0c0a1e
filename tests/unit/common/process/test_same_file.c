/* SPDX-License-Identifier: MIT */
#include "common/process/same_file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/fanfold-same-XXXXXX";

static void enter(void)
{
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
    cr_assert_eq(mkdir("folder", 0700), 0);
    close(open("file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    close(open("other", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    cr_assert_eq(link("file", "folder/hard"), 0);
    cr_assert_eq(symlink("file", "soft"), 0);
    cr_assert_eq(symlink("new", "dangling"), 0);
    cr_assert_eq(symlink("folder", "way"), 0);
}

static void leave(void)
{
    static const char *const names[] = {"folder/hard", "file",     "other",
                                        "soft",        "dangling", "way"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(names[i]);
    rmdir("folder");
    rmdir(directory);
}

TestSuite(same_file, .init = enter, .fini = leave);

Test(same_file, is_known_by_every_name)
{
    static const struct {
        const char *one, *other;
        bool same;
    } cases[] = {
        {"file", "./file", true},
        {"file", "folder/../file", true},
        {"file", "folder/hard", true},
        {"file", "soft", true},
        {"file", "other", false},
        {"file", "new", false},
        {"new", "./new", true},
        {"new", "dangling", true},
        {"folder/new", "way/new", true},
        {"new", "folder/new", false},
        {"none/new", "none/other", false},
        {"none/new", "none/new", false},
        {"folder", "way", true},
        {"folder", "file", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(is_same_file(cases[i].one, cases[i].other), cases[i].same,
                     "%s, %s", cases[i].one, cases[i].other);
        cr_assert_eq(is_same_file(cases[i].other, cases[i].one), cases[i].same,
                     "%s, %s", cases[i].other, cases[i].one);
    }
}
