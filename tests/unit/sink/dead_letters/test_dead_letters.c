/* SPDX-License-Identifier: MIT */
#include "sink/dead_letters/dead_letters.h"

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

TestSuite(dead_letters, .init = prepare, .fini = clean);

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
    struct dead_letter dead_letter = {.seq = number, .length = strlen(bytes)};
    cr_assert_eq(
        dead_letters_write(directory, number, &dead_letter, read_text, (void *)bytes),
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

Test(dead_letters, lie_under_their_numbers_as_they_came)
{
    static const char bytes[] = "bad\nrecord";
    struct dead_letter dead_letter = {
        .run = {{10}},
        .seq = 4,
        .record = 41,
        .records = 1,
        .offset = 1000,
        .length = strlen(bytes),
        .attempts = 3,
        .cause = FAILURE_EXIT,
        .code = 2,
        .text = slice_of_text("cannot \"parse\"\n"),
    };
    cr_assert_eq(
        dead_letters_write(directory, 7, &dead_letter, read_text, (void *)bytes), 0);
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
    cr_assert_eq(dead_letters_sync(directory, 7, 7), 0);
    cr_assert_eq(dead_letters_sync(directory, 7, 8), -ENOENT);
}

static void expect_json(const struct dead_letter *dead_letter, const char *part)
{
    size_t size;
    char *json = dead_letter_json(dead_letter, &size);
    cr_assert_eq(size, strlen(json));
    cr_assert_not_null(strstr(json, part), "%s\nis not in\n%s", part, json);
    free(json);
}

Test(dead_letters, of_a_whole_chunk_name_its_records_where_they_were_counted)
{
    struct dead_letter chunk = {.whole = true, .record = 10, .records = 5};
    expect_json(&chunk, "\"first_record\": 11,\n  \"last_record\": 15,\n");
    chunk.records = 0;
    expect_json(&chunk, "\"seq\": 0,\n  \"offset\"");
}

Test(dead_letters, name_their_input_where_there_are_several)
{
    struct dead_letter dead_letter = {.records = 1,
                                      .input = slice_of_text("a \"b\"\n.csv")};
    expect_json(&dead_letter,
                "\"seq\": 0,\n  \"input\": \"a \\\"b\\\"\\n.csv\",\n  \"record\": 1,");
}

Test(dead_letters, say_in_words_how_it_failed)
{
    char text[64];
    struct dead_letter dead_letter = {.cause = FAILURE_SIGNAL, .code = SIGKILL};
    cr_assert_str_eq(dead_letter_cause(&dead_letter, text, sizeof text),
                     "signal 9 (KILL)");
    dead_letter.code = UINT32_MAX;
    cr_assert_str_eq(dead_letter_cause(&dead_letter, text, sizeof text),
                     "signal 4294967295");
    for (unsigned cause = 0; cause <= FAILURE_LOST; cause++) {
        dead_letter.cause = (enum failure)cause;
        cr_assert_gt(strlen(dead_letter_cause(&dead_letter, text, sizeof text)), 5);
    }
}

static void expect_stderr(const void *bytes, size_t size, const char *expected)
{
    char part[300];
    struct dead_letter dead_letter = {.text = {bytes, size}};
    snprintf(part, sizeof part, "\"stderr\": \"%s\"\n}", expected);
    expect_json(&dead_letter, part);
}

#define STDERR(bytes, expected) expect_stderr(bytes, sizeof bytes - 1, expected)

Test(dead_letters, have_what_is_no_utf_8_replaced_byte_by_byte)
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

Test(dead_letters, have_control_characters_and_quotes_escaped)
{
    STDERR("\0\x1f\x7f\t\n\r", "\\u0000\\u001f\\u007f\\t\\n\\u000d");
    STDERR("\"\\/", "\\\"\\\\/");
}

Test(dead_letters, highest_number_is_that_of_a_dead_letter_and_of_nothing_else)
{
    uint64_t highest = 9;
    cr_assert_eq(dead_letters_highest(directory, &highest), 0);
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
    cr_assert_eq(dead_letters_highest(directory, &highest), 0);
    cr_assert_eq(highest, 1000000);
}

Test(dead_letters, beyond_a_count_are_cut_and_the_others_stay)
{
    static const struct id run;
    cr_assert_eq(dead_letters_cut(directory, 0, &run), 0, "no directory");
    for (uint64_t number = 1; number <= 4; number++)
        write_one(number, "x");
    cr_assert_eq(dead_letters_cut(directory, 2, &run), 0);
    cr_assert(there("000002.input") && there("000002.json"));
    cr_assert_not(there("000003.input") || there("000003.json"));
    cr_assert_not(there("000004.input") || there("000004.json"));
}

Test(dead_letters, are_never_written_over)
{
    char bytes[] = "new";
    struct dead_letter dead_letter = {.length = strlen(bytes)};
    write_one(1, "the first");
    cr_assert_eq(dead_letters_write(directory, 1, &dead_letter, read_text, bytes),
                 -EEXIST);
    expect_content("000001.input", "the first");
}

Test(dead_letters, of_another_run_are_not_cut)
{
    static const struct id run, other = {{1}};
    char path[200];
    for (uint64_t number = 1; number <= 3; number++)
        write_one(number, "x");
    cr_assert_eq(dead_letters_cut(directory, 2, &other), 1);
    cr_assert_eq(dead_letters_cut(directory, 0, &other), 1);
    cr_assert(there("000003.input") && there("000001.json"));
    snprintf(path, sizeof path, "%s/000003.json", directory);
    unlink(path); /* whoever was to write it was killed before */
    cr_assert_eq(dead_letters_cut(directory, 2, &other), 0);
    cr_assert_not(there("000003.input"));
    cr_assert_eq(dead_letters_cut(directory, 1, &run), 0);
    cr_assert(there("000001.input"));
    cr_assert_not(there("000002.input"));
}

Test(dead_letters, whose_bytes_cannot_be_had_say_so)
{
    struct dead_letter dead_letter = {.length = 5};
    cr_assert_eq(dead_letters_write(directory, 1, &dead_letter, read_nothing, NULL),
                 -EIO);
    cr_assert_eq(dead_letters_write("/proc/none", 1, &dead_letter, read_nothing, NULL),
                 -ENOENT);
}

Test(dead_letters, have_their_header_in_a_file_that_is_none_of_them)
{
    uint64_t highest;
    struct id run = {{1}};
    struct slice header = slice_of_text("name\tsize\n");
    cr_assert_eq(dead_letters_write_header(directory, header), -ENOENT);
    write_one(1, "bytes");
    cr_assert_not(dead_letters_have_header(directory));
    for (int i = 0; i < 2; i++)
        cr_assert_eq(dead_letters_write_header(directory, header), 0);
    cr_assert(dead_letters_have_header(directory));
    expect_content("header", "name\tsize\n");
    cr_assert_not(there("header.new"));
    cr_assert_eq(dead_letters_highest(directory, &highest), 0);
    cr_assert_eq(highest, 1);
    cr_assert_eq(dead_letters_cut(directory, 0, &run), 1,
                 "the letter is another run's");
    cr_assert(there("header"));
}

static void write_file(const char *name, const char *content)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file, "%s", name);
    fputs(content, file);
    fclose(file);
}

