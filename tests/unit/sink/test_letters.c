/* SPDX-License-Identifier: MIT */
#include "sink/letters.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char parent[64], directory[128];

static void prepare(void)
{
    strcpy(parent, "/tmp/fanfold-letters-XXXXXX");
    cr_assert_not_null(mkdtemp(parent));
    snprintf(directory, sizeof directory, "%s/dead", parent);
}

static void clean(void)
{
    char command[200];
    snprintf(command, sizeof command, "rm -r %s", parent);
    cr_assert_eq(system(command), 0);
}

TestSuite(letters, .init = prepare, .fini = clean);

static int read_text(void *context, uint64_t from, void *data, size_t size)
{
    memcpy(data, (const char *)context + from, size);
    return 0;
}

static int read_nothing(void *context, uint64_t from, void *data, size_t size)
{
    (void)context, (void)from, (void)data, (void)size;
    return -EIO;
}

static void write_one(uint64_t number, const char *bytes)
{
    struct letter letter = {.seq = number, .length = strlen(bytes)};
    cr_assert_eq(letters_write(directory, number, &letter, read_text, (void *)bytes),
                 0);
}

static bool there(const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

static void expect_content(const char *name, const char *expected)
{
    char path[200], content[2000];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", name);
    content[fread(content, 1, sizeof content - 1, file)] = '\0';
    fclose(file);
    cr_assert_str_eq(content, expected);
}

Test(letters, lie_under_their_numbers_as_they_came)
{
    static const char bytes[] = "bad\nrecord";
    struct letter letter = {
        .run = {{10}},
        .seq = 4,
        .record = 41,
        .records = 1,
        .offset = 1000,
        .length = strlen(bytes),
        .attempts = 3,
        .how = FAILURE_EXIT,
        .code = 2,
        .text = slice_of_text("cannot \"parse\"\n"),
    };
    cr_assert_eq(letters_write(directory, 7, &letter, read_text, (void *)bytes), 0);
    expect_content("000007.input", bytes);
    expect_content("000007.json", "{\n"
                                  "  \"run\": \"0a000000000000000000000000000000\",\n"
                                  "  \"seq\": 4,\n"
                                  "  \"record\": 42,\n"
                                  "  \"offset\": 1000,\n"
                                  "  \"length\": 10,\n"
                                  "  \"attempts\": 3,\n"
                                  "  \"how\": \"exit status 2\",\n"
                                  "  \"code\": 2,\n"
                                  "  \"stderr\": \"cannot \\\"parse\\\"\\n\"\n"
                                  "}\n");
    cr_assert_eq(letters_sync(directory, 7, 7), 0);
    cr_assert_eq(letters_sync(directory, 7, 8), -ENOENT);
}

static void expect_json(const struct letter *letter, const char *part)
{
    size_t size;
    char *json = letter_json(letter, &size);
    cr_assert_eq(size, strlen(json));
    cr_assert_not_null(strstr(json, part), "%s\nis not in\n%s", part, json);
    free(json);
}

Test(letters, of_a_whole_chunk_name_its_records_where_they_were_counted)
{
    struct letter chunk = {.whole = true, .record = 10, .records = 5};
    expect_json(&chunk, "\"first_record\": 11,\n  \"last_record\": 15,\n");
    chunk.records = 0;
    expect_json(&chunk, "\"seq\": 0,\n  \"offset\"");
}

Test(letters, name_their_input_where_there_are_several)
{
    struct letter letter = {.records = 1, .input = slice_of_text("a \"b\"\n.csv")};
    expect_json(&letter,
                "\"seq\": 0,\n  \"input\": \"a \\\"b\\\"\\n.csv\",\n  \"record\": 1,");
}

Test(letters, say_in_words_how_it_failed)
{
    char text[64];
    struct letter letter = {.how = FAILURE_SIGNAL, .code = SIGKILL};
    cr_assert_str_eq(letter_how(&letter, text, sizeof text), "signal 9 (KILL)");
    letter.code = UINT32_MAX;
    cr_assert_str_eq(letter_how(&letter, text, sizeof text), "signal 4294967295");
    for (unsigned how = 0; how <= FAILURE_LOST; how++) {
        letter.how = (enum failure)how;
        cr_assert_gt(strlen(letter_how(&letter, text, sizeof text)), 5);
    }
}

static void expect_stderr(const void *bytes, size_t size, const char *expected)
{
    char part[300];
    struct letter letter = {.text = {bytes, size}};
    snprintf(part, sizeof part, "\"stderr\": \"%s\"\n}", expected);
    expect_json(&letter, part);
}

#define STDERR(bytes, expected) expect_stderr(bytes, sizeof bytes - 1, expected)

Test(letters, have_what_is_no_utf_8_replaced_byte_by_byte)
{
    STDERR("a\xffz", "a\\ufffdz");
    STDERR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
           "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    STDERR("\xc3", "\\ufffd");                       /* cut */
    STDERR("\xe2\x82", "\\ufffd\\ufffd");            /* cut */
    STDERR("\xc0\x80", "\\ufffd\\ufffd");            /* longer than need be */
    STDERR("\xe0\x80\x80", "\\ufffd\\ufffd\\ufffd"); /* the same */
    STDERR("\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"); /* half a pair */
    STDERR("\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"); /* beyond the last */
    STDERR("\xf5", "\\ufffd");
}

Test(letters, have_control_characters_and_quotes_escaped)
{
    STDERR("\0\x1f\x7f\t\n\r", "\\u0000\\u001f\\u007f\\t\\n\\u000d");
    STDERR("\"\\/", "\\\"\\\\/");
}

Test(letters, highest_number_is_that_of_a_letter_and_of_nothing_else)
{
    uint64_t highest = 9;
    cr_assert_eq(letters_highest(directory, &highest), 0);
    cr_assert_eq(highest, 0, "no directory");
    write_one(1, "a");
    write_one(1000000, "b");
    char path[200];
    static const char *const others[] = {"notes", "7.input", "000009.txt", "000009",
                                         "0000010.json"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, others[i]);
        fclose(fopen(path, "w"));
    }
    cr_assert_eq(letters_highest(directory, &highest), 0);
    cr_assert_eq(highest, 1000000);
}

