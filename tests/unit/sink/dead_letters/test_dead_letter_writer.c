/* SPDX-License-Identifier: MIT */
#include "sink/dead_letters/dead_letter_writer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char parent[64], directory[128], error[500];
static const struct id run = {{0xab}};

static void prepare(void)
{
    strcpy(parent, "/tmp/fanfold-writer-XXXXXX");
    cr_assert_not_null(mkdtemp(parent));
    snprintf(directory, sizeof directory, "%s/dead", parent);
}

static void clean(void)
{
    char command[200];
    snprintf(command, sizeof command, "rm -r %s", parent);
    cr_assert_eq(system(command), 0);
}

TestSuite(dead_letter_writer, .init = prepare, .fini = clean);

static int read_text(void *context, uint64_t from, void *data, size_t size)
{
    memcpy(data, (const char *)context + from, size);
    return 0;
}

/* Two dead letters of three bytes each. */
static int write_two(struct dead_letter_writer *writer, char *bytes)
{
    const struct dead_letter dead_letters[] = {{.length = 3}, {.length = 3}};
    return dead_letter_writer_write(writer, dead_letters, 2, read_text, bytes, error,
                                    sizeof error);
}

static int take_header(struct dead_letter_writer *writer, const char *text)
{
    return dead_letter_writer_take_header(writer, slice_of_text(text), error,
                                          sizeof error);
}

static const char *content(const char *name)
{
    static char bytes[2000];
    char path[200];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    bytes[fread(bytes, 1, sizeof bytes - 1, file)] = '\0';
    fclose(file);
    return bytes;
}

Test(dead_letter_writer, numbers_on_from_those_that_are_there)
{
    char bytes[] = "onetwo";
    struct dead_letter_writer *writer = dead_letter_writer_new(directory, &run, 7);
    cr_assert_eq(write_two(writer, bytes), 0);
    cr_assert_str_eq(content("000008.input"), "one");
    cr_assert_str_eq(content("000009.input"), "two");
    cr_assert_not_null(strstr(content("000009.json"), "\"run\": \"ab00"));
    dead_letter_writer_destroy(&writer);
    cr_assert_null(writer);
}

Test(dead_letter_writer, keeps_the_header_once_there_is_a_dead_letter)
{
    char bytes[] = "onetwo";
    struct dead_letter_writer *writer = dead_letter_writer_new(directory, &run, 0);
    cr_assert_eq(take_header(writer, "name\nsize\n"), 0);
    cr_assert_null(content("header"));
    cr_assert_eq(dead_letter_writer_header_lines(writer), 0);
    cr_assert_eq(write_two(writer, bytes), 0);
    cr_assert_str_eq(content("header"), "name\nsize\n");
    cr_assert_eq(dead_letter_writer_header_lines(writer), 2);
    dead_letter_writer_destroy(&writer);
}

Test(dead_letter_writer, keeps_the_first_header_beside_earlier_dead_letters)
{
    char bytes[] = "onetwo";
    struct dead_letter_writer *writer = dead_letter_writer_new(directory, &run, 0);
    cr_assert_eq(write_two(writer, bytes), 0);
    cr_assert_eq(take_header(writer, ""), 0);
    cr_assert_eq(take_header(writer, "first\n"), 0);
    cr_assert_str_eq(content("header"), "first\n");
    cr_assert_eq(take_header(writer, "second\n"), 0);
    cr_assert_str_eq(content("header"), "first\n");
    dead_letter_writer_destroy(&writer);
}

Test(dead_letter_writer, says_that_another_run_writes_there)
{
    char bytes[] = "onetwo";
    struct dead_letter_writer *mine = dead_letter_writer_new(directory, &run, 0);
    struct dead_letter_writer *other = dead_letter_writer_new(directory, &run, 0);
    cr_assert_eq(write_two(mine, bytes), 0);
    cr_assert_eq(write_two(other, bytes), -EEXIST);
    cr_assert_not_null(strstr(error, "another run has begun to write its own there"));
    dead_letter_writer_destroy(&mine);
    dead_letter_writer_destroy(&other);
}
