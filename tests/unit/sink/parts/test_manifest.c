/* SPDX-License-Identifier: MIT */
#include "sink/parts/manifest.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct manifest manifest;
static uint64_t line;

static int read_text(const char *text)
{
    char path[] = "/dev/shm/manifest-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    fputs(text, file);
    fclose(file);
    int result = manifest_read(path, &manifest, &line);
    unlink(path);
    return result;
}

#define HASH " ef46db3751d8e999\n"

Test(manifest, finds_parts_by_their_numbers)
{
    cr_assert_eq(read_text("1 - 0" HASH "4 - 0" HASH "9 - 0" HASH), 0);
    cr_expect_eq(manifest.count, 3);
    cr_expect_null(manifest_find(&manifest, 0));
    cr_expect_eq(manifest_find(&manifest, 1)->seq, 1);
    cr_expect_null(manifest_find(&manifest, 2));
    cr_expect_eq(manifest_find(&manifest, 4)->seq, 4);
    cr_expect_eq(manifest_find(&manifest, 9)->seq, 9);
    cr_expect_null(manifest_find(&manifest, 10));
    manifest_deinit(&manifest);
}

Test(manifest, may_be_empty)
{
    cr_assert_eq(read_text(""), 0);
    cr_expect_eq(manifest.count, 0);
    cr_expect_null(manifest_find(&manifest, 0));
    manifest_deinit(&manifest);
}

Test(manifest, tells_which_line_is_wrong)
{
    cr_expect_eq(read_text("1 - 0" HASH "1 - 0" HASH), -EINVAL);
    cr_expect_eq(line, 2, "they ascend");
    cr_expect_eq(read_text("1 - 0" HASH "2 - 0 ef46db3751d8e999"), -EINVAL);
    cr_expect_eq(line, 2, "it is cut short");
    cr_expect_eq(read_text("some words\n"), -EINVAL);
    cr_expect_eq(line, 1);
    cr_expect_eq(manifest_read("/dev/shm/none", &manifest, &line), -ENOENT);
}
