/* SPDX-License-Identifier: MIT */
#include "sink/output/output_part.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static char directory[64], path[128];
static int descriptor;

static void prepare(void)
{
    strcpy(directory, "/tmp/fanfold-part-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/out", directory);
    descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void clean(void)
{
    char command[100];
    close(descriptor);
    snprintf(command, sizeof command, "rm -r %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(output_part, .init = prepare, .fini = clean);

static void expect_path(uint64_t number, const char *expected)
{
    char *part = output_part_path("out", number);
    cr_assert_str_eq(part, expected);
    free(part);
}

Test(output_part, has_a_name_that_sorts_as_its_number)
{
    expect_path(1, "out.000001");
    expect_path(999999, "out.999999");
    expect_path(1000000, "out.a1000000");
    expect_path(12345678, "out.b12345678");
}

static void make(const char *name)
{
    int fd = openat(descriptor, name, O_WRONLY | O_CREAT, 0600);
    cr_assert_geq(fd, 0);
    close(fd);
}

Test(output_part, is_found_by_its_name)
{
    static const char *const others[] = {"out",         "out.fanfold", "out.1",
                                         "out.00001",   "out.000001x", "outer.000001",
                                         "out.b1000000"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        make(others[i]);
    cr_assert_null(output_part_find(path));
    make("out.a1000000");
    char *part = output_part_find(path);
    cr_assert_not_null(part);
    cr_assert_not_null(strstr(part, "/out.a1000000"));
    free(part);
}

Test(output_part, is_finished_and_the_next_one_begun_without_replacing_a_file)
{
    make("out");
    make("out.000002");
    cr_assert_eq(output_part_begin(descriptor, "out"), -EEXIST);
    cr_assert_eq(output_part_finish(descriptor, "out", 2), -EEXIST);
    cr_assert_eq(output_part_finish(descriptor, "out", 1), 0);
    cr_assert_eq(faccessat(descriptor, "out.000001", F_OK, 0), 0);
    cr_assert_eq(output_part_finish(descriptor, "out", 3), -ENOENT);
    int next = output_part_begin(descriptor, "out"), other = open(path, O_RDONLY);
    cr_assert_geq(next, 0);
    cr_assert_eq(flock(other, LOCK_EX | LOCK_NB), -1, "it is not locked");
    close(next);
    close(other);
}