Test(dead_letters, destroy_no_file_that_has_the_headers_name)
{
    static const char *const names[] = {"header", "header.new"};
    struct slice header = slice_of_text("name\tsize\n");
    for (int i = 0; i < 2; i++) {
        write_one((uint64_t)i + 1, "bytes");
        write_file(names[i], "precious\n");
        cr_assert(dead_letters_have_header(directory));
        cr_assert_eq(dead_letters_write_header(directory, header), -EEXIST, "%s",
                     names[i]);
        expect_content(names[i], "precious\n");
        char path[200];
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        unlink(path);
    }
    write_file("header.new", "name\t"); /* a killed sink's */
    cr_assert_eq(dead_letters_write_header(directory, header), 0);
    expect_content("header", "name\tsize\n");
    cr_assert_not(there("header.new"));
}

Test(dead_letters, have_names_that_sort_as_their_numbers_do)
{
    static const uint64_t numbers[] = {1,
                                       9,
                                       10,
                                       999999,
                                       1000000,
                                       1000001,
                                       9999999,
                                       10000000,
                                       123456789,
                                       987654321,
                                       UINT64_C(18446744073709551615)};
    enum { COUNT = sizeof numbers / sizeof *numbers };
    char command[300], name[64], last[64] = "";
    uint64_t highest;
    for (int i = COUNT - 1; i >= 0; i--)
        write_one(numbers[i], "x");
    cr_assert(there("000001.input") && there("999999.json"));
    cr_assert_eq(dead_letters_highest(directory, &highest), 0);
    cr_assert_eq(highest, numbers[COUNT - 1]);
    /* As the shell sorts them for the line that runs dead letters again. */
    snprintf(command, sizeof command, "cd %s; for f in *.input; do echo $f; done",
             directory);
    FILE *sorted = popen(command, "r");
    for (int i = 0; i < COUNT; i++) {
        cr_assert_not_null(fgets(name, sizeof name, sorted));
        const char *digits = name + strspn(name, "abcdefghijklmnopqrstuvwxyz");
        cr_assert_eq(strtoull(digits, NULL, 10), numbers[i], "%s", name);
        cr_assert_gt(strcmp(name, last), 0, "%s", name);
        strcpy(last, name);
    }
    pclose(sorted);
}

Test(dead_letters, are_cut_only_where_they_are_the_runs_or_were_not_written_in_full)
{
    static const struct {
        const char *json;
        int result;
    } cases[] = {
        {"", 0},   {"{\n  \"run\": \"0a00", 0}, {"{\n  \"run\": \"0b00", 1},
        {"{}", 1}, {"precious\n", 1},
    };
    struct id run = {{10}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_one(1, "x");
        write_file("000001.json", cases[i].json);
        cr_assert_eq(dead_letters_cut(directory, 0, &run), cases[i].result, "%zu", i);
        cr_assert_eq(there("000001.json"), cases[i].result == 1, "%zu", i);
        char command[300];
        snprintf(command, sizeof command, "rm -f %s/*", directory);
        cr_assert_eq(system(command), 0);
    }
}