Test(letters, beyond_a_count_are_cut_and_the_others_stay)
{
    static const struct id run;
    cr_assert_eq(letters_cut(directory, 0, &run), 0, "no directory");
    for (uint64_t number = 1; number <= 4; number++)
        write_one(number, "x");
    cr_assert_eq(letters_cut(directory, 2, &run), 0);
    cr_assert(there("000002.input") && there("000002.json"));
    cr_assert_not(there("000003.input") || there("000003.json"));
    cr_assert_not(there("000004.input") || there("000004.json"));
}

Test(letters, are_never_written_over)
{
    char bytes[] = "new";
    struct letter letter = {.length = strlen(bytes)};
    write_one(1, "the first");
    cr_assert_eq(letters_write(directory, 1, &letter, read_text, bytes), -EEXIST);
    expect_content("000001.input", "the first");
}

Test(letters, of_another_run_are_not_cut)
{
    static const struct id run, other = {{1}};
    char path[200];
    for (uint64_t number = 1; number <= 3; number++)
        write_one(number, "x");
    cr_assert_eq(letters_cut(directory, 2, &other), 1);
    cr_assert_eq(letters_cut(directory, 0, &other), 1);
    cr_assert(there("000003.input") && there("000001.json"));
    snprintf(path, sizeof path, "%s/000003.json", directory);
    unlink(path); /* whoever was to write it was killed before */
    cr_assert_eq(letters_cut(directory, 2, &other), 0);
    cr_assert_not(there("000003.input"));
    cr_assert_eq(letters_cut(directory, 1, &run), 0);
    cr_assert(there("000001.input"));
    cr_assert_not(there("000002.input"));
}

Test(letters, whose_bytes_cannot_be_had_say_so)
{
    struct letter letter = {.length = 5};
    cr_assert_eq(letters_write(directory, 1, &letter, read_nothing, NULL), -EIO);
    cr_assert_eq(letters_write("/proc/none", 1, &letter, read_nothing, NULL), -ENOENT);
}

Test(letters, have_their_header_in_a_file_that_is_none_of_them)
{
    uint64_t highest;
    struct id run = {{1}};
    struct slice header = slice_of_text("name\tsize\n");
    cr_assert_eq(letters_write_header(directory, header), -ENOENT);
    write_one(1, "bytes");
    cr_assert_eq(letters_write_header(directory, slice_of_text("an earlier one\n")), 0);
    cr_assert_eq(letters_write_header(directory, header), 0);
    expect_content("header", "name\tsize\n");
    cr_assert_not(there("header.new"));
    cr_assert_eq(letters_highest(directory, &highest), 0);
    cr_assert_eq(highest, 1);
    cr_assert_eq(letters_cut(directory, 0, &run), 1, "the letter is another run's");
    cr_assert(there("header"));
}
